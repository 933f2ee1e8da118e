"""``tickgraph strategy``."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from pathlib import Path
from typing import Annotated, cast

import typer

from tickgraph.api import open_forecaster
from tickgraph.cli.answers import origin
from tickgraph.cli.options import (
    AsJson,
    AsOf,
    Exchange,
    ModelsDir,
    PricesDir,
    Source,
    SourcePath,
    parse_date,
    split_words,
)
from tickgraph.cli.output import facts, money, note, percent, print_json, print_table, results, stdout
from tickgraph.cli.payoff import ASCII, LINES, payoff
from tickgraph.cli.saving import read_ending, save_as
from tickgraph.errors import InputError
from tickgraph.market.expiry import read_expiry
from tickgraph.market.price import read_price
from tickgraph.market.universe import alias_note, canonical
from tickgraph.options.legs import CONTRACT, Leg, LegKind, Side
from tickgraph.options.templates import TEMPLATES
from tickgraph.serving.strategy_answer import StrategyOutcome
from tickgraph.settings import load_settings
from tickgraph.wording import counted, quoted

_NAMES = ", ".join(TEMPLATES)
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_LEG = re.compile(
    rf"(buy|sell) +(?:(stock)|(call|put) +{_NUMBER} +([0-9-]+))(?: +at +{_NUMBER})?(?: +x *{_NUMBER})?"
)


def strategy(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Ticker.")],
    template: Annotated[
        str | None, typer.Argument(metavar="[TEMPLATE]", help=f"{_NAMES}.", show_default=False)
    ] = None,
    expiry: Annotated[
        str | None,
        typer.Option("--expiry", metavar="DATES", help="Day that options expire on; two for a calendar."),
    ] = None,
    strikes: Annotated[
        str | None, typer.Option("--strikes", metavar="PRICES", help="Ascending: 115,120,140,145.")
    ] = None,
    premium: Annotated[
        float | None,
        typer.Option(
            "--premium",
            help="Dollars a share for all options together, received or paid as the template says.",
        ),
    ] = None,
    premiums: Annotated[
        str | None,
        typer.Option("--premiums", metavar="PRICES", help="Dollars a share of each option: 0.6,1.2,1.6,0.7."),
    ] = None,
    quantity: Annotated[
        float | None, typer.Option("--quantity", help="Shares of each leg.", show_default=f"{CONTRACT:g}")
    ] = None,
    legs: Annotated[
        list[str] | None,
        typer.Option(
            "--leg",
            metavar="LEG",
            help="In place of a template, repeated: 'sell put 120 2023-01-20 at 1.25 x 200', 'buy stock'.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="Compute the profit of this session, before the expiry."),
    ] = None,
    volatility: Annotated[
        float | None,
        typer.Option("--volatility", help="Volatility a year of options that go on after that session: 0.3."),
    ] = None,
    rate: Annotated[float, typer.Option("--rate", help="Interest a year: 0.04.")] = 0.0,
    dividend_yield: Annotated[
        float | None,
        typer.Option("--dividend-yield", help="Dividends a year: 0.006; without it those of the forecast."),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option("--price", "-p", metavar="PRICE", help="Current price; without it, the last close."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write profit and density by price as CSV.")
    ] = None,
    as_of: AsOf = None,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Say what a strategy of options may earn, and how likely a profit is.

    A template makes the legs from strikes and expiries; --leg names them one by one. Options without a premium are
    priced at the forecast's fair value, and a note says so.

    - `tickgraph strategy AAPL iron-condor --expiry 2023-01-20 --strikes 115,120,140,145 --premium 2.1`
    - `tickgraph strategy AAPL calendar --expiry 2023-01-20,2023-02-17 --strikes 130`
    - `tickgraph strategy AAPL --leg 'buy stock' --leg 'sell call 140 2023-01-20 at 1.6'`
    """
    day = parse_date(as_of)
    read_ending(save, ("csv",))
    held = None if legs is None else [read_leg(text, number) for number, text in enumerate(legs)]
    settings = load_settings(
        source=source,
        source_path=source_path,
        models_dir=models_dir,
        prices_dir=prices_dir,
        exchange=exchange,
    )
    name = canonical(symbol)  # the settings say which exchange's it is
    if known_as := alias_note(symbol):
        note(known_as)
    answer = open_forecaster(settings).strategy(
        name,
        template,
        legs=held,
        strikes=_prices("strikes", strikes),
        expiries=None if expiry is None else [read_expiry(text) for text in split_words([expiry])],
        quantity=quantity,
        premium=premium,
        premiums=_prices("premiums", premiums),
        on=None if on is None else read_expiry(on),
        volatility=volatility,
        rate=rate,
        dividend_yield=dividend_yield,
        price=None if price is None else read_price(None, price, what="price"),
        as_of=day,
        fallback=settings.fallback,
    )
    if save is not None:
        save_as(save, as_csv(answer))
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        print_strategy(answer)
    if save is not None:
        note(f"profit and density by price are in {save}")


def read_leg(text: str, number: int) -> Leg:
    """Read a leg as a person writes it: ``sell put 120 2023-01-20 at 1.25 x 200``, or ``buy stock``.

    Raises
    ------
    InputError
        It is not written like that.
    """
    name = f"legs.{number}"
    match = _LEG.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"{name} is {quoted(text)}. Write it as 'sell put 120 2023-01-20 at 1.25 x 200' or 'buy stock'; "
            "the premium and the quantity may be left out."
        )
    side, stock, kind, strike, expiry, premium, quantity = match.groups()
    return Leg(
        cast(LegKind, stock or kind),
        cast(Side, side),
        CONTRACT if quantity is None else float(quantity),
        None if strike is None else read_price(None, strike, what=f"{name}.strike"),
        None if expiry is None else read_expiry(expiry).astype(date),
        None if premium is None else float(premium),
    )


def print_strategy(answer: StrategyOutcome) -> None:
    """Print the legs, the figures, the profit over the price; notes on stderr."""
    title = (
        f"{answer.symbol}: {answer.template or 'legs'} on {answer.on}, {counted(answer.sessions, 'session')}"
    )
    title += f" after {answer.as_of}"
    paid = "received" if answer.cost > 0 else "paid"
    rows = {
        "probability of profit": percent(answer.probability_of_profit),
        "expected profit": dollars(answer.expected_profit),
        "if profitable": dollars(answer.expected_profit_if_profitable),
        "if not": dollars(answer.expected_loss_if_unprofitable),
        "worst 5 %": f"{dollars(answer.expected_shortfall)}  (their mean)",
        "maximum gain": _bound(answer.maximum_gain),
        "maximum loss": _bound(answer.maximum_loss),
        "breaks even at": ", ".join(map(money, answer.break_evens)) or "no price",
        "cost": f"{money(abs(answer.cost))} {paid}",
        "from price": f"{money(answer.price)}  ({answer.price_source})",
    }
    stdout.print(facts(title, rows | origin(answer)))
    goes_on = any(leg.volatility is not None for leg in answer.legs)
    right = ["quantity", "strike", "expiry", "premium", "from", *(["volatility"] if goes_on else [])]
    table = results("Legs", "side", "kind", right=right)
    for leg in answer.legs:
        table.add_row(
            leg.side,
            leg.kind,
            f"{leg.quantity:g}",
            "-" if leg.strike is None else money(leg.strike),
            "-" if leg.expiry is None else str(leg.expiry),
            "-" if leg.premium is None else money(leg.premium),
            leg.premium_source,
            *([percent(leg.volatility)] if goes_on else []),
        )
    print_table(table)
    table = results("Quantiles of the profit", right=("probability below", "profit"))
    for quantile in answer.quantiles:
        table.add_row(f"{quantile.probability:.0%}", dollars(quantile.profit))
    print_table(table)
    marks = LINES if stdout.encoding.startswith("utf") else ASCII
    stdout.print(payoff(answer.curve, answer.price, marks), soft_wrap=True)
    for text in answer.notes:
        note(text)


def as_csv(answer: StrategyOutcome) -> str:
    """Profit and density by price, a line each."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("price", "profit", "density"))
    curve = answer.curve
    rows.writerows(zip(curve.prices, curve.profits, curve.densities, strict=True))
    return text.getvalue()


def dollars(profit: float) -> str:
    """A profit with its sign."""
    return f"{profit:+,.2f}"


def _bound(profit: float | None) -> str:
    return "without bound" if profit is None else dollars(profit)


def _prices(name: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(word) for word in split_words([text])]
    except ValueError as error:
        raise InputError(f"{name} must be numbers with commas between them, got {quoted(text)}.") from error
