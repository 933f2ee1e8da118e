"""Arrays and a header in one ``.npz`` file that carries its own sha256, read without trust.

The file is a zip, which ``np.load`` opens: ``header.json``, and one plain ``.npy`` image per array. The comment at its
end is the sha256 of all bytes before it. So a file that is damaged, cut short or none of ours is refused before
anything in it is parsed.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from tickgraph.registry.plain_array import Unfit

_HEADER = "header.json"
_SUFFIX = ".npy"
_DIGITS = 64
_MAX_MEMBERS = 1000
_THE_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # of a zip: equal content gives equal bytes

_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    LookupError,
)
"""What zipfile raises for hostile bytes."""


def seal(header: bytes, arrays: Mapping[str, bytes]) -> bytes:
    """Put a header and ``.npy`` images, by name, into one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_HEADER, _THE_FIRST_DAY), header)
        for name, image in arrays.items():
            archive.writestr(zipfile.ZipInfo(name + _SUFFIX, _THE_FIRST_DAY), image)
        archive.comment = bytes(_DIGITS)  # its length is part of what is hashed
    content = buffer.getvalue()[:-_DIGITS]
    return content + _sha256(content)


def unseal(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """Give the header and the images by name; :class:`Unfit` for anything but what :func:`seal` writes."""
    if data[-_DIGITS:] != _sha256(data[:-_DIGITS]):
        raise Unfit("it is damaged, cut short or foreign: it does not end with the sha256 of its content")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > len(data):
                raise Unfit("it claims to hold more than it can")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise Unfit("it is compressed")
            images = {member.filename: archive.read(member) for member in members}
    except _UNREADABLE as error:
        raise Unfit(f"it cannot be unpacked ({error})") from None
    if len(images) != len(members) or _HEADER not in images:
        raise Unfit(f"it has no {_HEADER}, or has something twice")
    header = images.pop(_HEADER)
    if strangers := [name for name in images if not name.endswith(_SUFFIX)]:
        raise Unfit(f"it holds {strangers[0]!r}, which is no array")
    return header, {name.removesuffix(_SUFFIX): image for name, image in images.items()}


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode("ascii")
