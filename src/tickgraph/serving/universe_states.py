"""The universe's states of the day in memory, by source of prices."""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError

from tickgraph.errors import TickgraphError
from tickgraph.model.universe_state import UniverseState
from tickgraph.registry.universe_folder import UniverseFolder
from tickgraph.threads import HungError, Threads

HUNG = 2  # reads that may hang before others are refused
END_SECONDS = 2.0  # for a read that runs when this is closed

_log = logging.getLogger(__name__)


class UniverseStates:
    """States of the day; one that cannot be read counts as missing, since a model's peers can stand in for it.

    Parameters
    ----------
    folder
        Where states are published.
    read_seconds
        How long a read may take; None is without limit.
    """

    def __init__(self, folder: UniverseFolder, read_seconds: float | None = None) -> None:
        self._folder, self._read_seconds = folder, read_seconds
        self._reading = Threads(1, "tickgraph-universe", spare=HUNG)
        self._states: dict[str, UniverseState | None] = {}
        self._faults: dict[str, str] = {}

    def get(self, source: str) -> UniverseState | None:
        """State as it is published now."""
        try:
            found = self._reading.result(self._reading.submit(self._folder.state, source), self._read_seconds)
        except (TickgraphError, HungError, CancelledError) as error:
            if self._faults.get(source) != str(error):
                _log.warning("the universe's state is not used: %s", error)
            self._faults[source] = str(error)
            found = None
        else:
            self._faults.pop(source, None)
        self._states[source] = found
        return found

    def covering(self, source: str) -> UniverseState | None:
        """State in memory, read where it was not asked for before."""
        return self._states[source] if source in self._states else self.get(source)

    def peek(self, source: str) -> UniverseState | None:
        """State in memory; no file is looked at."""
        return self._states.get(source)

    def held(self) -> tuple[UniverseState | None, ...]:
        """States in memory."""
        return tuple(self._states.values())

    def refresh(self) -> None:
        """Read again what was replaced."""
        for source in tuple(self._states):
            self.get(source)

    def clear(self) -> None:
        """Forget all states."""
        self._states.clear()

    def close(self) -> None:
        """Let a read that runs end, unless it hangs, and read no more."""
        self._reading.close(END_SECONDS)
