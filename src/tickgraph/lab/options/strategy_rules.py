"""The strategies that are judged: legs struck by their deltas, at the prices of a model.

Strikes and premiums are Black-Scholes values at the forecast volatility, without interest and dividends. With the
deviation s = sqrt(V_h) of the log return over h sessions, the strike of delta d lies at::

    call    log(K / S) = s^2 / 2 - s N^-1(d)
    put     log(K / S) = s^2 / 2 + s N^-1(d)

A market asks more than the forecast volatility, mostly. So what a strategy earns here is no claim about a market. The
probability of profit is a claim about the price alone, and that is what is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from tickgraph.options.black_scholes import option_value
from tickgraph.options.legs import CONTRACT, LegKind, Position, Side

PRICING = "Black-Scholes at the forecast volatility, without interest and dividends"


@dataclass(frozen=True)
class LegRule:
    """A leg whose strike follows from a delta; stock has none."""

    side: Side
    kind: LegKind
    delta: float = 0.0


@dataclass(frozen=True)
class StrategyRule:
    """A strategy without its strikes."""

    name: str
    description: str
    legs: tuple[LegRule, ...]

    def position(self, price: float, deviation: float) -> Position:
        """One contract of it, struck and priced at one session.

        Parameters
        ----------
        price
            Of the share, in dollars.
        deviation
            Forecast standard deviation of the log return up to the expiry, above 0.
        """
        kinds = np.array([leg.kind for leg in self.legs])
        is_stock, is_put = kinds == "stock", kinds == "put"
        away = ndtri([leg.delta or 0.5 for leg in self.legs])  # deviations, below 0
        strikes = price * np.exp(deviation**2 / 2 + deviation * np.where(is_put, away, -away))
        options = np.where(is_put, "put", "call")
        premiums = np.where(is_stock, price, option_value(options, price, strikes, 1.0, deviation))
        shares = np.array([CONTRACT if leg.side == "buy" else -CONTRACT for leg in self.legs])
        settled = np.zeros(len(self.legs))
        return Position(
            shares, is_put, np.where(is_stock, 0.0, strikes), float(-shares @ premiums), settled, settled
        )


def _sold_strangle(delta: float) -> StrategyRule:
    return StrategyRule(
        f"strangle-{delta * 100:.0f}",
        f"A put and a call of delta {delta:g}, both sold.",
        (LegRule("sell", "put", delta), LegRule("sell", "call", delta)),
    )


RULES = {
    rule.name: rule
    for rule in (
        _sold_strangle(0.16),
        _sold_strangle(0.30),
        StrategyRule(
            "put-spread-30-16",
            "A put of delta 0.3 sold, and one of delta 0.16 bought.",
            (LegRule("sell", "put", 0.30), LegRule("buy", "put", 0.16)),
        ),
        StrategyRule(
            "covered-call-30",
            "The stock bought, and a call of delta 0.3 sold on it.",
            (LegRule("buy", "stock"), LegRule("sell", "call", 0.30)),
        ),
    )
}
STRATEGIES = tuple(RULES)
"""Names, in the order of reports."""
