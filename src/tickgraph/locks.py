"""One writer at a time, among the threads of a process and among processes."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from tickgraph.atomic import storage_errors
from tickgraph.errors import StorageError
from tickgraph.regular_file import other_kind

WAIT_SECONDS = 30.0


class exclusive:  # noqa: N801  used as a statement: with exclusive(path, lock):
    """Hold a lock file and a thread lock. The system frees the file's lock when its owner dies.

    Parameters
    ----------
    path
        Lock file; its folder is made.
    threads
        What threads that share this lock's owner wait for.
    wait
        Seconds to wait for another owner; None is 30.
    remedy
        What a user should do about an owner that does not let go.

    Raises
    ------
    StorageError
        Another writer held it for that long, the folder cannot be written, or something else than a regular file
        stands in the lock file's place.
    """

    def __init__(
        self,
        path: Path,
        threads: threading.Lock,
        wait: float | None = None,
        remedy: str = "Wait for it to end, or stop it.",
    ) -> None:
        self._path, self._threads, self._remedy = path, threads, remedy
        self._wait = WAIT_SECONDS if wait is None else wait
        self._file = FileLock(path, timeout=self._wait, thread_local=False)

    def __enter__(self) -> None:
        if not self._threads.acquire(timeout=self._wait):
            raise self._held()
        try:
            with storage_errors(self._path.parent):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # A lock file is emptied when it is opened, so no link is followed.
                if (kind := other_kind(self._path)) is not None:
                    raise StorageError(f"{self._path} is {kind}, where a lock file belongs. Remove it.")
                self._file.acquire()
        except Timeout as error:
            self._threads.release()
            raise self._held() from error
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.release()
        self._threads.release()

    def _held(self) -> StorageError:
        return StorageError(f"{self._path} is held by another writer for {self._wait:.0f} s. {self._remedy}")
