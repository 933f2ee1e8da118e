"""Jobs: what runs in the background, one small file each.

A file is replaced whole, so every process of a service sees the same jobs, and they outlast a restart.
"""

from __future__ import annotations

import contextlib
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tickgraph.market.spelling import Symbol
from tickgraph.storage import read_regular, write_atomically

KEPT = 200

Kind = Literal["train", "refresh"]
State = Literal["queued", "running", "done", "failed"]


class Job(BaseModel):
    """One piece of background work."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    id: str
    """Identity; later jobs sort after earlier ones."""
    kind: Kind
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


def _read(path: Path) -> Job | None:
    try:
        return Job.model_validate_json(read_regular(path))
    except (OSError, ValueError):  # pydantic's errors are ValueErrors
        return None
