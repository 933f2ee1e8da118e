"""Files on disk: only regular files of a bounded size are read, files are written whole or not at all, by one writer.

Others can put something else in a file's place. A named pipe blocks whoever opens it, a device such as ``/dev/zero``
never ends, and a tape drive rewinds when it is opened. So :func:`read_regular` looks at a file first, opens it without
waiting, looks at it again through the handle, and reads up to a bound.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tickgraph.errors import StorageError

MAX_BYTES = 256 * 1024 * 1024  # of a file whose reader names no bound of its own
WAIT_SECONDS = 30.0  # for another writer
OWNER_ONLY, READABLE = 0o600, 0o644

# Windows has no O_NONBLOCK and no O_NOCTTY and needs neither; POSIX has no O_BINARY.
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}
_REMEDIES = {
    errno.ENOSPC: "The disk is full: free some space, or choose another folder.",
    errno.EDQUOT: "The disk quota is used up: free some space, or choose another folder.",
    errno.EROFS: "The file system is read-only: choose another folder.",
    errno.EACCES: "Make the folder writable, or choose another.",
    errno.EPERM: "Make the folder writable, or choose another.",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n).",
    errno.ENFILE: "Too many files are open on this machine.",
    errno.ENOTDIR: "A file stands where a folder is needed: choose another folder.",
    errno.EEXIST: "A file stands where a folder is needed: choose another folder.",
    errno.EIO: "The disk reports an error: check it before anything else.",
}


class HeldError(StorageError):
    """Another writer is at work."""


class FileRefused(OSError):
    """A path holds no regular file, or a file larger than its reader takes; ``strerror`` is the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(errno.EINVAL, reason, str(path))


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of the file system into :class:`StorageError`, which names the path and the remedy.

    Four errors pass through, because only the caller knows what they mean: a missing file, a folder in a file's place,
    a refused file, and a lock that is held.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, FileRefused, TimeoutError):
        raise
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "Check it and its disk.")
        raise StorageError(f"Cannot use {path}: {error.strerror or error}. {remedy}") from error


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
        A folder, a named pipe, a socket, a device, a link to itself, or a file that is too large is there.
    OSError
        Any other error of the system: no permission, a stale handle.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise FileRefused(path, f"it is a link that leads to no file: {os.strerror(errno.ELOOP)}") from None
    _must_be_regular(path, mode)
    handle = os.open(path, _READ)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        _must_be_regular(path, status.st_mode)  # another process may have put something else there since
        if max_bytes is None:
            return file.read()
        # A file of /proc says that it has no bytes, and a file can grow, so the read itself is bounded too. Python
        # reserves memory for all bytes asked for, so the first read asks for no more than the file says it has.
        data = file.read(status.st_size + 1) if status.st_size <= max_bytes else b""
        if len(data) > status.st_size:
            data += file.read(max(0, max_bytes + 1 - len(data)))
    size = max(status.st_size, len(data))
    if size > max_bytes:
        raise FileRefused(path, f"it has {size:,} bytes or more, and at most {max_bytes:,} were expected")
    return data


def _must_be_regular(path: Path, mode: int) -> None:
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


def names_in(folder: Path) -> list[str]:
    """Names in a folder, none if it does not exist; :class:`StorageError` if it cannot be listed.

    ``Path.glob`` would take a folder that may not be read for an empty one.
    """
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(
            f"Cannot list {folder}: {error.strerror}. Check the folder and its disk."
        ) from error


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


def write_atomically(path: Path, data: bytes, *, mode: int = OWNER_ONLY) -> None:
    """Put ``data`` at ``path`` so that a crash at any instant leaves the old file or the new one.

    Parameters
    ----------
    path
        Where; its folder is made.
    data
        The whole file.
    mode
        Permissions of the new file, less the process's umask. The old file's do not count. Windows has its own.

    Raises
    ------
    StorageError
        Disk full, read-only, no permission. The old file is intact and no temporary one is left.
    """
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting = path.with_name(f".{path.name.lstrip('.')}.{secrets.token_hex(8)}.tmp")
        # Opened with its mode, as only the system can apply the umask: reading it would change it for all threads.
        handle = os.open(waiting, _NEW, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                replace(waiting, path)
            except IsADirectoryError:
                raise StorageError(
                    f"Cannot write {path}: a folder stands where the file belongs. Remove it, or choose another folder."
                ) from None
        except BaseException:
            with contextlib.suppress(OSError):
                waiting.unlink()
            raise
        sync_folder(path.parent)


def replace(source: Path, target: Path) -> None:
    """Rename over what is there, atomically.

    Windows refuses while a reader has the target open. Readers here hold a file for milliseconds, so the rename is
    tried again for up to two seconds.
    """
    attempts = 200 if os.name == "nt" else 1
    for attempt in range(1, attempts + 1):
        try:
            os.replace(source, target)  # noqa: PTH105  the call that tests make fail
        except PermissionError:
            if attempt == attempts:
                raise
            time.sleep(0.01)
        else:
            return


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable; Windows cannot open a folder, and orders renames itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def exclusive(
    path: Path,
    threads: threading.Lock,
    wait: float | None = None,
    remedy: str = "Wait for it to end, or stop it.",
) -> Iterator[None]:
    """Be the only writer, among processes and threads. The system frees the lock of a process that dies.

    Parameters
    ----------
    path
        Lock file; its folder is made.
    threads
        Lock that the threads of this process share.
    wait
        Seconds to wait for another owner; None is 30.
    remedy
        What a user should do about an owner that does not let go.

    Raises
    ------
    HeldError
        Another writer held it for that long.
    StorageError
        The folder cannot be written, or the lock file's place holds no regular file.
    """
    wait = WAIT_SECONDS if wait is None else wait
    held = HeldError(f"{path} is held by another writer for {wait:.0f} s. {remedy}")
    file = FileLock(path, timeout=wait, thread_local=False)
    if not threads.acquire(timeout=wait):
        raise held
    try:
        with storage_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Opening a lock file empties it, so a link is not followed.
            if (kind := other_kind(path)) is not None:
                raise StorageError(f"{path} is {kind}, where a lock file belongs. Remove it.")
            try:
                file.acquire()
            except Timeout as error:
                raise held from error
        try:
            yield
        finally:
            file.release()
    finally:
        threads.release()
