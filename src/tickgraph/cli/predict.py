"""``tickgraph predict``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from tickgraph.api import open_forecaster
from tickgraph.cli.options import (
    AsJson,
    AsOf,
    Exchange,
    ModelsDir,
    Prices,
    PricesDir,
    Source,
    SourcePath,
    SymbolArguments,
    named_symbols,
    parse_date,
    read_prices,
)
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
from tickgraph.cli.price_findings import finding_documents, show_findings
from tickgraph.errors import InputError, PartialFailure
from tickgraph.market.quality import Finding
from tickgraph.market.spelling import Symbol
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.answer import Forecast
from tickgraph.settings import Settings, load_settings
from tickgraph.wording import counted


def predict(
    symbols: SymbolArguments = None,
    price: Prices = None,
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
    if everything:
        wanted = forecaster.symbols()
        if not wanted:
            raise InputError(
                f"No trained model in {settings.models_dir}. Run: tickgraph train --symbols TIER_1"
            )
    else:
        wanted = named_symbols(symbols or (), forecaster.symbols, "For every trained symbol use --all.")
    prices = read_prices(price or (), wanted)
    findings = _store_prices_of_untrained(settings, wanted)
    result = forecaster.forecasts(
        wanted, prices, as_of=parse_date(as_of), fallback="none" if everything else settings.fallback
    )
    if len(wanted) == 1 and result.failures:
        raise result.failures[wanted[0]]
    if as_json:
        answers = {symbol: forecast.model_dump(mode="json") for symbol, forecast in result.forecasts.items()}
        failures = {symbol: str(error) for symbol, error in result.failures.items()}
        document = answers[wanted[0]] if len(wanted) == 1 else {"forecasts": answers, "failures": failures}
        print_json({**document, "findings": finding_documents(findings)})
    elif len(wanted) == 1:
        print_one(result.forecasts[wanted[0]])
    else:
        print_many(result.forecasts)
        for error in result.failures.values():
            failure(str(error))
    if result.failures:
        raise typer.Exit(PartialFailure.exit_code)


def _store_prices_of_untrained(settings: Settings, symbols: Sequence[Symbol]) -> list[Finding]:
    """Ask the source once for prices of symbols that have neither a model nor prices; give what is odd in them."""
    registry, store = ModelRegistry(settings.models_dir), settings.price_store()
    untrained = [symbol for symbol in sorted(symbols) if registry.generation(symbol) is None]
    elsewhere = {symbol: store.source_of(symbol, settings.source) for symbol in untrained}
    for symbol, source in elsewhere.items():
        if source != settings.source:
            note(
                f"{symbol}: no prices from source {settings.source!r} are stored; those from {source!r} are used"
            )
    here = [symbol for symbol in untrained if elsewhere[symbol] == settings.source]
    if not here or settings.fallback == "none":
        return []
    stored = store.symbols(settings.source)
    new = [symbol for symbol in here if symbol not in stored]
    if not new:
        return []
    report = store.update(settings.open_source(), new)
    for reason in report.failures.values():
        note(reason)
    warnings = [finding for finding in report.findings if finding.severity == "warning"]
    show_findings(warnings)
    return warnings


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
    stale = f", STALE by {counted(forecast.sessions_behind, 'session')}" if forecast.stale else ", current"
    origin = forecast.prices_source
    if forecast.prices_provider != origin:
        origin += f" ({forecast.prices_provider})"
    rows["prices"] = f"{origin}, as of {forecast.as_of}{stale}"
    stdout.print(facts(f"{forecast.symbol}: close of {forecast.target_session}", rows))
    for text in forecast.notes:
        note(text)


def print_many(forecasts: Mapping[str, Forecast]) -> None:
    """Print forecasts as a table, and their notes on stderr. The title says what all of them have in common."""
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
