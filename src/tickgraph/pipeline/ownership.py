"""Which processes still live: each holds a lock that the system frees with it."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from filelock import FileLock

from tickgraph.pipeline.jobs import new_id
from tickgraph.storage import storage_errors


class Ownership:
    """A lock that a process holds while it lives. Once it is free, others know that the process's jobs will never end.

    Parameters
    ----------
    folder
        Made when first written.
    """

    def __init__(self, folder: Path) -> None:
        self.id = new_id()
        self._folder = folder
        # Of the process: if one thread owned the lock, all others would wait for it for ever.
        self._lock = FileLock(folder / f"{self.id}.lock", thread_local=False)
        self._threads = threading.Lock()

    def take(self) -> None:
        """Hold the lock from now on; :class:`StorageError` if it cannot be written."""
        with self._threads:
            if not self._lock.is_locked:
                with storage_errors(self._folder):
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._lock.acquire()

    def give_up(self) -> None:
        """Let go, at the end of the process."""
        if self._lock.is_locked:
            self._lock.release(force=True)
            with contextlib.suppress(OSError):
                (self._folder / f"{self.id}.lock").unlink()

    def is_gone(self, owner: str | None) -> bool:
        """Whether no process holds the lock of this owner any more."""
        if owner is None or owner == self.id:
            return False
        path = self._folder / f"{owner}.lock"
        if not path.is_file():
            return True
        try:
            with FileLock(path, timeout=0):
                return True
        except OSError:  # held, or another user's: nobody can tell that its owner has ended
            return False

    def forget_the_gone(self) -> None:
        """Remove the locks of processes that were killed."""
        for path in self._folder.glob("*.lock"):
            if self.is_gone(path.stem):
                with contextlib.suppress(OSError):
                    path.unlink()
