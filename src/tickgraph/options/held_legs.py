"""What the legs of a strategy cost today, and what those are worth that go on after the session that is asked about.

A leg whose premium nobody said costs its fair value under the forecast: the distribution is scaled so that its mean is
the forward, and what the option pays on average is discounted, as in :mod:`~tickgraph.options.chain`.

A leg that goes on is worth its Black-Scholes value. Its volatility is the forecast's own for the time that is left,
unless the caller states another: sqrt((v_g - v_h) / T). There v is the variance of the log return at the distribution's
ranks. The day that is asked about is h sessions ahead, the leg's expiry is g, and T years lie between them. Dividends
that the forecast takes off until then are dollars, whatever the price is by then, unless the caller states a yield.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np

from tickgraph.errors import InputError
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.black_scholes import forward_price
from tickgraph.options.legs import Leg, Position
from tickgraph.options.strategy_question import StrategyQuestion
from tickgraph.options.terminal_price import TerminalPrice
from tickgraph.wording import counted

PremiumSource = Literal["request", "fair value", "price", "net premium"]
DAYS_A_YEAR = 365


@dataclass(frozen=True)
class HeldLeg:
    """A leg with all that its profit on a day needs.

    Attributes
    ----------
    leg
        With its premium, unless there is one premium for all options.
    source
        Where the premium comes from; ``price`` is the price of the share.
    years
        Left on that day; 0 for a leg that has settled, and for stock.
    volatility
        Annualised, of the years left.
    dividends
        Dollars a share that go ex in the years left.
    """

    leg: Leg
    source: PremiumSource
    years: float = 0.0
    volatility: float = 0.0
    dividends: float = 0.0


@dataclass(frozen=True, eq=False)
class Day:
    """Where a strategy stands: what the forecast says, and the session that the profit is of.

    Attributes
    ----------
    distribution
        Of the log return from ``price``.
    price
        Dollars; what the share costs now.
    as_of
        Last session with prices.
    on, sessions
        Session that the profit is of, and how many sessions ahead it is.
    """

    distribution: HorizonDistribution
    price: float
    as_of: date
    on: date
    sessions: int

    def dividends_until(self, sessions: int | None) -> float:
        """Dollars that the forecast takes off after the session asked about; None is to its longest horizon."""
        drag = self.distribution.drag
        if drag is None:
            return 0.0
        first, last = drag[self.sessions - 1], drag[(sessions or self.distribution.longest) - 1]
        return self.price * float(np.exp(-first) - np.exp(-last))


def hold(
    question: StrategyQuestion, day: Day, sessions: Sequence[int | None]
) -> tuple[tuple[HeldLeg, ...], Position]:
    """Price the legs of a strategy, and make its position on a day.

    Parameters
    ----------
    question
        Legs, and what values assume.
    day
        The forecast and the day.
    sessions
        To the expiry of each leg; None for stock, and beyond the forecast.

    Raises
    ------
    InputError
        A leg beyond the forecast has no premium, or goes on and has no volatility.
    """
    strategy, terminals = question.strategy, _Terminals(day, question)
    held = tuple(_held(number, question, terminals, ahead) for number, ahead in enumerate(sessions))
    cost = strategy.net or 0.0
    cost -= sum(each.leg.shares * each.leg.premium for each in held if each.leg.premium is not None)
    position = Position.of_legs(
        [each.leg for each in held],
        cost,
        years=np.array([each.years for each in held]),
        volatility=np.array([each.volatility for each in held]),
        dividends=np.array([each.dividends for each in held]),
        rate=question.rate,
        dividend_yield=question.dividend_yield or 0.0,
    )
    return held, position


def _held(number: int, question: StrategyQuestion, terminals: _Terminals, sessions: int | None) -> HeldLeg:
    leg, day = question.strategy.legs[number], terminals.day
    source: PremiumSource
    if leg.expiry is None:
        source = "price" if leg.premium is None else "request"
        return HeldLeg(replace(leg, premium=day.price if leg.premium is None else leg.premium), source)
    if leg.premium is not None:
        source = "request"
    elif question.strategy.net is not None:
        source = "net premium"
    elif sessions is None:
        raise _beyond("premium", number, question, day)
    else:
        source, leg = "fair value", replace(leg, premium=terminals.fair_value(leg, sessions))
    years = _years(day.on, leg)
    if not years:
        return HeldLeg(leg, source)
    if question.volatility is None and sessions is None:
        raise _beyond("volatility", number, question, day)
    volatility = question.volatility or later_volatility(day.distribution, day.sessions, sessions or 0, years)
    dividends = day.dividends_until(sessions) if question.dividend_yield is None else 0.0
    return HeldLeg(leg, source, years, volatility, dividends)


class _Terminals:
    """Prices at expiries, for fair values; each is made once."""

    def __init__(self, day: Day, question: StrategyQuestion) -> None:
        self.day = day
        self._question = question
        self._made: dict[int, TerminalPrice] = {}

    def fair_value(self, leg: Leg, sessions: int) -> float:
        """Fair value today of an option so many sessions before its expiry, in dollars a share."""
        day, rate = self.day, self._question.rate
        if (terminal := self._made.get(sessions)) is None:
            terminal = self._made[sessions] = TerminalPrice.of(day.distribution, sessions)
        years = _years(day.as_of, leg)
        drag = 0.0 if day.distribution.drag is None else float(day.distribution.drag[sessions - 1])
        dividend_yield = (
            drag / years if self._question.dividend_yield is None else self._question.dividend_yield
        )
        scale = float(forward_price(day.price, years, rate, dividend_yield)) / terminal.mean
        call, put = terminal.call_and_put(np.array([leg.strike]) / scale)
        paid = call if leg.kind == "call" else put
        return float(paid[0] * scale * np.exp(-rate * years))


def _years(start: date, leg: Leg) -> float:
    """Calendar days from a day to a leg's expiry, over 365; 0 for stock."""
    return 0.0 if leg.expiry is None else (leg.expiry - start).days / DAYS_A_YEAR


def later_volatility(distribution: HorizonDistribution, start: int, end: int, years: float) -> float:
    """Annualised volatility of the forecast from one session ahead to another, so many years later."""
    first, last = distribution.returns(np.array([start, end])).var(axis=-1)
    return float(np.sqrt(max(last - first, 0.0) / years))


def _beyond(what: str, number: int, question: StrategyQuestion, day: Day) -> InputError:
    name, expiry = question.expiry_name(number), question.strategy.legs[number].expiry
    longest = counted(day.distribution.longest, "session")
    return InputError(
        f"{what} is missing: {name} {expiry} is further ahead than {longest}, where nothing is forecast. "
        f"State the {what} of what expires then, or name an earlier expiry."
    )
