"""Jobs: what runs in the background, one small file each.

A file is replaced whole, so every process of a service sees the same jobs, and they outlast a restart.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tickgraph.market.spelling import Symbol
from tickgraph.storage import read_regular, storage_errors, write_atomically

KEPT = 200

State = Literal["queued", "running", "done", "failed"]


class Job(BaseModel):
    """One piece of background work."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    id: str
    """Identity; later jobs sort after earlier ones."""
    kind: Literal["train", "refresh"]
    """`train` one symbol, or `refresh` the correlations of all models."""
    symbol: Symbol | None = None
    """What is trained; null for a refresh."""
    state: State = "queued"
    """How far the job is."""
    completed: int = 0
    """Symbols that are done."""
    total: int = 1
    """Symbols in all."""
    created_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    """When the job was asked for."""
    started_at: AwareDatetime | None = None
    """When the job began."""
    finished_at: AwareDatetime | None = None
    """When the job ended."""
    owner: str | None = None
    """Process that does the job."""
    error: str | None = None
    """Why the job failed."""
    of_machine: bool = False
    """Whether the job failed for a reason of this machine, such as a full disk; others may do it."""
    failures: dict[str, str] = Field(default_factory=dict)
    """Error of each symbol that failed while the others went on."""

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        return self.state in ("done", "failed")


def new_id() -> str:
    """Identity of a new job; later ones sort after earlier ones."""
    return f"{datetime.now(UTC):%Y%m%d%H%M%S%f}-{secrets.token_hex(4)}"


class JobBoard:
    """Jobs of a service, one file each; the newest 200 are kept.

    Parameters
    ----------
    folder
        Made when first written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, job: Job) -> Job:
        """Put a job, or a new state of it, on the board; :class:`StorageError` if that fails."""
        write_atomically(self._folder / f"{job.id}.json", job.model_dump_json().encode())
        return job

    def read(self, job_id: str) -> Job | None:
        """Find a job; None if there is none of this identity, or it can no longer be read."""
        if not job_id.replace("-", "").isalnum() or not job_id.isascii():
            return None
        return _read(self._folder / f"{job_id}.json")

    def all(self) -> list[Job]:
        """List the jobs, the newest first."""
        names = sorted(self._folder.glob("*.json"), reverse=True)
        return [job for job in map(_read, names) if job is not None]

    def trim(self) -> None:
        """Drop the oldest jobs that are over, beyond the newest 200."""
        for path in sorted(self._folder.glob("*.json"), reverse=True)[KEPT:]:
            job = _read(path)
            if job is None or job.over:
                with contextlib.suppress(OSError):  # another process may be at it
                    path.unlink()


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


def _read(path: Path) -> Job | None:
    try:
        return Job.model_validate_json(read_regular(path))
    except (OSError, ValueError):  # pydantic's errors are ValueErrors
        return None
