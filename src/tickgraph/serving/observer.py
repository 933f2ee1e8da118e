"""Who hears what happens in serving: the metrics of a service, or a test."""

from __future__ import annotations


class Observer:
    """Hears what happens in serving; override the methods of interest.

    They are called while a request waits, and from several threads: they must be quick and must not raise.
    """

    def hit(self, symbol: str) -> None:
        """A model was in memory."""

    def missed(self, symbol: str) -> None:
        """A model was not in memory."""

    def loaded(self, symbol: str, seconds: float) -> None:
        """A generation was read, verified and put in memory."""

    def refused(self, symbol: str, error: Exception) -> None:
        """A generation could not be read or failed verification."""

    def evicted(self, symbol: str, idle: float) -> None:
        """A model made room for another, unused for this many seconds."""

    def computed(self, symbols: int, seconds: float) -> None:
        """The network ran once for several symbols."""

    def correlated(self, symbol: str, reason: str) -> None:
        """A model's correlations were not fresh (``age`` or ``session``) and were computed from stored prices."""

    def fell_back(self, symbol: str, reason: str) -> None:
        """Momentum answered: ``no model``."""

    def looked(self) -> None:
        """A look for newer models and prices has ended."""

    def prices_kept(self, source: str, error: Exception) -> None:
        """Changed prices could not be read; those in memory stay in use."""

    def journaled(self, written: int, dropped: int) -> None:
        """Forecasts were written to the journal, or could not be."""
