"""The watcher: looks for newer models and prices again and again, so that no request has to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from tickgraph.market.calendar import first_session, sessions_behind
from tickgraph.market.spelling import Symbol
from tickgraph.serving.changes import Held, changed_symbols, held_by
from tickgraph.serving.forecaster import Forecaster
from tickgraph.threads import Loop

POLL_SECONDS = 1.0
SILENT_SECONDS = 30.0  # a look that takes longer than this hangs
START_SECONDS = 10.0  # for the first look; where storage hangs, the service starts without it
END_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Watcher:
    """Keeps a forecaster's memory current.

    A thread looks every ``poll_seconds``. It lists the models, loads and verifies newer ones, reads newer prices and
    computes the forecasts that they change in one call. Until then requests are answered from what was there before.
    If something cannot be read, what is in memory stays, and the next look tries again.

    Parameters
    ----------
    forecaster
        Looks for nothing by itself once the first look has begun.
    poll_seconds
        Time between two looks.
    silent_seconds
        How long a look may take before it counts as one that hangs.
    on_change
        Called in the watcher's thread with the symbols of which an answer may have changed, after a look that found
        any.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        *,
        poll_seconds: float = POLL_SECONDS,
        silent_seconds: float = SILENT_SECONDS,
        on_change: Callable[[frozenset[Symbol]], None] | None = None,
    ) -> None:
        self.forecaster = forecaster
        self._on_change = on_change
        self._held: Held | None = None
        self._poll_seconds, self._silent_seconds = poll_seconds, silent_seconds
        self._loop = Loop(self._look_again, poll_seconds, "tickgraph-watch")
        self._looked, self._published = threading.Event(), threading.Event()
        self._looked_at = time.monotonic()
        self._failed: str | None = None

    def start(self) -> None:
        """Look once, for so long as storage answers in time, and go on looking."""
        sessions_behind(first_session())  # builds the exchange's calendar, which takes 0.1 s
        self.forecaster.catalogue.watched = True
        self._loop.start()
        self._looked.wait(START_SECONDS)

    def stop(self) -> None:
        """Look no more; a look that runs is let end, unless it hangs."""
        self._loop.stop(END_SECONDS)

    def nudge(self) -> None:
        """Look now rather than at the next turn, and ask object storage again: something was published.

        The storage is asked by the next look, so that what a look that goes on has asked stays valid for it.
        """
        self._published.set()
        self._loop.nudge()

    @property
    def fault(self) -> str | None:
        """Why newer models and prices cannot be looked for, until a look succeeds; None if they can."""
        silent = time.monotonic() - self._looked_at
        if self._loop.started and silent > self._poll_seconds + self._silent_seconds:
            return (
                f"no look for newer models and prices has ended for {silent:.0f} s: storage does not answer; "
                "what is in memory stays in service"
            )
        return self.forecaster.catalogue.fault() or self._failed

    def look(self) -> None:
        """Bring the forecaster's memory up to date with what is stored: one turn of the watcher."""
        if self._published.is_set():
            self._published.clear()
            self.forecaster.catalogue.ask_anew()
        try:
            if self.forecaster.catalogue.look():
                self._failed = self.forecaster.renew()
                self._tell()
        finally:
            self._looked_at = time.monotonic()
            self._looked.set()
            self.forecaster.observer.looked()

    def _tell(self) -> None:
        """Tell of what changed since it was last told; the first look has nothing to compare with."""
        before, now = self._held, held_by(self.forecaster)
        if before is not None and self._on_change is not None and (symbols := changed_symbols(before, now)):
            self._on_change(symbols)
        self._held = now  # only now: the next look tells again what could not be told

    def _look_again(self) -> None:
        try:
            self.look()
        except Exception as error:  # noqa: BLE001  a fault in one look must not end all later ones
            self._failed = f"looking for newer models and prices failed: {error}"
            _log.exception("looking for newer models and prices failed")
