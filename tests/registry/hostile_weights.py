"""A process that is given hostile weights files, and keeps every error until after its end.

A file that HDF5 cannot let go of ends the process by a signal when it exits, after all else went well. The errors are
made immortal: only what was closed when the file was refused is closed in time. Prints what each was refused for.
"""

from __future__ import annotations

import ctypes
import io
import sys

import h5py
import numpy as np

from tickgraph.errors import ArtefactError
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.weights_file import decode_weights, encode_weights

SHAPES = weight_shapes(TrainingConfig())
PLACE = "layers/dense/vars/0"


def virtual(file):
    layout = h5py.VirtualLayout(SHAPES[PLACE], "f4")
    layout[:] = h5py.VirtualSource(".", "layers/dense/vars/1", SHAPES[PLACE])
    file.create_virtual_dataset(PLACE, layout)


def array(*arguments, **named):
    return lambda file: file.create_dataset(PLACE, *arguments, **named)


def nested(file, groups=30_000):
    group = file.id
    for _ in range(groups):
        group = h5py.h5g.create(group, b"g")


SHAPE = SHAPES[PLACE]
IN_ITS_PLACE = {
    "virtual": virtual,
    "soft link to itself": lambda file: file.__setitem__(PLACE, h5py.SoftLink(f"/{PLACE}")),
    "external link": lambda file: file.__setitem__(PLACE, h5py.ExternalLink("/etc/hostname", "/x")),
    "external storage": array(SHAPE, "f4", external=[("/etc/hostname", 0, 256)]),
    "object references": array(SHAPE, h5py.ref_dtype),
    "region references": array(SHAPE, h5py.regionref_dtype),
    "text": array(SHAPE, h5py.string_dtype()),
    "records": array(SHAPE, np.dtype([("a", "f4"), ("b", "f8")])),
    "no numbers": array(data=h5py.Empty("f4")),
    "a huge array in pieces": array((2**20, 2**20), "f4", chunks=(1024, 1024)),
    "a huge array": array((2**40,), "f4"),
    "a compressed bomb": array(data=np.zeros(2**22, "f4"), compression="gzip"),
}
BESIDE_IT = {
    "a hard link upwards": lambda file: file.__setitem__("layers/loop", file["/layers"]),
    "a named type": lambda file: file.__setitem__("layers/type", np.dtype("f4")),
    "many groups": lambda file: [file.create_group(f"g{n}") for n in range(11_000)],
    "groups in groups": nested,
    "escapes": lambda file: file.create_dataset("\x1b[2Jlayers", data=1.0),
}
HARMLESS = {
    "a user block": lambda file: None,
    "attributes of megabytes": lambda file: [
        file.attrs.__setitem__(str(n), np.zeros(8000)) for n in range(20)
    ],
}


def image(make, *, replaced=False, user_block=0):
    buffer = io.BytesIO(encode_weights({path: np.ones(shape, np.float32) for path, shape in SHAPES.items()}))
    with h5py.File(buffer, "r+", libver="latest") as file:
        if replaced:
            del file[PLACE]
        make(file)
    return bytes(user_block) + buffer.getvalue()


def main():
    for name, make in {**IN_ITS_PLACE, **BESIDE_IT}.items():
        try:
            decode_weights(image(make, replaced=name in IN_ITS_PLACE), SHAPES, name="x")
        except ArtefactError as error:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(error))
            print(f"{name}: {error}", flush=True)
    for name, make in HARMLESS.items():
        block = 512 if name == "a user block" else 0
        read = decode_weights(image(make, user_block=block), SHAPES, name="x")
        assert all((value == 1).all() for value in read.values())
        print(f"{name}: read", flush=True)


if __name__ == "__main__":
    sys.exit(main())
