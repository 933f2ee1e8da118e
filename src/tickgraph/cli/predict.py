"""``tickgraph predict``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from tickgraph.api import open_forecaster
from tickgraph.cli.findings import show_findings
from tickgraph.cli.options import AsJson, AsOf, Exchange, ModelsDir, PricesDir, Source, SourcePath, parse_date
from tickgraph.cli.output import (
    facts,
    failure,
    money,
    note,
    percent,
    print_json,
    print_table,
    results,
    stdout,
)
from tickgraph.cli.symbols import explain_all
from tickgraph.errors import InputError, PartialFailure
from tickgraph.market.price import prices_by_symbol, read_price
from tickgraph.market.sources import open_source
from tickgraph.market.universe import alias_note, canonical, parse_symbols
from tickgraph.serving.answer import Forecast, Forecasts
from tickgraph.serving.forecaster import Forecaster
from tickgraph.settings import Settings, load_settings


def predict(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOLS", help="Tickers, TIER_1 or a sector.")
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option("--price", "-p", metavar="PRICE", help="Current price: 130, or AAPL=130 among several."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every trained symbol, in one batched call.")
    ] = False,
    fallback: Annotated[
        str | None,
        typer.Option(help="Without a model: momentum, train (now) or none.", show_default="momentum"),
    ] = None,
    as_of: AsOf = None,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Forecast the next close from trained models and stored prices.

    The answer says where its prices come from and as of when. Intervals and confidence are calibrated on
    sessions that training never saw; confidence is the probability that the forecast's sign is right.
    """
    settings = load_settings(
        source=source,
        source_path=source_path,
        models_dir=models_dir,
        prices_dir=prices_dir,
        exchange=exchange,
        fallback=fallback,
    )
    forecaster = open_forecaster(settings)
    if everything == bool(symbols):
        raise InputError("Name symbols, such as: tickgraph predict AAPL, or use --all for every trained one.")
    wanted = forecaster.symbols() if everything else parse_symbols(symbols or [])
    explain_all(wanted, forecaster.symbols(), "For every trained symbol use --all.")
    if everything and not wanted:
        raise InputError(f"No trained model in {settings.models_dir}. Run: tickgraph train --symbols TIER_1")
    for word in symbols or []:
        if known_as := alias_note(word):
            note(known_as)
    prices = read_prices(price or [], wanted)
    _store_prices_of_untrained(settings, forecaster, wanted)
    result = forecaster.forecast_many(
        wanted, prices, as_of=parse_date(as_of), fallback="none" if everything else settings.fallback
    )
    if len(wanted) == 1 and result.failures:
        raise result.failures[wanted[0]]
    _print(result, as_json, single=len(wanted) == 1)
    if result.failures:
        raise typer.Exit(PartialFailure.exit_code)


def read_prices(options: list[str], wanted: tuple[str, ...]) -> dict[str, float]:
    """Price by symbol, from what was given as ``--price``: 130, or AAPL=130 among several."""
    given: list[tuple[str, str]] = []
    for option in options:
        name, _, text = option.rpartition("=")
        if not name and len(wanted) != 1:
            raise InputError(f"--price {option} fits one symbol. Among several, write --price AAPL=130.")
        symbol = canonical(name) if name else wanted[0]
        if symbol not in wanted:
            raise InputError(f"--price names {symbol}, which is not among the symbols to forecast.")
        given.append((symbol, text))
    return prices_by_symbol(given, read_price)


def _store_prices_of_untrained(settings: Settings, forecaster: Forecaster, wanted: tuple[str, ...]) -> None:
    """A symbol without a model may have no stored prices yet: ask the source for them once."""
    store = settings.price_store()
    untrained = set(wanted) - set(forecaster.symbols())
    elsewhere = {symbol: store.source_of(symbol, settings.source) for symbol in sorted(untrained)}
    for symbol, source in elsewhere.items():
        if source != settings.source:
            note(
                f"{symbol}: no prices from source {settings.source!r} are stored; those from {source!r} are used"
            )
    new = {symbol for symbol in untrained if elsewhere[symbol] == settings.source}
    new -= set(store.symbols(settings.source))
    if new and settings.fallback != "none":
        report = store.update(
            open_source(settings.source, settings.source_path, access=settings.access), sorted(new)
        )
        for reason in report.failures.values():
            note(reason)
        show_findings(found for found in report.findings if found.severity == "warning")


def _print(result: Forecasts, as_json: bool, *, single: bool) -> None:
    if as_json:
        answers = {symbol: forecast.model_dump(mode="json") for symbol, forecast in result.forecasts.items()}
        failures = {symbol: str(error) for symbol, error in result.failures.items()}
        print_json(next(iter(answers.values())) if single else {"forecasts": answers, "failures": failures})
        return
    if single:
        print_one(next(iter(result.forecasts.values())))
    else:
        print_many(result.forecasts)
    for error in result.failures.values():
        failure(str(error))


def print_one(forecast: Forecast) -> None:
    """Print one forecast with where it came from, its notes on stderr."""
    move = percent(forecast.predicted_return, 3, sign=True)
    rows = {
        "forecast": f"{money(forecast.prediction)}  ({move} log return)",
        "from price": f"{money(forecast.price)}  ({forecast.price_source})",
    }
    for interval in forecast.intervals:
        rows[f"{interval.level:.0%} interval"] = f"{money(interval.lower)} to {money(interval.upper)}"
    rows["P(up)"] = percent(forecast.probability_up)
    rows["confidence"] = (
        f"{percent(forecast.confidence)}  (sign is right; {forecast.calibration_sessions} held-out sessions)"
    )
    rows["status"] = forecast.status
    if forecast.trained_at is not None:
        rows["model trained"] = f"{forecast.trained_at:%Y-%m-%d %H:%M} UTC"
    stale = f", STALE by {forecast.sessions_behind} sessions" if forecast.stale else ", current"
    origin = forecast.prices_source
    if forecast.prices_provider != origin:
        origin += f" ({forecast.prices_provider})"
    rows["prices"] = f"{origin}, as of {forecast.as_of}{stale}"
    stdout.print(facts(f"{forecast.symbol}: close of {forecast.target_session}", rows))
    for text in forecast.notes:
        note(text)


def print_many(forecasts: Mapping[str, Forecast]) -> None:
    """Print forecasts as a table, and what is to be said of them; what all have in common stands above."""
    statuses = {forecast.status for forecast in forecasts.values()}
    days = {forecast.as_of for forecast in forecasts.values()}
    title = "Forecasts of the next close"
    if len(statuses) == len(days) == 1:
        title += f": {statuses.pop()}, prices as of {days.pop()}"
    common = title != "Forecasts of the next close"
    table = results(
        title,
        "symbol",
        *(() if common else ("status", "as of")),
        right=("price", "forecast", "return", "80% interval", "P(up)", "conf."),
    )
    for symbol, forecast in forecasts.items():
        likely = forecast.intervals[0]
        table.add_row(
            symbol,
            *(() if common else (forecast.status, str(forecast.as_of))),
            money(forecast.price),
            money(forecast.prediction),
            percent(forecast.predicted_return, 2, sign=True),
            f"{money(likely.lower)} to {money(likely.upper)}",
            percent(forecast.probability_up),
            percent(forecast.confidence),
        )
    print_table(table)
    for text in dict.fromkeys(text for forecast in forecasts.values() for text in forecast.notes):
        count = sum(text in forecast.notes for forecast in forecasts.values())
        note(f"{text} ({count} of {len(forecasts)})")
