"""Strikes: the options that name them, and the answer about one or two as people read it."""

from __future__ import annotations

from typing import Annotated

import typer

from tickgraph.cli.answers import origin
from tickgraph.cli.output import facts, money, note, percent, stdout
from tickgraph.errors import InputError
from tickgraph.market.price import read_price
from tickgraph.market.spelling import Symbol
from tickgraph.serving.probability_answer import Probability
from tickgraph.wording import counted

Strike = Annotated[
    str | None,
    typer.Option(
        "--strike",
        metavar="PRICE",
        help="How likely the close is above this price, and how likely the price gets there by then.",
    ),
]
UpperStrike = Annotated[
    str | None,
    typer.Option(
        "--upper-strike",
        metavar="PRICE",
        help="A second strike: how likely the close is between the two, as well.",
    ),
]


def read_strikes(
    strike: str | None, upper_strike: str | None, symbols: tuple[Symbol, ...]
) -> tuple[float, float | None] | None:
    """Read the options ``--strike`` and ``--upper-strike``; None where no strike is given.

    Raises
    ------
    InputError
        Several symbols, an upper strike alone, or a strike that is no price.
    """
    if strike is None:
        if upper_strike is not None:
            raise InputError("--upper-strike goes with --strike, such as: --strike 130 --upper-strike 140.")
        return None
    if len(symbols) != 1:
        raise InputError("--strike fits one symbol. Name one, such as: tickgraph predict AAPL --strike 135.")
    upper = None if upper_strike is None else read_price(symbols[0], upper_strike, what="Upper strike")
    return read_price(symbols[0], strike, what="Strike"), upper


def print_probability(answer: Probability) -> None:
    """Print the answer about one strike or two, its notes on stderr."""
    low = money(answer.strike)
    rows = {
        "from price": f"{money(answer.price)}  ({answer.price_source})",
        f"P(close > {low})": percent(answer.probability_above),
        f"P(close <= {low})": percent(answer.probability_below),
        f"P(touch {low})": _touch(answer.probability_touched, answer.strike, answer.price),
    }
    if answer.upper_strike is not None:
        high = money(answer.upper_strike)
        rows[f"P(close > {high})"] = percent(answer.probability_above_upper)
        rows[f"P(touch {high})"] = _touch(answer.probability_upper_touched, answer.upper_strike, answer.price)
        rows[f"P({low} < close <= {high})"] = percent(answer.probability_between)
    rows |= {f"{q.probability:.0%} quantile": money(q.close) for q in answer.quantiles}
    rows["calibrated on"] = counted(answer.calibration_sessions, "held-out session")
    ahead = counted(answer.sessions, "session")
    title = f"{answer.symbol}: close of {answer.expiry}, {ahead} after {answer.as_of}"
    stdout.print(facts(title, rows | origin(answer)))
    if answer.beyond_calibration:
        strikes = low if answer.upper_strike is None else f"{low} or {money(answer.upper_strike)}"
        note(
            f"{strikes} lies beyond every move of the {answer.calibration_sessions} held-out sessions: its "
            "probability is small, and how small is not known"
        )
    for text in answer.notes:
        note(text)


def _touch(probability: float | None, strike: float, price: float) -> str:
    end = "low" if strike < price else "high"
    return f"{percent(probability)}  (a day's {end} gets there by then)"
