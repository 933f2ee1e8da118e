"""The lease: one refresh at a time, over processes and hosts.

``lease.json`` says who refreshes, since when and until when. It is changed only under a file lock that is held for
milliseconds, so a crash at any instant blocks nobody. The owner renews the lease while its run goes on. Another run
may take the lease over once it has run out, or at once where the owner was a process of this host that has ended. Each
owner holds a lock of its own, which the system frees with the process, so a later process with the same number is not
taken for it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tickgraph.errors import StorageError
from tickgraph.market.calendar import is_future
from tickgraph.pipeline.jobs import Ownership
from tickgraph.storage import READABLE, FileRefused, exclusive, read_regular, storage_errors, write_atomically
from tickgraph.threads import Loop

LEASE_SECONDS = 600.0  # how long a host that has vanished keeps others waiting
RENEWALS = 3  # a lease is renewed this often within its time


class LeaseHeldError(StorageError):
    """Another refresh is running."""


class LeaseLostError(StorageError):
    """Another refresh took the lease over while this one was held up; this one must not publish any more."""


class LeaseRecord(BaseModel):
    """What ``lease.json`` says."""

    model_config = ConfigDict(frozen=True)

    host: str
    pid: int
    process: str
    """Identity of the process: the name of the lock that it holds while it lives."""
    run: str
    taken_at: AwareDatetime
    renewed_at: AwareDatetime
    expires_at: AwareDatetime

    @property
    def owner(self) -> str:
        """Who it is, in words."""
        return f"process {self.pid} on {self.host}"


class Lease:
    """The right to refresh, taken with ``with``.

    Parameters
    ----------
    operations_dir
        Folder of operations; made when the lease is first taken.
    run
        Identity of the run that takes it.
    now
        Clock; aware.
    seconds
        How long the lease holds without being renewed.

    Raises
    ------
    LeaseHeldError
        Entering: another run has the lease.
    StorageError
        The folder cannot be written.
    """

    def __init__(
        self, operations_dir: Path, run: str, now: Callable[[], datetime], seconds: float = LEASE_SECONDS
    ) -> None:
        self._path = operations_dir / "lease.json"
        self._run, self._now, self._seconds = run, now, seconds
        self._threads = threading.Lock()
        self._alive = Ownership(operations_dir / "owners")
        self._renewing = Loop(self._renew_again, seconds / RENEWALS, "tickgraph-lease")

    def __enter__(self) -> Lease:
        self.take()
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._renewing.stop()
        self.release()

    def take(self) -> None:
        """Take the lease; :class:`LeaseHeldError` says who has it, until when, and what to do."""
        self._alive.take()
        try:
            with self._changing():
                held, now = read_lease(self._path.parent), self._now()
                if held is not None and now < held.expires_at and not self._is_void(held, now):
                    raise LeaseHeldError(
                        f"Another refresh is running: {held.owner}, run {held.run}, since "
                        f"{held.taken_at:%Y-%m-%d %H:%M:%S} UTC; it was renewed at {held.renewed_at:%H:%M:%S} and "
                        f"holds until {held.expires_at:%Y-%m-%d %H:%M:%S} UTC unless renewed. Wait for it to end. If "
                        f"that host is gone, the lease runs out by itself; or delete {self._path}."
                    )
                self._write(now, now)
        except BaseException:
            self._alive.give_up()
            raise
        self._alive.forget_the_gone()

    def renew(self) -> None:
        """Hold the lease for its full time from now on; :class:`LeaseLostError` if another run has it."""
        with self._changing():
            self._write(self._own().taken_at, self._now())

    def check(self) -> None:
        """Raise :class:`LeaseLostError` if another run has the lease; renew it when that is due."""
        if self._now() - self._own().renewed_at > timedelta(seconds=self._seconds / RENEWALS):
            self.renew()

    def release(self) -> None:
        """Give the lease back, unless another run has it."""
        # If its file cannot be removed, it runs out by itself, or others find that its owner has ended.
        with contextlib.suppress(StorageError), self._changing():
            held = read_lease(self._path.parent)
            if held is not None and self._is_own(held):
                with storage_errors(self._path):
                    self._path.unlink(missing_ok=True)
        self._alive.give_up()

    def _own(self) -> LeaseRecord:
        held = read_lease(self._path.parent)
        if held is None or not self._is_own(held):
            taker = "it is gone" if held is None else f"{held.owner} took it over for run {held.run}"
            raise LeaseLostError(
                f"The lease of run {self._run} was lost: {taker}. This run stops before it publishes anything more; "
                "what it finished is kept."
            )
        return held

    def _is_own(self, held: LeaseRecord) -> bool:
        return held.run == self._run and held.process == self._alive.id

    def _is_void(self, held: LeaseRecord, now: datetime) -> bool:
        """Whether the owner is a process of this host that has ended, or another host whose clock was wrong.

        Nobody can wait for a lease from the future to run out. An owner that still lives hears of its loss before it
        publishes anything.
        """
        if held.host == socket.gethostname():
            return self._alive.is_gone(held.process)
        return is_future(held.renewed_at, now)

    def _write(self, taken_at: datetime, now: datetime) -> None:
        record = LeaseRecord(
            host=socket.gethostname(),
            pid=os.getpid(),
            process=self._alive.id,
            run=self._run,
            taken_at=taken_at,
            renewed_at=now,
            expires_at=now + timedelta(seconds=self._seconds),
        )
        write_atomically(self._path, record.model_dump_json().encode(), mode=READABLE)

    def _changing(self) -> contextlib.AbstractContextManager[None]:
        return exclusive(self._path.with_name("lease.lock"), self._threads)

    def _renew_again(self) -> None:
        # The run hears that its lease was lost before it publishes. A full disk may have room the next time.
        with contextlib.suppress(StorageError):
            self.renew()


def read_lease(operations_dir: Path) -> LeaseRecord | None:
    """What the lease says; None where nobody has it, or its file cannot be understood.

    Raises
    ------
    StorageError
        The file is there and cannot be opened.
    """
    path = operations_dir / "lease.json"
    try:
        with storage_errors(path):
            return LeaseRecord.model_validate_json(read_regular(path))
    except FileRefused as error:
        raise StorageError(f"{path}: {error.strerror}. Remove it.") from None
    except (FileNotFoundError, ValueError):
        return None


def lease_in_words(operations_dir: Path) -> str | None:
    """Who refreshes now; None if nobody does."""
    try:
        held = read_lease(operations_dir)
    except StorageError as error:
        return str(error)
    return None if held is None else f"{held.owner}, until {held.expires_at:%Y-%m-%d %H:%M:%S} UTC"
