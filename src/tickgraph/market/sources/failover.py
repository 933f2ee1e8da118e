"""Several providers behind one name: where one fails, the next is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

import pandas as pd

from tickgraph.errors import SourceUnavailableError
from tickgraph.market.calendar import system_time
from tickgraph.market.source import Fetched, PriceSource, empty_bars
from tickgraph.market.spelling import Symbol

REST = timedelta(minutes=15)  # that a provider out of reach is left alone for
FEW = 5  # symbols; where fewer fail, the reason may be theirs


class FailoverSource:
    """The source ``live``: an ordered list of providers.

    The first is asked for all symbols, the next for those that failed, whatever the reason: another provider may know
    a name that the first does not. A symbol's bars in one fetch are all of one provider. A provider that is wholly out
    of reach is not asked again for a while. One that answered for other symbols just now is not out of reach when a
    few symbols fail.

    Parameters
    ----------
    providers
        In the order of asking.
    left_out
        Why a provider that was asked for is not among them, by name.
    now
        Clock; None is the system's.
    """

    name = "live"
    editable = False

    def __init__(
        self,
        providers: Sequence[PriceSource],
        *,
        left_out: Mapping[str, str] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._providers = tuple(providers)
        self._left_out = [f"{name}: {reason}" for name, reason in (left_out or {}).items()]
        self._now = now or system_time
        self._down: dict[str, tuple[datetime, str]] = {}  # until when, and why
        self._answered: dict[str, datetime] = {}

    def symbols(self) -> tuple[Symbol, ...]:
        """What the providers list, the first one's first."""
        return tuple(dict.fromkeys(symbol for provider in self._providers for symbol in provider.symbols()))

    def fetch(
        self, symbols: Sequence[Symbol], first: date | None = None, last: date | None = None
    ) -> Fetched:
        """Ask the providers in turn for the bars of symbols.

        Returns
        -------
        Fetched
            ``providers`` names who gave each symbol. A failure lasts only if each provider said so; its text has
            each one's reason.

        Raises
        ------
        SourceUnavailableError
            No provider can be reached; the message has each one's reason.
        InputError
            ``first`` is after ``last``.
        """
        waiting = tuple(dict.fromkeys(symbols))
        parts: list[pd.DataFrame] = []
        providers: dict[str, str] = {}
        reasons: dict[str, list[str]] = {symbol: [] for symbol in waiting}
        passing: set[str] = set()
        out_of_reach: list[str] = []
        for provider in self._providers:
            if not waiting:
                break
            try:
                fetched = self._ask(provider, waiting, first, last)
            except SourceUnavailableError as error:
                out_of_reach.append(f"{provider.name}: {error}")
                continue
            parts.append(fetched.bars)
            providers |= dict.fromkeys(fetched.bars["symbol"].unique().tolist(), provider.name)
            passing |= fetched.passing
            waiting = tuple(symbol for symbol in waiting if symbol in fetched.failures)
            for symbol in waiting:
                reasons[symbol].append(f"{provider.name}: {fetched.failures[symbol]}")
        if waiting and len(out_of_reach) == len(self._providers):
            reasons_why = " ".join(out_of_reach + self._left_out)
            raise SourceUnavailableError(f"No provider of prices can be reached. {reasons_why}")
        failures: dict[str, str] = {symbol: " ".join(reasons[symbol] + out_of_reach) for symbol in waiting}
        passing = set(waiting) if out_of_reach else passing & set(waiting)
        bars = pd.concat(parts, ignore_index=True) if providers else empty_bars()
        bars = bars.sort_values(["symbol", "date"], kind="stable").reset_index(drop=True)
        return Fetched(bars, failures, providers, frozenset(passing))

    def _ask(
        self, provider: PriceSource, symbols: Sequence[Symbol], first: date | None, last: date | None
    ) -> Fetched:
        until, why = self._down.get(provider.name, (None, ""))
        if until is not None and self._now() < until:
            raise SourceUnavailableError(f"{why} It is not asked again before {until:%Y-%m-%d %H:%M %Z}.")
        try:
            fetched = provider.fetch(symbols, first, last)
        except SourceUnavailableError as error:
            now, answered = self._now(), self._answered.get(provider.name)
            if len(symbols) >= FEW or answered is None or now - answered > REST:
                self._down[provider.name] = (now + REST, str(error))
            raise
        self._down.pop(provider.name, None)
        self._answered[provider.name] = self._now()
        return fetched
