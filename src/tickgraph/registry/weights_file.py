"""Keras 3 ``.weights.h5`` files, written and read without Keras.

The layout is that of ``keras.Model.save_weights`` for a Functional model: ``layers/{class}[_n]/vars/{i}``. A test
loads with Keras what is written here, and reads here what Keras saved.

Reading trusts nothing. The file is opened from memory, so its bytes are the ones whose sha256 was checked. Every object
in it is visited. Anything but the expected plain datasets is refused: soft and external links, external and virtual
storage, filters, other names, shapes and types, numbers that are not finite. Before Keras 3.13.2, HDF5 external storage
let a weights file read other local files (CVE-2026-1669).
"""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator, Mapping
from typing import TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError
from tickgraph.registry.artefact_file import MAX_BYTES

Identifier = TypeVar("Identifier", bound="h5py._objects.ObjectID")

_FLOAT32 = np.dtype("<f4")
_MAX_OBJECTS, _MAX_DEPTH = 10_000, 16  # the default model has 40, four deep
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
        return _read_image(data, expected)
    except _Unfit as unfit:
        reason = str(unfit)
    except _UNREADABLE as error:
        reason = f"its contents cannot be read ({error})"
    # Raised here and not above: whoever keeps the error would also keep h5py's, and the frames that hold the image.
    # The reason may hold names from the file, so characters that would steer a terminal are escaped.
    raise _refused(name, reason.encode("unicode_escape").decode("ascii"))


_UNREADABLE = (OSError, ValueError, RuntimeError, KeyError, TypeError, ArithmeticError)
"""What h5py raises for damaged or hostile bytes."""


class _Unfit(Exception):
    """Why a file is refused."""


def _read_image(data: bytes, expected: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    with contextlib.ExitStack() as opened:
        access = opened.enter_context(_closed(h5py.h5p.create(h5py.h5p.FILE_ACCESS)))
        access.set_fapl_core(backing_store=False)
        # Closing the file closes all its objects. Otherwise HDF5 frees them when the process ends, and may crash.
        access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
        try:
            access.set_file_image(data)
            file = h5py.h5f.open(b"memory-%d" % next(_IMAGE_NUMBERS), h5py.h5f.ACC_RDONLY, fapl=access)
        except (OSError, ValueError, RuntimeError):
            raise _Unfit("it is not a complete HDF5 file") from None
        opened.enter_context(_closed(file))
        _check_contents(file, expected)
        return {path: _read_dataset(file, path, shape) for path, shape in expected.items()}


@contextlib.contextmanager
def _closed(identifier: Identifier) -> Iterator[Identifier]:
    """Close an HDF5 identifier at the end, even if something still refers to it."""
    try:
        yield identifier
    finally:
        identifier._close()  # closes every kind of identifier in every release of h5py


def _check_contents(file: h5py.h5f.FileID, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse anything but groups and the expected datasets, each under one name.

    HDF5's own visit calls itself for each nested group, and thirty thousand of them overflow the stack. So the groups
    wait in a list here.
    """
    groups, seen, datasets = [""], {h5py.h5o.get_info(file, b"/").addr}, set()
    while groups:
        above = groups.pop()
        with _closed(h5py.h5g.open(file, (above or "/").encode())) as group:
            if len(seen) + group.get_num_objs() > _MAX_OBJECTS:
                raise _Unfit(f"it holds more than {_MAX_OBJECTS:,} objects")
            for link in list(group):
                path = f"{above}/{link.decode()}".removeprefix("/")
                if group.links.get_info(link).type != h5py.h5l.TYPE_HARD:
                    raise _Unfit(f"{path} is a soft or external link")
                found = h5py.h5o.get_info(group, link)
                if found.addr in seen:  # two names of one object, or a loop
                    raise _Unfit(f"{path} is a second name, neither a plain group nor a dataset")
                seen.add(found.addr)
                if found.type == h5py.h5o.TYPE_GROUP and path not in expected:
                    if path.count("/") >= _MAX_DEPTH:
                        raise _Unfit(f"groups are nested deeper than {_MAX_DEPTH}")
                    groups.append(path)
                elif found.type == h5py.h5o.TYPE_DATASET and path in expected:
                    datasets.add(path)
                elif found.type == h5py.h5o.TYPE_DATASET:
                    raise _Unfit(f"it holds {path}, which the architecture does not have")
                else:
                    raise _Unfit(f"{path} is neither a plain group nor a dataset")
    if missing := [path for path in expected if path not in datasets]:
        raise _Unfit(f"it lacks {', '.join(missing)}")


def _read_dataset(file: h5py.h5f.FileID, path: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    with contextlib.ExitStack() as opened:
        item = opened.enter_context(_closed(h5py.h5d.open(file, path.encode())))
        plist = opened.enter_context(_closed(item.get_create_plist()))
        kind = opened.enter_context(_closed(item.get_type()))
        stored_plainly = plist.get_layout() in _PLAIN_LAYOUTS and not kind.committed()
        if plist.get_external_count() or plist.get_nfilters() or not stored_plainly:
            raise _Unfit(f"{path} is not stored as a plain array")
        if item.shape != shape or item.dtype != _FLOAT32:
            raise _Unfit(f"{path} is {item.dtype} {item.shape}, expected float32 {shape}")
        value = np.empty(shape, np.float32)
        item.read(h5py.h5s.ALL, h5py.h5s.ALL, value)
    if not np.isfinite(value).all():
        raise _Unfit(f"{path} has values that are not finite")
    return value


_PLAIN_LAYOUTS = (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)


def _refused(name: str, reason: str) -> ArtefactError:
    return ArtefactError(f"Weights file {name} is refused: {reason}.")
