"""``tickgraph chain``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

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
    given,
    one_symbol,
    parse_date,
    split_words,
)
from tickgraph.cli.output import facts, money, note, percent, print_json, print_table, results, stdout
from tickgraph.cli.saving import read_ending, save_as
from tickgraph.errors import InputError, TickgraphError
from tickgraph.market.calendar import Day
from tickgraph.market.expiry import read_expiry
from tickgraph.market.price import read_price
from tickgraph.market.spelling import Symbol
from tickgraph.options.chain import read_centre
from tickgraph.options.chain_file import ChainFile, is_of, read_chain
from tickgraph.options.quotes import Quotes, grid
from tickgraph.pictures.chain_page import chain_page
from tickgraph.serving.chain_answer import Chain, ChainExpiry
from tickgraph.serving.forecaster import Fallback, Forecaster
from tickgraph.serving.outlook_answer import looking_ahead
from tickgraph.settings import load_settings
from tickgraph.wording import counted, listed

MOST_STRIKES = 10_000
_SAVED = {
    "strike": "strikes",
    "probability_above": "probability_above",
    "probability_touched": "probability_touched",
    "implied_volatility": "implied_volatilities",
    "risk_neutral_above": "risk_neutral_above",
    "difference": "difference",
    "call_value": "call_values",
    "put_value": "put_values",
}
"""Columns of the CSV, and the lists of an answer that they hold."""


def chain(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Ticker.")],
    expiries: Annotated[
        str | None,
        typer.Option(
            "--expiries", metavar="DATES", help="Days on which options expire, with commas between them."
        ),
    ] = None,
    strikes: Annotated[
        str | None,
        typer.Option(
            "--strikes", metavar="PRICES", help="110:150:5 is 110, 115 to 150; or prices with commas."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Chain as Yahoo, CBOE or a broker gives it, as CSV."),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option("--price", "-p", metavar="PRICE", help="Current price; without it, the last close."),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", metavar="RATE", help="Interest rate a year, e.g. 0.043.")
    ] = 0.0,
    dividend_yield: Annotated[
        float | None,
        typer.Option(
            "--dividend-yield",
            metavar="YIELD",
            help="Dividends a year, e.g. 0.006.",
            show_default="what the forecast takes off",
        ),
    ] = None,
    centred_on: Annotated[
        str,
        typer.Option("--centred-on", metavar="MEAN", help="Mean behind fair values: forward, or forecast."),
    ] = "forward",
    save: Annotated[
        Path | None,
        typer.Option(
            "--save", metavar="FILE", help="Write chain.csv, a row a strike, or chain.html, heat maps, too."
        ),
    ] = None,
    as_of: AsOf = None,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Show for every strike of an option chain how likely the close is above it, and what its options are worth.

    A fair value is what an option pays on average under the forecast's distribution. With --file the market's
    probability, from the implied volatility of mid prices, stands beside the forecast's.

    - `tickgraph chain AAPL --expiries 2023-01-20,2023-02-17 --strikes 110:150:5`
    - `tickgraph chain AAPL --file quotedata.csv --rate 0.043`
    - `tickgraph chain AAPL --file quotedata.csv --expiries 2023-01-20 --save chain.html`
    """
    day = parse_date(as_of)
    ending = read_ending(save, ("csv", "html"))
    flags = {
        "source": source,
        "source_path": source_path,
        "models_dir": models_dir,
        "prices_dir": prices_dir,
        "exchange": exchange,
    }
    settings = load_settings(**given(flags))  # they set the exchange, which says what a symbol is
    name = one_symbol(symbol, "A chain")
    start = None if price is None else read_price(name, price)
    centre = read_centre(centred_on)
    days = None if expiries is None else [read_expiry(word) for word in split_words([expiries])]
    asked = _grid(days, strikes) if file is None else _read(name, days, strikes, file)
    forecaster = open_forecaster(settings)
    if isinstance(asked, ChainFile):
        asked = _within_reach(forecaster, name, asked, start, day, settings.fallback)
    answer = forecaster.chain(
        name,
        quotes=asked,
        price=start,
        rate=rate,
        dividend_yield=dividend_yield,
        centred_on=centre,
        values=True,
        skip_impossible=file is not None,
        as_of=day,
        fallback=settings.fallback,
    )
    if save is not None:
        save_as(save, chain_page(answer) if ending == "html" else _as_csv(answer))
    if as_json:
        print_json(answer.model_dump(mode="json"))
        return
    _print(answer)
    for text in answer.notes:
        note(text)
    if save is not None:
        note(f"{counted(sum(len(row.strikes) for row in answer.expiries), 'strike')} written to {save}")


def _grid(days: Sequence[Day] | None, strikes: str | None) -> tuple[Quotes, ...]:
    """Every strike at every expiry."""
    if days is None or strikes is None:
        raise InputError(
            "Give --expiries and --strikes, such as: --expiries 2023-01-20 --strikes 110:150:5, or --file."
        )
    return grid(days, _strikes(strikes))


def _read(name: Symbol, days: Sequence[Day] | None, strikes: str | None, file: Path) -> ChainFile:
    """Read the expiries that are asked for of a file of the symbol's options."""
    if strikes is not None:
        raise InputError("--file has strikes of its own. Leave --strikes out.")
    read = read_chain(file)
    if not is_of(read.symbol, name):
        raise InputError(f"{file} has options of {read.symbol}, and {name} was asked for.")
    for text in read.remarks:
        note(text)
    if absent := [day for day in days or () if day not in read.expiries]:
        there = listed(list(map(str, read.expiries)), most=10)
        raise InputError(f"{file} has no options that expire on {absent[0]}. It has those of {there}.")
    return read if days is None else read.only(days)


def _strikes(text: str) -> list[float]:
    """Read strikes: prices with commas between them, or first:last:step."""
    levels: list[float] = []
    for word in split_words([text]):
        if re.fullmatch(r"[0-9.]+-[0-9.]+(?:[-/][0-9.]+)?", word):
            raise InputError(f"--strikes {word}: write a range as first:last:step, such as 110:150:5.")
        ends = [read_price(None, part, what="Strike") for part in word.split(":")]
        if len(ends) == 1:
            levels += ends
        elif len(ends) == 3 and ends[0] <= ends[1] and (ends[1] - ends[0]) / ends[2] < MOST_STRIKES:
            first, last, step = ends
            count = int((last - first) / step * (1 + 1e-12) + 1e-9) + 1
            levels += [round(first + step * number, 6) for number in range(count)]
        else:
            raise InputError(
                f"--strikes {word} is no range. Write first:last:step, such as 110:150:5 for 110, 115 to 150; "
                f"{MOST_STRIKES:,} strikes are the most."
            )
    if not levels:
        raise InputError("--strikes is empty. Write prices such as 120,130, or a range such as 110:150:5.")
    return levels


def _within_reach(
    forecaster: Forecaster,
    name: Symbol,
    file: ChainFile,
    price: float | None,
    as_of: date | None,
    fallback: Fallback,
) -> tuple[Quotes, ...]:
    """Quotes of the expiries that can be forecast; a file has others, which a note names."""
    outlooks = forecaster.outlooks([name], as_of=as_of, fallback=fallback)
    for error in outlooks.failures.values():
        raise error
    outlook = outlooks.found[name]
    found, refused = [], {}
    for each in file.quotes(outlook.last_close if price is None else price):
        try:
            looking_ahead(outlook, expiry=each.expiry)
            found.append(each)
        except TickgraphError as error:
            refused[str(each.expiry)] = error
    if not found:
        raise next(iter(refused.values()))
    if refused:
        first = next(iter(refused.values()))
        note(f"{counted(len(refused), 'expiry')} left out ({listed(list(refused))}): {first}")
    return tuple(found)


def _print(answer: Chain) -> None:
    rows = {"from price": f"{money(answer.price)}  ({answer.price_source})"}
    centre = "the forward" if answer.centred_on == "forward" else "the forecast's own mean"
    rows["fair values"] = (
        f"under the forecast's distribution around {centre}, at a rate of {percent(answer.rate)}"
    )
    stdout.print(facts(f"{answer.symbol}: option chain", rows | origin(answer)))
    for row in answer.expiries:
        _print_expiry(row)


def _print_expiry(row: ChainExpiry) -> None:
    columns = _columns(row)
    title = (
        f"{row.expiry}: {counted(row.sessions, 'session')}, volatility {percent(row.volatility)}, "
        f"forward {money(row.forward)}"
    )
    table = results(title, right=tuple(columns))
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    print_table(table)


def _columns(row: ChainExpiry) -> dict[str, list[str]]:
    """Columns that have something in them, as text."""
    columns = {
        "strike": [money(strike) for strike in row.strikes],
        "P(above)": [percent(each) for each in row.probability_above],
    }
    if row.probability_touched is not None:
        columns["P(touch)"] = [percent(each) for each in row.probability_touched]
    if row.implied_volatilities is not None:
        columns["implied vol."] = [percent(each) for each in row.implied_volatilities]
        columns["market P(above)"] = [percent(each) for each in row.risk_neutral_above or ()]
        columns["difference"] = [percent(each, sign=True) for each in row.difference or ()]
    columns["call"] = [f"{each:,.2f}" for each in row.call_values or ()]
    columns["put"] = [f"{each:,.2f}" for each in row.put_values or ()]
    return columns


def _as_csv(answer: Chain) -> str:
    """One row a strike, with the columns of the answer; an empty cell is not known."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(("symbol", "as_of", "price", "expiry", "sessions", "years", "forward", *_SAVED))
    for row in answer.expiries:
        columns = [getattr(row, name) or [None] * len(row.strikes) for name in _SAVED.values()]
        for cells in zip(*columns, strict=True):
            same = (
                answer.symbol,
                answer.as_of,
                answer.price,
                row.expiry,
                row.sessions,
                row.years,
                row.forward,
            )
            writer.writerow((*same, *cells))
    return written.getvalue()
