"""A thread that listens to the news of other processes, and keeps contact with Redis meanwhile."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tickgraph.shared.contact import SharedAway, SharedContact
from tickgraph.shared.news import CHANNEL, ENDED, KINDS, Kind

WAKE_SECONDS = 0.2
"""How long the thread waits for news before it looks whether it is to stop."""
MOMENT_SECONDS, MOST_SECONDS = 0.5, 8.0
"""Between two looks for what is published: while news keeps coming it grows from the one to the other."""
QUIET_SECONDS = 10.0
"""After so long without a word the line is tried."""
END_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Pace:
    """When news of publications is told: at once after a quiet time, and ever more seldom while it keeps coming.

    So a refresh of 10,000 models, which takes minutes, makes services look every few seconds.
    """

    def __init__(self) -> None:
        self._last, self._gap = -math.inf, MOMENT_SECONDS

    def is_due(self, now: float) -> bool:
        """Whether news may be told now (monotonic seconds)."""
        return now - self._last >= self._gap

    def told(self, now: float) -> None:
        """Note that news was told."""
        was_quiet = now - self._last >= 2 * self._gap
        self._gap = MOMENT_SECONDS if was_quiet else min(2 * self._gap, MOST_SECONDS)
        self._last = now


class Listener:
    """Hears news, and asks a Redis server that was away whether it is back.

    Parameters
    ----------
    contact
        With Redis. The listener notes in it whether Redis answers, so that others need not ask.
    on_news
        Called in the listener's thread with the kinds of news, and with all of them whenever a line is new: news may
        have been lost before.
    """

    def __init__(self, contact: SharedContact, on_news: Callable[[Collection[Kind]], None]) -> None:
        self._contact, self._on_news = contact, on_news
        self._stopping = threading.Event()
        self._on_line = False
        self._thread = threading.Thread(target=self._run, name="tickgraph-listen", daemon=True)

    @property
    def is_on_line(self) -> bool:
        """Whether news comes: the server has said that it sends it."""
        return self._on_line

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._contact.check()
                self._hear()
            except SharedAway:
                pass
            except Exception as error:  # noqa: BLE001  whatever it was, the line is made anew
                if not self._stopping.is_set():
                    self._contact.note(type(error).__name__)
            self._stopping.wait(self._contact.settings.retry_seconds)

    def _hear(self) -> None:
        """Listen on one line until it breaks."""
        line = self._contact.subscribed(CHANNEL)
        heard, tried = time.monotonic(), False
        pace, untold = Pace(), set[Kind]()
        try:
            while not self._stopping.is_set():
                message = line.get_message(timeout=WAKE_SECONDS)
                now = time.monotonic()
                if message is not None:
                    heard, tried = now, False
                    untold |= _kinds_of(message)
                    self._on_line = True
                elif now - heard > QUIET_SECONDS + self._contact.settings.timeout_seconds:
                    raise TimeoutError
                elif now - heard > QUIET_SECONDS and not tried:
                    line.ping()
                    tried = True
                is_due = untold == set(KINDS) or pace.is_due(now)
                if kinds := frozenset(untold if is_due else untold & {ENDED}):
                    if kinds != {ENDED}:
                        pace.told(now)
                    untold -= kinds
                    self._tell(kinds)
                if self._contact.away is not None and not self._contact.is_left_alone:
                    self._contact.check()  # others had no answer; SharedAway makes the line anew
        finally:
            self._on_line = False
            line.close()

    def _tell(self, kinds: Collection[Kind]) -> None:
        try:
            self._on_news(kinds)
        except Exception:  # noqa: BLE001  the next news may be followed
            _log.exception("news of other hosts could not be followed")


def _kinds_of(message: Mapping[str, Any]) -> set[Kind]:
    """Kinds that a message tells of; all of them if the line is new, also where the library has made it anew."""
    if message["type"] == "subscribe":
        return set(KINDS)
    return {kind for kind in KINDS if message["data"] == kind}
