"""News of publications: whoever publishes tells one channel, and services that listen look for what is new.

A message is one word, the kind of news. A look finds all that was published, so a message names no symbols, and a false
one costs a look. Many publications within a moment make one message.
"""

from __future__ import annotations

import atexit
import functools
import threading
from typing import Literal

from tickgraph.shared.contact import SharedAway, SharedContact, must_be_installed
from tickgraph.shared.shared_settings import SharedSettings
from tickgraph.threads import Loop

CHANNEL = "news"
MODELS: Literal["models"] = "models"
PRICES: Literal["prices"] = "prices"
ENDED: Literal["ended"] = "ended"
KINDS = MODELS, PRICES, ENDED
"""Models were published or removed, prices were, or work that somebody had claimed has ended."""

PAUSE_SECONDS = 0.5
"""Between two messages of a process."""

Kind = Literal["models", "prices", "ended"]


class News:
    """What one process tells the others. Safe for threads; nobody waits for Redis but the end of the process.

    News that cannot be told is dropped: the others look by themselves, only later.

    Parameters
    ----------
    settings
        Of Redis, with the space.
    """

    def __init__(self, settings: SharedSettings) -> None:
        must_be_installed()
        self._settings = settings
        self._lock = threading.Lock()
        self._untold: set[Kind] = set()
        self._closing = threading.Event()
        self._telling = Loop(self._tell, 3600.0, "tickgraph-news", last=True)
        self._contact: SharedContact | None = None  # made when there is news: many commands have none

    def tell(self, kind: Kind) -> None:
        """Tell of something soon, and at once if nothing was told a moment ago."""
        with self._lock:
            self._untold.add(kind)
            if self._contact is None:
                self._contact = SharedContact(
                    self._settings
                )  # not at the end: no library is imported by then
                atexit.register(self.close)
                self._telling.start(at_once=False)
        self._telling.nudge()

    def close(self) -> None:
        """Tell what is untold, if Redis answers in time."""
        self._closing.set()
        if self._telling.started:
            self._telling.stop(2 * self._settings.timeout_seconds)

    def _tell(self) -> None:
        with self._lock:
            kinds, self._untold = sorted(self._untold), set()
        contact = self._contact
        if not kinds or contact is None:
            return
        channel = contact.key(CHANNEL)
        for kind in kinds:
            try:
                contact.ask(lambda redis, kind=kind: redis.publish(channel, kind))  # type: ignore[misc]
            except SharedAway:
                break
        self._closing.wait(PAUSE_SECONDS)


@functools.cache
def news_of(settings: SharedSettings) -> News:
    """The one :class:`News` of a process for these settings."""
    return News(settings)
