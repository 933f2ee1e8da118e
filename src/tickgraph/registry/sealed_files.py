"""Several files in one that carries its own sha256, read without trust.

It is a zip without compression, which any tool unpacks. The comment at its end is the sha256 of all bytes before it. So
a file that is damaged, cut short or none of ours is refused before anything in it is parsed.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

from tickgraph.registry.plain_array import Unfit

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


def seal_files(files: Mapping[str, bytes]) -> bytes:
    """Put files, by name, into one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _THE_FIRST_DAY), content)
        archive.comment = bytes(_DIGITS)  # its length is part of what is hashed
    content = buffer.getvalue()[:-_DIGITS]
    return content + _sha256(content)


def unseal_files(data: bytes) -> dict[str, bytes]:
    """Give the files by name; :class:`Unfit` for anything but what :func:`seal_files` writes."""
    if data[-_DIGITS:] != _sha256(data[:-_DIGITS]):
        raise Unfit("it is damaged, cut short or foreign: it does not end with the sha256 of its content")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > len(data):
                raise Unfit("it claims to hold more than it can")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise Unfit("it is compressed")
            files = {member.filename: archive.read(member) for member in members}
    except _UNREADABLE as error:
        raise Unfit(f"it cannot be unpacked ({error})") from None
    if len(files) != len(members):
        raise Unfit("it holds something twice")
    return files


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode("ascii")
