"""Arrays and a header in one ``.npz`` file that carries its own sha256, read without trust.

The file is a zip, which ``np.load`` opens: ``header.json``, and one plain ``.npy`` image per array.
"""

from __future__ import annotations

from collections.abc import Mapping

from tickgraph.registry.plain_array import Unfit
from tickgraph.registry.sealed_files import seal_files, unseal_files

_HEADER = "header.json"
_SUFFIX = ".npy"


def seal(header: bytes, arrays: Mapping[str, bytes]) -> bytes:
    """Put a header and ``.npy`` images, by name, into one file."""
    return seal_files({_HEADER: header, **{name + _SUFFIX: image for name, image in arrays.items()}})


def unseal(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Give the header and the images by name; :class:`Unfit` for anything but what :func:`seal` writes."""
    images = unseal_files(data)
    if _HEADER not in images:
        raise Unfit(f"it has no {_HEADER}")
    header = images.pop(_HEADER)
    if strangers := [name for name in images if not name.endswith(_SUFFIX)]:
        raise Unfit(f"it holds {strangers[0]!r}, which is no array")
    return header, {name.removesuffix(_SUFFIX): image for name, image in images.items()}
