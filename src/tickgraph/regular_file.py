"""Files that others can put something else in the place of: only a regular file of a bounded size is read.

A named pipe blocks whoever opens it, a device such as ``/dev/zero`` never ends, and a tape drive rewinds when it is
opened. So the file is looked at first, opened without waiting, looked at again through the handle, and read up to its
bound.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}
# Windows has no O_NONBLOCK and no O_NOCTTY, and nothing there that needs them; POSIX has no O_BINARY.
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


MAX_BYTES = 256 * 1024 * 1024
"""Bytes of a file whose reader names no bound of its own."""


class FileRefused(OSError):
    """A path holds no regular file, or a larger one than its reader takes; ``strerror`` is the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(errno.EINVAL, reason, str(path))


def read_regular(path: Path, max_bytes: int | None = MAX_BYTES) -> bytes:
    """Read a whole regular file without ever waiting for a writer.

    Parameters
    ----------
    path
        A link is followed.
    max_bytes
        A larger file is refused before it is read; None takes any size.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    FileRefused
        A folder, a named pipe, a socket, a device or a link to itself is there, or a file that is too large.
    OSError
        What else the system says: no permission, a stale handle.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise FileRefused(path, f"it is a link that leads to no file: {os.strerror(errno.ELOOP)}") from None
    _refuse_others(path, mode)
    handle = os.open(path, _READ)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        _refuse_others(path, status.st_mode)  # it may have been exchanged since
        if max_bytes is None:
            return file.read()
        # Files of /proc say that they have no bytes, and a file can grow: what is read is bounded as well.
        # Python takes the memory for all that is asked for, so no more is asked for than the file says it has.
        data = file.read(status.st_size + 1) if status.st_size <= max_bytes else b""
        if len(data) > status.st_size:
            data += file.read(max(0, max_bytes + 1 - len(data)))
    size = max(status.st_size, len(data))
    if size > max_bytes:
        raise FileRefused(path, f"it has {size:,} bytes or more, and at most {max_bytes:,} were expected")
    return data


def _refuse_others(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise FileRefused(path, f"it is {kind}, and a regular file was expected")


def other_kind(path: Path) -> str | None:
    """Say what stands at a path in place of a regular file, such as ``a link``; None for a file or nothing."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    return None if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something else")


def discard(path: Path) -> None:
    """Remove whatever stands at a path: a file, a link itself and not its target, a folder with its content."""
    try:
        folder = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if folder:
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
