"""``tickgraph predict``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from tickgraph.api import open_forecaster
from tickgraph.cli.answers import print_many, print_one
from tickgraph.cli.options import (
    AsJson,
    AsOf,
    Exchange,
    Expiry,
    ModelsDir,
    Prices,
    PricesDir,
    Sessions,
    Source,
    SourcePath,
    SymbolArguments,
    named_symbols,
    parse_date,
    read_horizon,
    read_prices,
)
from tickgraph.cli.output import failure, note, print_json
from tickgraph.cli.price_findings import finding_documents, show_findings
from tickgraph.cli.strikes import Strike, UpperStrike, print_probability, read_strikes
from tickgraph.errors import InputError, PartialFailure
from tickgraph.market.quality import Finding
from tickgraph.market.spelling import Symbol
from tickgraph.serving.answer import Forecast
from tickgraph.serving.distribution_answer import Distribution
from tickgraph.serving.forecaster import Fallback
from tickgraph.settings import Settings, load_settings


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
    sessions: Sessions = None,
    expiry: Expiry = None,
    strike: Strike = None,
    upper_strike: UpperStrike = None,
    as_of: AsOf = None,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Forecast the next close, and how far the price may move, from trained models and stored prices.

    The answer says where its prices come from and as of when. Intervals and confidence are calibrated on
    sessions that training never saw; confidence is the probability that the forecast's sign is right.

    With --sessions or --expiry it gives the distribution of one later close: its quantiles, its expected move, its
    volatility, and a fan of the way there. With --strike it says how likely that close, or the next one, is above a
    price, and how likely the price gets there by then.

    - `tickgraph predict AAPL --price 130`
    - `tickgraph predict AAPL --expiry 2023-01-20`
    - `tickgraph predict AAPL MSFT --sessions 21`
    - `tickgraph predict AAPL --expiry 2023-01-20 --strike 135`
    """
    day, until = parse_date(as_of), read_horizon(sessions, expiry)
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
        raise InputError(
            "Name symbols, such as: tickgraph predict AAPL, or use --all for every symbol with a model."
        )
    if everything:
        wanted = forecaster.symbols()
        if not wanted:
            raise InputError(
                f"No trained model in {settings.models_dir}. Run: tickgraph train --symbols TIER_1"
            )
    else:
        wanted = named_symbols(symbols or (), forecaster.symbols, "For every trained symbol use --all.")
    prices = read_prices(price or (), wanted)
    strikes = read_strikes(strike, upper_strike, wanted)
    findings = _store_prices_of_untrained(settings, wanted)
    without: Fallback = "none" if everything else settings.fallback
    if strikes is not None:
        low, high = strikes
        found_there = forecaster.probability(
            wanted[0],
            low,
            upper_strike=high,
            sessions=sessions,
            expiry=until,
            price=prices.get(wanted[0]),
            as_of=day,
            fallback=without,
        )
        if as_json:
            print_json({**found_there.model_dump(mode="json"), "findings": finding_documents(findings)})
        else:
            print_probability(found_there)
        return
    answers: Mapping[str, Forecast] | Mapping[str, Distribution]
    if sessions is None and until is None:
        forecasts = forecaster.forecasts(wanted, prices, as_of=day, fallback=without)
        name, answers, failures = "forecasts", forecasts.forecasts, forecasts.failures
    else:
        found = forecaster.distributions(
            wanted, prices, sessions=sessions, expiry=until, as_of=day, fallback=without
        )
        name, answers, failures = "distributions", found.distributions, found.failures
    if len(wanted) == 1 and failures:
        raise failures[wanted[0]]
    if as_json:
        documents = {symbol: answer.model_dump(mode="json") for symbol, answer in answers.items()}
        reasons = {symbol: str(error) for symbol, error in failures.items()}
        document = documents[wanted[0]] if len(wanted) == 1 else {name: documents, "failures": reasons}
        print_json({**document, "findings": finding_documents(findings)})
    elif len(wanted) == 1:
        print_one(answers[wanted[0]])
    else:
        print_many(answers)
        for error in failures.values():
            failure(str(error))
    if failures:
        raise typer.Exit(PartialFailure.exit_code)


def _store_prices_of_untrained(settings: Settings, symbols: Sequence[Symbol]) -> list[Finding]:
    """Ask the source once for prices of symbols that have neither a model nor prices; give what is odd in them."""
    registry, store = settings.open_registry(), settings.price_store()
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
