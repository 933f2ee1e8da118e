"""Keras 3 ``.weights.h5`` files, written and read without Keras.

The layout is that of ``keras.Model.save_weights`` for a Functional model: ``layers/{class}[_n]/vars/{i}``. A
test loads what is written here with ``load_weights``, and reads here what Keras saved.

Reading trusts nothing. The caller's sha256 is over the very bytes that are opened, from memory; every object
in the file is visited, and anything but the expected plain datasets is refused: links of any other kind,
external and virtual storage, filters, other names, shapes and types, numbers that are not finite. HDF5
external storage read local files through Keras before 3.13.2 (CVE-2026-1669).
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping

import h5py
import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError
from tickgraph.registry.generation import MAX_BYTES

_FLOAT32 = np.dtype("<f4")
# HDF5 takes two images of one name, open at once in two threads, for the same file.
_IMAGE_NUMBERS = itertools.count()


def encode_weights(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Write arrays as a ``.weights.h5`` image; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "v110"), track_order=False) as file:
        file.create_group("vars")
        for path, value in weights.items():
            group, name = path.rsplit("/", 1)
            file.require_group(group).create_dataset(
                name, data=np.ascontiguousarray(value, _FLOAT32), track_times=False
            )
    return buffer.getvalue()


def decode_weights(
    data: bytes, expected: Mapping[str, tuple[int, ...]], *, name: str
) -> dict[str, NDArray[np.float32]]:
    """Read a ``.weights.h5`` image into fresh arrays.

    Parameters
    ----------
    data
        The file's bytes.
    expected
        Shape of every array by path; the file must hold these and no other.
    name
        What to call the file in errors.

    Raises
    ------
    ArtefactError
        The file is damaged, or is not what the architecture expects.
    """
    if len(data) > MAX_BYTES:
        raise _refused(name, f"it has {len(data):,} bytes, more than {MAX_BYTES:,}")
    try:
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_fapl_core(backing_store=False)
        access.set_file_image(data)
        file = h5py.h5f.open(b"memory-%d" % next(_IMAGE_NUMBERS), h5py.h5f.ACC_RDONLY, fapl=access)
    except (OSError, ValueError, RuntimeError) as error:
        raise _refused(name, "it is not a complete HDF5 file") from error
    try:
        _check_contents(h5py.h5g.open(file, b"/"), expected, name)
        return {path: _read_dataset(file, path, shape, name) for path, shape in expected.items()}
    except (OSError, ValueError, RuntimeError, KeyError, UnicodeDecodeError) as error:
        raise _refused(name, f"its contents cannot be read ({error})") from error
    finally:
        file.close()


def _check_contents(root: h5py.h5g.GroupID, expected: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Refuse anything but groups and the expected datasets, each under one name."""
    links: list[str] = []
    foreign: list[str] = []

    def see_link(path: bytes, info: h5py.h5l.LinkInfo) -> None:
        (links if info.type == h5py.h5l.TYPE_HARD else foreign).append(path.decode("utf-8"))

    kinds: dict[str, int] = {}

    def see_object(path: bytes, info: h5py.h5o.ObjInfo) -> None:
        kinds[path.decode("utf-8")] = info.type

    root.links.visit(see_link, info=True)
    h5py.h5o.visit(root, see_object, info=True)
    if foreign:
        raise _refused(name, f"{foreign[0]} is a soft or external link")
    # Each object is visited once, each hard link too: a second name for an object, or a loop, shows here.
    if second := set(links) - set(kinds):
        raise _refused(name, f"{min(second)} is a second name, neither a plain group nor a dataset")
    for path, kind in kinds.items():
        if kind == h5py.h5o.TYPE_DATASET and path not in expected:
            raise _refused(name, f"it holds {path}, which the architecture does not have")
        if kind not in (h5py.h5o.TYPE_DATASET, h5py.h5o.TYPE_GROUP):
            raise _refused(name, f"{path} is neither a plain group nor a dataset")
    if missing := [path for path in expected if kinds.get(path) != h5py.h5o.TYPE_DATASET]:
        raise _refused(name, f"it lacks {', '.join(missing)}")


def _read_dataset(file: h5py.h5f.FileID, path: str, shape: tuple[int, ...], name: str) -> NDArray[np.float32]:
    item = h5py.h5d.open(file, path.encode())
    plist = item.get_create_plist()
    stored_plainly = plist.get_layout() in _PLAIN_LAYOUTS and not item.get_type().committed()
    if plist.get_external_count() or plist.get_nfilters() or not stored_plainly:
        raise _refused(name, f"{path} is not stored as a plain array")
    if item.shape != shape or item.dtype != _FLOAT32:
        raise _refused(name, f"{path} is {item.dtype} {item.shape}, expected float32 {shape}")
    value = np.empty(shape, np.float32)
    item.read(h5py.h5s.ALL, h5py.h5s.ALL, value)
    if not np.isfinite(value).all():
        raise _refused(name, f"{path} has values that are not finite")
    return value


_PLAIN_LAYOUTS = (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)


def _refused(name: str, reason: str) -> ArtefactError:
    return ArtefactError(f"Weights file {name} is refused: {reason}.")
