"""A run of refresh while it goes on: what it did with each symbol, and what a person should know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tickgraph.operations.records import RefreshRun, SymbolRun


class RunSoFar:
    """What a run will leave in its record.

    Parameters
    ----------
    begun
        As it was when it began; one that carries on another has symbols already.

    Attributes
    ----------
    begun
        As above.
    unreachable
        Why a source could not be reached, or had nothing newer yet.
    problems
        Why the run fails, besides sources and symbols.
    """

    def __init__(self, begun: RefreshRun) -> None:
        self.begun = begun
        self.unreachable = dict(begun.unreachable)
        self.problems: list[str] = []
        self._symbols = dict(begun.symbols)
        self._notes = dict.fromkeys(begun.notes)

    @property
    def symbols(self) -> Mapping[str, SymbolRun]:
        """What was done with each symbol."""
        return self._symbols

    @property
    def record(self) -> RefreshRun:
        """The run as far as it is."""
        return self.begun.model_copy(
            update={
                "symbols": dict(self._symbols),
                "notes": tuple(self._notes),
                "unreachable": dict(self.unreachable),
            }
        )

    def note(self, symbol: str, errors: tuple[str, ...] = (), **changes: object) -> None:
        """Note what was done with a symbol, by the fields of :class:`SymbolRun`; errors come beside those before."""
        before = self._symbols.get(symbol, SymbolRun())
        self._symbols[symbol] = before.model_copy(update={**changes, "errors": before.errors + errors})

    def say(self, notes: Iterable[str]) -> None:
        """Note what a person should know, once."""
        self._notes |= dict.fromkeys(notes)

    def ended(self, problems: Sequence[str]) -> RefreshRun:
        """The run as it ended: failed if there are problems."""
        return self.record.model_copy(
            update={"state": "failed" if problems else "done", "error": "; ".join(problems) or None}
        )
