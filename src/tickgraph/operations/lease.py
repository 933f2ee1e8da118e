"""The lease: one refresh at a time, over the processes and hosts that share a folder.

``lease.json`` says who refreshes, since when and until when. It is changed only under a file lock, so a crash at any
instant blocks nobody. The owner renews the lease while its run goes on. Another run may take the lease over once it has
run out, or at once where the owner was a process of this host that has ended. Each owner holds a lock of its own, which
the system frees with the process, so a later process with the same number is not taken for it.

Whatever the run publishes in a folder, it publishes under the same file lock: see :meth:`Lease.holding`. So nobody can
take the lease over between the look at it and the rename, and a process that stood still meanwhile publishes nothing.
Moments are those of the hosts' own clocks. A host whose clock is ahead by more than the lease holds takes it over while
its owner lives; the owner hears of that before it publishes anything more.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from tickgraph.errors import StorageError
from tickgraph.market.calendar import is_future
from tickgraph.operations.lease_record import (
    LEASE_SECONDS,
    RENEWALS,
    SCHEMA,
    LeaseLostError,
    LeaseRecord,
    lost,
    ran_out,
)
from tickgraph.operations.records import RefreshRun
from tickgraph.pipeline.ownership import Ownership
from tickgraph.schema_version import later_in
from tickgraph.storage import (
    READABLE,
    FileRefused,
    HeldError,
    exclusive,
    read_regular,
    storage_errors,
    write_atomically,
)
from tickgraph.threads import Loop


class Lease:
    """The right to refresh, taken with ``with``; it is the permit that the run publishes under.

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

    Attributes
    ----------
    process
        Identity of this owner.
    taken_from
        Owner that had the lease last and has ended without giving it back; None if there was none.

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
        self.run, self._now, self._seconds = run, now, seconds
        self._alive = Ownership(operations_dir / "owners")
        self.process = self._alive.id
        self.taken_from: str | None = None
        self._threads, self._writing = threading.Lock(), threading.Lock()
        self._counting, self._holders = threading.Lock(), 0
        self._file_lock = contextlib.ExitStack()
        self._renewing = Loop(self._renew_again, seconds / RENEWALS, "tickgraph-lease")

    def __enter__(self) -> Lease:
        self.take()
        self.keep()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self) -> None:
        """Take the lease; :class:`LeaseHeldError` says who has it, until when, and what to do."""
        self._alive.take()
        try:
            self._must_be_free()  # its owner may hold the file lock for as long as it publishes
            with self._alone():
                self._must_be_free()
                now = self._now()
                self._write(now, now)
        except BaseException:
            self._alive.give_up()
            raise
        self._alive.forget_the_gone()

    def keep(self) -> None:
        """Renew the lease from time to time until it is given back."""
        self._renewing.start()

    def renew(self) -> None:
        """Hold the lease for its full time from now on; :class:`LeaseLostError` if it ran out or another run has it."""
        with self.holding(), self._writing:
            self._write(self._own().taken_at, self._now())

    def check(self) -> None:
        """Raise :class:`LeaseLostError` if the lease ran out or another run has it; renew it when that is due."""
        if self._now() - self._own().renewed_at > timedelta(seconds=self._seconds / RENEWALS):
            self.renew()

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Keep everybody from taking the lease over while something is published. Threads of this run do not wait.

        Raises
        ------
        LeaseLostError
            The lease ran out, or another run has it.
        """
        with self._file_locked():
            self._own()
            yield

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """As :meth:`holding`, for the last record of a run whose lease has run out, if nobody has taken it since."""
        with self._file_locked():
            self._own(even_run_out=True)
            yield

    @contextlib.contextmanager
    def _file_locked(self) -> Iterator[None]:
        with self._counting:
            if self._holders == 0:
                self._file_lock.enter_context(self._alone())
            self._holders += 1
        try:
            yield
        finally:
            with self._counting:
                self._holders -= 1
                if self._holders == 0:
                    self._file_lock.close()

    def end(self) -> datetime | None:
        """None: what is published while the lease is held needs no deadline."""
        self._own()
        return None

    def ended(self) -> LeaseLostError:
        """Make the error for a write that came too late."""
        return lost(self.run, "its time was over before the storage wrote")

    def note(self, run: RefreshRun) -> None:
        """Nothing: whoever shares the folder reads the run's record there."""

    def release(self, *, leave_record: bool = False) -> None:
        """Give the lease back, unless another run has it.

        With ``leave_record`` its file stays, as after a process that was killed: the next run finds that it has ended.
        """
        self._renewing.stop()
        if leave_record:
            self._alive.give_up()
            return
        # If its file cannot be removed, it runs out by itself, or others find that its owner has ended.
        with contextlib.suppress(StorageError), self._alone():
            held = read_lease(self._path.parent)
            if held is not None and self._is_own(held):
                with storage_errors(self._path):
                    self._path.unlink(missing_ok=True)
        self._alive.give_up()

    def _must_be_free(self) -> None:
        held, now = read_lease(self._path.parent), self._now()
        if held is None:
            return
        has_ended = held.host == socket.gethostname() and self._alive.is_gone(held.process)
        self.taken_from = held.process if has_ended else None
        # Nobody can wait for a lease from the future to run out: that host's clock was wrong.
        is_void = has_ended or (held.host != socket.gethostname() and is_future(held.renewed_at, now))
        if now < held.expires_at and not is_void:
            raise held.held(f"If that host is gone, the lease runs out by itself; or delete {self._path}.")

    def _own(self, *, even_run_out: bool = False) -> LeaseRecord:
        held = read_lease(self._path.parent)
        if held is None:
            raise lost(self.run, "it is gone")
        if not self._is_own(held):
            raise lost(self.run, f"{held.owner} took it over for run {held.run}")
        if self._now() >= held.expires_at and not even_run_out:
            raise lost(self.run, ran_out(held))
        return held

    def _is_own(self, held: LeaseRecord) -> bool:
        return held.run == self.run and held.process == self.process

    def _write(self, taken_at: datetime, now: datetime) -> None:
        record = LeaseRecord(
            host=socket.gethostname(),
            pid=os.getpid(),
            process=self.process,
            run=self.run,
            taken_at=taken_at,
            renewed_at=now,
            expires_at=now + timedelta(seconds=self._seconds),
        )
        write_atomically(self._path, record.model_dump_json().encode(), mode=READABLE)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(exclusive(self._path.with_name("lease.lock"), self._threads))
            except HeldError:
                held = read_lease(self._path.parent)
                if held is None or self._is_own(held):
                    raise
                raise held.held(
                    "It is in the middle of a publication, and nobody can take the lease over before that ends. If the "
                    "process stands still, let it go on, or stop it."
                ) from None
            yield

    def _renew_again(self) -> None:
        # The run hears that its lease was lost before it publishes. A full disk may have room the next time.
        with contextlib.suppress(StorageError):
            self.renew()


def read_lease(operations_dir: Path) -> LeaseRecord | None:
    """What the lease says; None where nobody has it, or its file cannot be understood.

    Raises
    ------
    StorageError
        The file is there and cannot be opened, or only a later release can read it.
    """
    path = operations_dir / "lease.json"
    try:
        with storage_errors(path):
            data = read_regular(path)
        return LeaseRecord.model_validate_json(data)
    except FileRefused as error:
        raise StorageError(f"{path}: {error.strerror}. Remove it.") from None
    except FileNotFoundError:
        return None
    except ValueError:
        if later := later_in(data, SCHEMA):
            raise StorageError(f"{path} cannot be read: {later}.") from None
        return None


def lease_in_words(operations_dir: Path) -> str | None:
    """Who refreshes now; None if nobody does."""
    try:
        held = read_lease(operations_dir)
    except StorageError as error:
        return str(error)
    return None if held is None else held.in_words
