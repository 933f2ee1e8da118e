"""A chain of options as an HTML page: heat maps over strikes and expiries, one a measure, chosen without a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tickgraph.pictures.page import cell, page, table
from tickgraph.serving.chain_answer import Chain, ChainExpiry
from tickgraph.wording import counted

Values = Sequence[float | None]


@dataclass(frozen=True)
class Measure:
    """What a heat map shows: its name, what that means, the lists of an expiry, and how a value is written."""

    name: str
    meaning: str
    values: Callable[[ChainExpiry], Values | None]
    written: Callable[[float], str]


def _percent(value: float) -> str:
    return f"{value:.1%}"


MEASURES = (
    Measure(
        "difference",
        "The forecast's probability above less the market's: blue where the forecast has more.",
        lambda row: row.difference,
        lambda value: f"{value:+.1%}",
    ),
    Measure(
        "P(above)",
        "Probability that the close of the expiry is above the strike, by the forecast.",
        lambda row: row.probability_above,
        _percent,
    ),
    Measure(
        "P(touch)",
        "Probability that a day's high, or low, reaches the strike by the expiry, by the forecast.",
        lambda row: row.probability_touched,
        _percent,
    ),
    Measure(
        "market P(above)",
        "Probability above the strike by the implied volatility: N(d2).",
        lambda row: row.risk_neutral_above,
        _percent,
    ),
    Measure(
        "implied volatility",
        "Of the market's mid prices, or as quoted; a year.",
        lambda row: row.implied_volatilities,
        _percent,
    ),
    Measure(
        "call",
        "Fair value of a call under the forecast's distribution, in dollars.",
        lambda row: row.call_values,
        lambda value: f"{value:,.2f}",
    ),
    Measure(
        "put",
        "Fair value of a put under the forecast's distribution, in dollars.",
        lambda row: row.put_values,
        lambda value: f"{value:,.2f}",
    ),
)
"""In the order in which they are offered; the first that the answer has is shown first."""
LEAST_DIFFERENCE = 0.05
"""Difference of probabilities that has the deepest colour, unless one of the chain is larger."""


def chain_page(chain: Chain) -> str:
    """Draw a chain as one HTML document: strikes down, expiries across, a heat map a measure.

    The row of the strike next to the price is set apart. A cell is empty where an expiry lacks the strike.
    """
    shown = [each for each in MEASURES if any(each.values(row) is not None for row in chain.expiries)]
    strikes = sorted({strike for row in chain.expiries for strike in row.strikes})
    summary = (
        f"From a price of {chain.price:,.2f} ({chain.price_source}) and prices as of {chain.as_of}; "
        f"{counted(len(strikes), 'strike')}, {counted(len(chain.expiries), 'expiry')}. Model: {chain.status}. "
        f"Fair values are around {'the forward' if chain.centred_on == 'forward' else 'the mean of the forecast'} "
        f"at a rate of {chain.rate:.1%}."
    )
    maps = (
        f'<section class="measure" id="map-{number}"><p>{escape(each.meaning)}</p>'
        f"{_heat_map(chain, each, strikes)}</section>\n"
        for number, each in enumerate(shown)
    )
    return page(f"{chain.symbol}: option chain", summary, [*_choices(shown), *maps], chain.notes)


def _choices(shown: Sequence[Measure]) -> Iterator[str]:
    rules = "".join(
        f"main:has(#show-{n}:checked) #map-{n} {{ display: block; }}\n" for n in range(len(shown))
    )
    yield f"<style>\n{rules}</style>\n"
    yield '<fieldset><legend>Show</legend><div class="choices">'
    for number, each in enumerate(shown):
        chosen = " checked" if number == 0 else ""
        yield f'<label><input type="radio" name="show" id="show-{number}"{chosen}>{escape(each.name)}</label>'
    yield "</div></fieldset>\n"


def _heat_map(chain: Chain, measure: Measure, strikes: Sequence[float]) -> str:
    columns = [
        dict(zip(row.strikes, measure.values(row) or [None] * len(row.strikes), strict=True))
        for row in chain.expiries
    ]
    depth = _depth(measure, [value for column in columns for value in column.values() if value is not None])
    heads = [
        "strike",
        *(
            f"{row.expiry}<small>{counted(row.sessions, 'session')}, {row.volatility:.1%}</small>"
            for row in chain.expiries
        ),
    ]
    rows = (
        (_strike(strike), [_value(column.get(strike), measure, depth) for column in columns])
        for strike in strikes
    )
    nearest = min(strikes, key=lambda strike: abs(strike - chain.price))
    return table(f"{measure.name}, by strike and expiry", heads, rows, emphasised=_strike(nearest))


def _strike(strike: float) -> str:
    return f"{strike:,.2f}" if strike >= 1 else f"{strike:g}"


def _value(value: float | None, measure: Measure, depth: Callable[[float], float]) -> str:
    if value is None:
        return cell("")
    return cell(measure.written(value), abs(depth(value)), opposite=depth(value) < 0)


def _depth(measure: Measure, values: Sequence[float]) -> Callable[[float], float]:
    """How deep the colour of a value is, from -1 to 1."""
    if measure.name == "difference":
        most = max([LEAST_DIFFERENCE, *map(abs, values)])
        return lambda value: value / most
    if measure.written is _percent and measure.name != "implied volatility":
        return lambda value: value
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return lambda value: (value - low) / (high - low) if high > low else 0.0
