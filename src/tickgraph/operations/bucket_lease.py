"""The lease of models on object storage: one refresh at a time, over all machines that share a bucket.

The object ``refresh-lease.json`` beside the models says who refreshes, since when and until when. It is written only on
condition that it is still the version that the writer read, so of two machines that want it one gets it. It is never
removed: a run that ends writes that nobody has it. Its token grows with every owner.

All moments in it are of the storage's own clock, which every answer of the storage carries. So no machine's clock
decides whether a lease has run out. What a run writes in the bucket is signed, and the signature ends a third of the
lease's time before the lease does (:mod:`tickgraph.object_deadline`). So when another machine may take the lease over,
the storage has refused the former owner's writes for that long, and those that had begun have ended.

The machine's own lease is held, too. It keeps processes of one machine apart, and guards what lies in its folders.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tickgraph.errors import StorageError
from tickgraph.market.calendar import is_future
from tickgraph.object_contact import Contact
from tickgraph.object_store import Overtaken, TooLarge, Version
from tickgraph.operations.lease import Lease
from tickgraph.operations.lease_object import KEY, MAX_BYTES, LeaseObject, decoded
from tickgraph.operations.lease_record import (
    LEASE_SECONDS,
    RENEWALS,
    LeaseHeldError,
    LeaseLostError,
    LeaseRecord,
    lost,
    ran_out,
)
from tickgraph.operations.records import RefreshRun
from tickgraph.threads import Loop

_TRIES = 4  # at an object that others replace


@dataclass(frozen=True)
class _Seen:
    """The object as it was read, when the machine's clock said so, and the storage's clock right after that."""

    asked_at: datetime
    there: LeaseObject | None
    version: Version | None
    written_at: datetime | None
    now: datetime

    @property
    def is_damaged(self) -> bool:
        return self.there is None and self.version is not None


class BucketLease:
    """The right to refresh the models of a bucket, taken with ``with``; it is the permit that the run publishes under.

    Parameters
    ----------
    near
        The machine's own lease, taken first.
    contact
        With the place of the models.
    seconds
        How long the lease holds without being renewed.

    Raises
    ------
    LeaseHeldError
        Entering: a run on this machine or another has the lease.
    InputError
        The environment asks for encryption with each write.
    StorageError
        The storage does not answer, or this machine's clock is ahead of the storage's.
    """

    def __init__(self, near: Lease, contact: Contact, seconds: float = LEASE_SECONDS) -> None:
        self._near, self._contact = near, contact
        self._seconds, self._share = timedelta(seconds=seconds), timedelta(seconds=seconds / RENEWALS)
        self._changing = threading.RLock()
        self._mine = LeaseObject(token=0)
        self._version: Version | None = None
        self._ahead = timedelta(0)  # the storage's clock of the machine's
        self._lost: str | None = None
        self._renewing = Loop(self._renew_again, seconds / RENEWALS, "tickgraph-bucket-lease")

    def __enter__(self) -> BucketLease:
        self.take()
        self.keep()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self) -> None:
        """Take the lease; :class:`LeaseHeldError` says who has it, until when, and what to do."""
        self._near.take()
        try:
            self._take()
        except BaseException:
            self._near.release()
            raise

    def keep(self) -> None:
        """Renew the lease from time to time until it is given back."""
        self._near.keep()
        self._renewing.start()

    def renew(self) -> None:
        """Hold the lease for its full time from now on; :class:`LeaseLostError` if it ran out or another run has it."""
        with self._changing:
            for _ in range(_TRIES):
                held = self._held()
                now = self._clock()
                if now >= held.expires_at:
                    raise self._lose(ran_out(held))
                renewed = self._mine.model_copy(update={"holder": self._holder(held.taken_at, now)})
                try:
                    self._write(renewed, self._version)
                except Overtaken:
                    self._must_be_own(self._look())
                else:
                    return
        raise self._lose("others wrote its object again and again")

    def check(self) -> None:
        """Raise :class:`LeaseLostError` if the lease ran out or another run has it."""
        self._near.check()
        held = self._held()
        if self._reckoned() >= held.expires_at - self._share:  # it should have been renewed long ago
            self.renew()

    @contextlib.contextmanager
    def holding(self) -> Iterator[None]:
        """Keep other processes of this machine out, as :meth:`Lease.holding` does.

        Other machines are kept out by :meth:`end`.
        """
        with self._near.holding():
            held = self._held()
            if self._reckoned() >= held.expires_at:
                raise self._lose(ran_out(held))
            yield

    def closing(self) -> AbstractContextManager[None]:
        """As :meth:`Lease.closing`: the last record lies on this machine."""
        return self._near.closing()

    def end(self) -> datetime | None:
        """Moment of the storage's clock up to which it may carry out what this run writes."""
        return self._held().expires_at - self._share

    def ended(self) -> LeaseLostError:
        """Make the error for a write that came too late."""
        return self._lose(ran_out(self._held()))

    def note(self, run: RefreshRun) -> None:
        """Tell other machines of a run once the lease is given back, if it ended well and was about everything."""
        if run.state != "done" or run.selected:
            return
        with self._changing:
            done = {**self._mine.done, run.kind: run.model_copy(update={"symbols": {}, "notes": ()})}
            self._mine = self._mine.model_copy(update={"done": done})

    def release(self) -> None:
        """Give the lease back, unless another run has it."""
        self._renewing.stop()
        is_back = self._lost is not None
        # If the storage does not answer, the lease runs out by itself. Until then the machine's own record stays.
        # So the next run of this machine knows that the owner has ended, and takes the lease over at once.
        with contextlib.suppress(StorageError, Overtaken), self._changing:
            if not is_back:
                self._write(self._mine.model_copy(update={"holder": None}), self._version)
                is_back = True
        self._near.release(leave_record=not is_back)

    def _take(self) -> None:
        self._contact.ask(lambda store: store.must_take_deadlines())
        with self._changing:
            for _ in range(_TRIES):
                seen = self._look()
                self._must_be_free(seen)
                if (ahead := seen.asked_at - seen.now) >= self._share:
                    raise StorageError(
                        f"The clock of this machine is {ahead.total_seconds():.0f} s ahead of that of "
                        f"{self._contact.place}, so nothing could be published in time. Set it, as by NTP."
                    )
                # Seconds since 1970 grow, too, where the object was deleted or damaged.
                last = seen.there.token if seen.there else 0
                token = max(last + 1, int(seen.now.timestamp()))
                before = seen.there or LeaseObject(token=0)
                holder = self._holder(seen.now, seen.now)
                mine = before.model_copy(update={"token": token, "holder": holder})
                with contextlib.suppress(Overtaken):
                    self._write(mine, seen.version)
                    return
        raise LeaseHeldError(f"Others took the lease in {self._contact.place} just now. Try again.")

    def _must_be_free(self, seen: _Seen) -> None:
        if seen.is_damaged and seen.written_at is not None:
            until = seen.written_at + self._seconds
            if seen.now < until:
                raise LeaseHeldError(
                    f"{self._contact.place}/{KEY} is damaged or foreign, so nobody can tell who refreshes. It counts "
                    f"as held until {until:%Y-%m-%d %H:%M:%S} UTC. Try again then."
                )
        held = seen.there.holder if seen.there else None
        if held is None or seen.now >= held.expires_at or is_future(held.renewed_at, seen.now):
            return
        if held.process != self._near.taken_from:  # a process of this machine that has ended
            raise held.held(
                f"If that machine is gone, the lease in {self._contact.place} runs out by itself: try again then."
            )

    def _must_be_own(self, seen: _Seen) -> None:
        """Take what is there for what this run wrote, the answer to which was lost; or lose the lease."""
        holder = seen.there.holder if seen.there else None
        if seen.there is not None and holder is not None and holder.process == self._near.process:
            self._mine, self._version = seen.there.model_copy(update={"done": self._mine.done}), seen.version
            return
        if holder is not None:
            raise self._lose(f"{holder.owner} took it over for run {holder.run}")
        raise self._lose("its object is damaged" if seen.is_damaged else "it is gone")

    def _look(self) -> _Seen:
        try:
            stored = self._contact.ask(lambda store: store.get(KEY, max_bytes=MAX_BYTES))
        except TooLarge as error:
            raise StorageError(f"{self._contact.place}/{KEY} is no lease: {error}. Remove it.") from None
        asked_at, now = datetime.now(UTC), self._clock()
        if stored is None:
            return _Seen(asked_at, None, None, None, now)
        there = decoded(self._contact, stored.data)
        return _Seen(asked_at, there, stored.version, stored.written_at, now)

    def _clock(self) -> datetime:
        """The storage's clock, asked for."""
        now = self._contact.ask(lambda store: store.clock())
        self._ahead = now - datetime.now(UTC)
        return now

    def _reckoned(self) -> datetime:
        """The storage's clock by this machine's, without asking."""
        return datetime.now(UTC) + self._ahead

    def _write(self, record: LeaseObject, replaced: Version | None) -> None:
        data = record.model_dump_json(exclude_defaults=True).encode()
        self._version = self._contact.ask(lambda store: store.replace(KEY, data, replaced))
        self._mine = record

    def _holder(self, taken_at: datetime, now: datetime) -> LeaseRecord:
        return LeaseRecord(
            host=socket.gethostname(),
            pid=os.getpid(),
            process=self._near.process,
            run=self._near.run,
            taken_at=taken_at,
            renewed_at=now,
            expires_at=now + self._seconds,
        )

    def _held(self) -> LeaseRecord:
        holder = self._mine.holder
        if self._lost is not None or holder is None:
            raise lost(self._near.run, self._lost or "it was never taken")
        return holder

    def _lose(self, why: str) -> LeaseLostError:
        self._lost = why
        return lost(self._near.run, why)

    def _renew_again(self) -> None:
        # The run hears that its lease was lost before it publishes. Storage that is away may answer the next time.
        with contextlib.suppress(StorageError):
            self.renew()
