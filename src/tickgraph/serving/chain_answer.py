"""The answer about a chain of options: columns by expiry, one value a strike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from pydantic import ConfigDict

from tickgraph.market.calendar import Clock, sessions_a_year
from tickgraph.options.chain import Centre, ChainQuestion, ChainRow, chain_rows
from tickgraph.options.quotes import or_none
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import OutlookAnswer, outlook_fields, sessions_to
from tickgraph.wording import counted

DECIMALS = 9
"""Of probabilities; no probability of the forecast is less than that."""


@dataclass(frozen=True, slots=True)
class ChainExpiry:
    """Options of one expiry; each list has one value a strike, in the order of `strikes`."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    expiry: date
    """Day on which the options expire."""
    sessions: int
    """Sessions of the exchange from `as_of` to `expiry`."""
    years: float
    """Calendar days from `as_of` to `expiry`, over 365."""
    forward: float
    """Dollars; the price at the rate less the dividend yield."""
    dividend_yield: float
    """Continuous, a year; that of the request, or what the forecast takes off by `expiry`."""
    volatility: float
    """The forecast's; annualised, over these sessions."""
    strikes: list[float]
    """Dollars."""
    probability_above: list[float]
    """Probability that the close of `expiry` is above each strike, by the forecast."""
    probability_touched: list[float] | None = None
    """Probability that a day's high, or low, reaches each strike on or before `expiry`, by the forecast; null where
    that is not known."""
    implied_volatilities: list[float | None] | None = None
    """Annualised; those of the request, or else of its mid prices. Null where it has none."""
    risk_neutral_above: list[float | None] | None = None
    """Probability above each strike by the implied volatility: N(d2)."""
    difference: list[float | None] | None = None
    """`probability_above` less `risk_neutral_above`."""
    call_values: list[float] | None = None
    """Dollars; fair values of calls under the forecast's distribution, discounted. Null without quotes, unless
    `values` asked for them."""
    put_values: list[float] | None = None
    """Dollars; fair values of puts."""
    expected: float | None = None
    """Dollars; mean of the close by the forecast. Null without fair values."""


class AnyChain(OutlookAnswer):
    """A chain of options beside the forecast, but for its options."""

    rate: float
    """Interest rate, continuous, a year."""
    centred_on: Centre
    """Mean of the distribution that fair values are taken under: the forward, or the forecast's own."""


class Chain(AnyChain):
    """A chain of options beside the forecast."""

    expiries: tuple[ChainExpiry, ...]
    """In the order of the request."""


class ChainArrays(AnyChain):
    """A chain whose columns are still arrays: JSON is written of them many times faster than of lists."""

    expiries: tuple[dict[str, Any], ...]
    """Fields of each :class:`ChainExpiry`; an array in place of each list, and NaN in it in place of None."""


def chain_arrays(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    question: ChainQuestion,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> ChainArrays:
    """Answer for every strike of every expiry.

    The other parameters are those of :func:`~tickgraph.serving.answer.answer_fields`.

    Raises
    ------
    InputError
        An expiry that cannot be forecast, as :func:`~tickgraph.serving.outlook_answer.sessions_to`; a mid price that
        no volatility gives.
    ModelNotFoundError
        The symbol has no model that looks as far ahead.
    """
    distribution = outlook.one_session_or_more
    ahead = sessions_to(outlook, [each.expiry for each in question.quotes])
    fields = outlook_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    rows = chain_rows(distribution, fields["price"], outlook.as_of, question, ahead, outlook.touch)
    volatilities = distribution.volatility(np.array(ahead), sessions_a_year())  # [E]
    notes = list(fields.pop("notes"))
    if left_out := sum(row.left_out for row in rows):
        are, them = ("is", "it") if left_out == 1 else ("are", "them")
        notes.append(f"{counted(left_out, 'mid price')} {are} left out: no volatility gives {them}")
    return ChainArrays.model_construct(
        **fields,
        notes=tuple(notes),
        rate=question.rate,
        centred_on=question.centred_on,
        expiries=tuple(map(_columns, rows, volatilities.tolist())),
    )


def chain_of(arrays: ChainArrays) -> Chain:
    """Make lists of a chain's arrays."""
    return Chain.model_construct(**{**vars(arrays), "expiries": tuple(map(_listed, arrays.expiries))})


def _columns(row: ChainRow, volatility: float) -> dict[str, Any]:
    """Fields of an expiry, in their order; probabilities are rounded, which halves the JSON."""
    above, risk_neutral = np.round(row.above, DECIMALS), row.risk_neutral_above
    return {
        "expiry": row.quotes.expiry.astype(date),
        "sessions": row.sessions,
        "years": row.years,
        "forward": row.forward,
        "dividend_yield": row.dividend_yield,
        "volatility": volatility,
        "strikes": row.quotes.strikes,
        "probability_above": above,
        "probability_touched": None if row.touched is None else np.round(row.touched, DECIMALS),
        "implied_volatilities": row.implied_volatilities,
        "risk_neutral_above": None if risk_neutral is None else np.round(risk_neutral, DECIMALS),
        "difference": None if risk_neutral is None else np.round(above - risk_neutral, DECIMALS),
        "call_values": row.calls,
        "put_values": row.puts,
        "expected": row.expected,
    }


def _listed(columns: dict[str, Any]) -> ChainExpiry:
    """An expiry with lists in place of arrays."""
    fields: dict[str, Any] = {
        name: or_none(value) if isinstance(value, np.ndarray) else value for name, value in columns.items()
    }
    return ChainExpiry(**fields)
