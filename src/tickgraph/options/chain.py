"""A chain of options: what the forecast says of every strike at every expiry, beside what the market says.

For strike K at an expiry h sessions and T years ahead, with today's price S, the interest rate r and the dividend yield
q::

    P(above)         that the close is above K, from the forecast's distribution
    P(touch)         that a day's high, or low, reaches K on the way
    risk-neutral     N(d2), from the implied volatility
    fair value       exp(-r T) E[max(S_h - K, 0)] of a call, exp(-r T) E[max(K - S_h, 0)] of a put

Expectations are closed forms of :mod:`~tickgraph.options.terminal_price`. Their mean is a choice. With ``forward`` the
distribution is scaled so that its mean is the forward F = S exp((r - q) T): a fair value then tells what the
distribution's shape is worth, and a call less a put is exp(-r T) (F - K), as in the market. With ``forecast`` the mean
stays the forecast's own.

Sources: for the density behind prices of calls, Breeden and Litzenberger 1978, "Prices of State-Contingent Claims
Implicit in Option Prices"; for setting a forecast's density beside it, Aït-Sahalia, Wang and Yared 2001, "Do option
markets correctly price the probabilities of movement of the underlying asset?".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from tickgraph.errors import InputError
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.black_scholes import forward_price, risk_neutral_probability
from tickgraph.options.quoted_volatility import QuotedVolatilities, quoted_volatilities
from tickgraph.options.quotes import Quotes, checked
from tickgraph.options.terminal_price import TerminalPrice
from tickgraph.options.touch import TouchDistribution
from tickgraph.shapes import Float64

Centre = Literal["forward", "forecast"]
DAYS_A_YEAR = 365


def read_centre(text: str) -> Centre:
    """Read what fair values are centred on; :class:`InputError` for another word."""
    for word in get_args(Centre):
        if text == word:
            return cast(Centre, word)
    raise InputError(f"centred_on must be forward or forecast, got {text!r}.")


@dataclass(frozen=True, eq=False)
class ChainQuestion:
    """What is asked of a chain, and what its values assume.

    Attributes
    ----------
    quotes
        The strikes of each expiry, and what the market says of them.
    rate
        Interest rate, continuous, a year.
    dividend_yield
        Continuous, a year; None is what the forecast takes off by each expiry.
    centred_on
        Whether the mean of a fair value's distribution is the forward, or the forecast's own.
    values
        Give fair values where there are no quotes, too.
    touch
        Say how likely each strike is touched.
    skip_impossible
        Leave a mid price out that no volatility gives, where it would be an error.
    """

    quotes: tuple[Quotes, ...]
    rate: float = 0.0
    dividend_yield: float | None = None
    centred_on: Centre = "forward"
    values: bool = False
    touch: bool = True
    skip_impossible: bool = False

    def __post_init__(self) -> None:
        """Refuse a rate or a yield that is none with :class:`InputError`, and a chain that is none."""
        checked(self.quotes)
        for name, share in (("rate", self.rate), ("dividend_yield", self.dividend_yield)):
            if share is not None and not -1 <= share <= 1:
                raise InputError(
                    f"{name} must be a share a year from -1 to 1, such as 0.04 for 4 %, got {share:g}."
                )

    @property
    def has_mid_prices(self) -> bool:
        """Whether implied volatilities have to be found."""
        return any(each.calls is not None or each.puts is not None for each in self.quotes)


@dataclass(frozen=True, eq=False)
class ChainRow:
    """The options of one expiry; ``[K]`` arrays in the order of the quotes' strikes, None where nothing was asked.

    Attributes
    ----------
    quotes
        What was asked.
    sessions, years
        To the expiry.
    forward
        Dollars.
    dividend_yield
        A year, in force for this expiry.
    above, touched
        Probabilities by the forecast.
    implied_volatilities
        Annualised, given or from mid prices; NaN without a quote.
    risk_neutral_above
        Probability by the implied volatility.
    calls, puts
        Fair values in dollars.
    expected
        Dollars; mean of the close, by the forecast; with fair values only.
    left_out
        How many quotes no volatility explains.
    """

    quotes: Quotes
    sessions: int
    years: float
    forward: float
    dividend_yield: float
    above: Float64[np.ndarray, "strikes"]
    touched: Float64[np.ndarray, "strikes"] | None = None
    implied_volatilities: Float64[np.ndarray, "strikes"] | None = None
    risk_neutral_above: Float64[np.ndarray, "strikes"] | None = None
    calls: Float64[np.ndarray, "strikes"] | None = None
    puts: Float64[np.ndarray, "strikes"] | None = None
    expected: float | None = None
    left_out: int = 0


def chain_rows(
    distribution: HorizonDistribution,
    price: float,
    as_of: np.datetime64,
    question: ChainQuestion,
    sessions: Sequence[int],
    touch: TouchDistribution | None = None,
) -> list[ChainRow]:
    """Evaluate every strike of every expiry.

    Parameters
    ----------
    distribution
        Of the log return from ``price``.
    price
        Dollars.
    as_of
        Session that the distribution starts from.
    question
        What is asked.
    sessions
        How many sessions ahead each expiry is.
    touch
        Says how likely strikes are touched; without one no row has that.

    Raises
    ------
    InputError
        Sessions that the distribution does not reach; a mid price that no volatility gives.
    """
    quotes, lengths = question.quotes, [len(each) for each in question.quotes]
    ends = np.cumsum(lengths)[:-1]
    levels = np.log(np.concatenate([each.strikes for each in quotes]) / price)  # [N]
    ahead = np.array(sessions)
    touched: list[Float64[np.ndarray, "strikes"] | None] = [None] * len(quotes)
    if touch is not None and question.touch:
        touched = [*np.split(touch.probability_touched(levels, np.repeat(ahead, lengths)), ends)]
    days = np.array([each.expiry for each in quotes])
    years = (days - as_of).astype("timedelta64[D]").astype(np.int64) / DAYS_A_YEAR  # [E]
    if question.dividend_yield is not None:
        dividends = np.full(len(quotes), question.dividend_yield)
    else:
        dividends = (0.0 if distribution.drag is None else distribution.drag[ahead - 1]) / years
    implied: Sequence[QuotedVolatilities | None] = [None] * len(quotes)
    if any(each.has_any for each in quotes):
        implied = quoted_volatilities(
            quotes, price, years, question.rate, dividends, skip_impossible=question.skip_impossible
        )
    return [
        _row(distribution, price, question, *of_one)
        for of_one in zip(
            quotes,
            ahead.tolist(),
            years.tolist(),
            dividends.tolist(),
            np.split(levels, ends),
            touched,
            implied,
            strict=True,
        )
    ]


def _row(
    distribution: HorizonDistribution,
    price: float,
    question: ChainQuestion,
    quotes: Quotes,
    sessions: int,
    years: float,
    dividends: float,
    levels: Float64[np.ndarray, "strikes"],
    touched: Float64[np.ndarray, "strikes"] | None,
    implied: QuotedVolatilities | None,
) -> ChainRow:
    rate = question.rate
    found: dict[str, Any] = {}
    if quotes.has_any and implied is not None:
        found["implied_volatilities"], found["left_out"] = implied.volatilities, implied.left_out
        found["risk_neutral_above"] = risk_neutral_probability(
            price, quotes.strikes, years, implied.volatilities, rate, dividends
        )
    forward = float(forward_price(price, years, rate, dividends))
    if question.values or quotes.has_any:
        terminal = TerminalPrice.of(distribution, sessions)
        scale = forward / terminal.mean if question.centred_on == "forward" else price
        calls, puts = terminal.call_and_put(quotes.strikes / scale)
        discounted = scale * math.exp(-rate * years)
        found |= {"calls": discounted * calls, "puts": discounted * puts, "expected": price * terminal.mean}
    above = distribution.probability_above(levels, sessions)
    return ChainRow(quotes, sessions, years, forward, dividends, above, touched, **found)
