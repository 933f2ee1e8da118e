"""Whole files or none: atomic replacement, and errors of the file system put into words."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from tickgraph.errors import StorageError
from tickgraph.regular_file import FileRefused

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


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of the file system into :class:`StorageError` that names the path and the remedy.

    A missing file, a file that is none or too large, and a lock that is held pass through: what they mean is the
    caller's to say.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, FileRefused, TimeoutError):
        raise
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "Check it and its disk.")
        raise StorageError(f"Cannot use {path}: {error.strerror or error}. {remedy}") from error


def names_in(folder: Path) -> list[str]:
    """Names in a folder, none if it does not exist; :class:`StorageError` if it cannot be listed.

    ``Path.glob`` takes a folder that may not be read for an empty one.
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


OWNER_ONLY, READABLE = 0o600, 0o644
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_atomically(path: Path, data: bytes, *, mode: int = OWNER_ONLY) -> None:
    """Put ``data`` at ``path`` so that a crash at any instant leaves the old file or the new one.

    Parameters
    ----------
    path
        Where; its folder is made.
    data
        The whole file.
    mode
        Permissions of the new file, less the process's umask; the old file's count no more. Windows has its own.

    Raises
    ------
    StorageError
        Disk full, read-only, no permission. The old file is intact and no temporary one is left.
    """
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting = path.with_name(f".{path.name.lstrip('.')}.{secrets.token_hex(8)}.tmp")
        # Made with its mode: the system applies the umask, which cannot be read without changing it for all threads.
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

    Windows refuses while a reader has the target open. Readers here hold a file for milliseconds, so it is
    asked again for up to two seconds before the refusal counts.
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
    """Make renames in a folder durable; Windows cannot open a folder, and orders them itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
