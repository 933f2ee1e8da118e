"""Outlooks of symbols, said at the price of a request: each kind of answer is made by a function of an outlook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from tickgraph.errors import TickgraphError
from tickgraph.market.calendar import Clock
from tickgraph.market.price import checked_price
from tickgraph.market.spelling import Symbol
from tickgraph.object_store import Unreachable
from tickgraph.serving.answer import Forecast, answer_fields, forecast_from
from tickgraph.serving.answer_json import answer_json
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import Answering
from tickgraph.serving.outlook_cache import OutlookCache
from tickgraph.serving.outlook_inputs import Fallback

T = TypeVar("T")


class PricedOutlooks(OutlookCache):
    """Answer from outlooks in memory at any price; the parameters are those of :class:`OutlookCache`."""

    def answer(self, outlook: Outlook, price: float | None, *, trained_now: bool = False) -> Forecast:
        """Forecast at a price that was checked; None is the last stored close."""
        return self.answer_from(outlook, price, forecast_from, trained_now=trained_now)

    def answer_fields(
        self, outlook: Outlook, price: float | None, *, trained_now: bool = False
    ) -> dict[str, Any]:
        """Fields of :meth:`answer` in their order."""
        return self.answer_from(outlook, price, answer_fields, trained_now=trained_now)

    def answer_json(self, outlook: Outlook, price: float | None, *, trained_now: bool = False) -> bytes:
        """JSON of :meth:`answer`; many times faster."""
        return self.answer_from(outlook, price, answer_json, trained_now=trained_now)

    def answer_from(
        self,
        outlook: Outlook,
        price: float | None,
        answer: Answering[T],
        *,
        trained_now: bool = False,
        clock: Clock | None = None,
    ) -> T:
        """Make another answer at a price that was checked, as of the clock's time or now; None is the last close."""
        refused = self._refusal(outlook)
        return answer(outlook, price, clock or self._clock, trained_now=trained_now, refused=refused)

    def _answer(
        self, name: Symbol, price: float | None, answer: Answering[T], as_of: date | None, fallback: Fallback
    ) -> T:
        """Make another answer about one symbol; raises what it failed on."""
        start = None if price is None else checked_price(name, price)
        outlooks = self.outlooks([name], as_of=as_of, fallback=fallback)
        for error in outlooks.failures.values():
            raise error
        return self.answer_from(
            outlooks.found[name],
            start,
            answer,
            trained_now=name in outlooks.trained,
            clock=self._clock_at(as_of),
        )

    def _answers(
        self,
        symbols: Sequence[Symbol],
        prices: Mapping[str, float],
        answer: Answering[T],
        as_of: date | None,
        fallback: Fallback,
    ) -> tuple[dict[str, T], dict[str, TickgraphError]]:
        """Make an answer about each of several symbols, at prices that were checked; and the error of each without."""
        outlooks = self.outlooks(symbols, as_of=as_of, fallback=fallback)
        clock = self._clock_at(as_of)

        def made(outlook: Outlook) -> T:
            trained_now, price = outlook.symbol in outlooks.trained, prices.get(outlook.symbol)
            return self.answer_from(outlook, price, answer, trained_now=trained_now, clock=clock)

        return outlooks.each(symbols, made), outlooks.failures

    def _refusal(self, outlook: Outlook) -> Exception | None:
        """Why a newer model than the outlook's is not used."""
        if outlook.model is None:
            return None
        away = self.catalogue.models_away
        return self.models.refusal(outlook.symbol) or (Unreachable(away) if away is not None else None)

    def _clock_at(self, as_of: date | None) -> Clock:
        """The clock of an answer from prices up to a day; None is now."""
        return self._clock if as_of is None else Clock(lambda: min(self._clock.now(), _end_of(as_of)))


def _end_of(day: date) -> datetime:
    return datetime.combine(day, datetime.max.time(), UTC)  # the exchange closes hours before
