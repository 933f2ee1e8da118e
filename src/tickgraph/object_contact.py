"""Contact with object storage that may be away: who asks hears at once while it is known not to answer."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from tickgraph.object_place import ObjectPlace
from tickgraph.object_store import ObjectStore, Unreachable

Answer = TypeVar("Answer")


class Contact:
    """What a process knows of whether a place on object storage answers. Safe for threads.

    Parameters
    ----------
    place
        Where the objects are.
    now
        Clock that the last answer is dated by.
    monotonic
        Seconds that intervals are measured by.
    """

    def __init__(
        self,
        place: ObjectPlace,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = place
        self.monotonic = monotonic
        self._now = now
        self._opening = threading.Lock()
        self._store: ObjectStore | None = None
        self._answered_at: datetime | None = None
        self._fault: str | None = None
        self._left_alone_until = 0.0
        self._outdated_at = -math.inf

    @property
    def fault(self) -> str | None:
        """Why the place did not answer when it was asked last; None if it did."""
        return self._fault

    @property
    def away(self) -> str | None:
        """Why copies answer in place of the storage, and since when; None while it answers."""
        fault = self._fault
        if fault is None:
            return None
        last = f"{self._answered_at:%Y-%m-%d %H:%M} UTC" if self._answered_at else "before this process began"
        return f"copies on this machine stand in for {self.place}, which last answered {last}. {fault}"

    @property
    def is_left_alone(self) -> bool:
        """Whether the place did not answer a short while ago, and need not be asked again yet."""
        return self._fault is not None and self.monotonic() < self._left_alone_until

    def is_recent(self, moment: float) -> bool:
        """Whether an answer of this moment (monotonic seconds) still counts."""
        return moment > self._outdated_at and self.monotonic() - moment < self.place.access.poll_seconds

    def ask_anew(self) -> None:
        """Let no answer from before count: something is known to have been published since."""
        self._outdated_at = self.monotonic()

    def ask(self, question: Callable[[ObjectStore], Answer]) -> Answer:
        """Ask, and note whether there was an answer; raises what the question raises."""
        store = self._opened()  # what fails here is no answer
        try:
            answer = question(store)
        except Unreachable as error:
            self._fault = str(error)
            self._left_alone_until = self.monotonic() + self.place.access.retry_seconds
            raise
        except Exception:  # an answer, too: it is unchanged, somebody else's, too large
            self._note_answer()
            raise
        self._note_answer()
        return answer

    def _note_answer(self) -> None:
        self._fault, self._answered_at = None, self._now()

    def _opened(self) -> ObjectStore:
        with self._opening:
            if self._store is None:
                self._store = ObjectStore(self.place)
            return self._store
