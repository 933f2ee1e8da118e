"""``tickgraph train``."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer
from rich.table import Table

from tickgraph.cli.options import (
    AsJson,
    AsOf,
    Exchange,
    ModelsDir,
    PricesDir,
    Source,
    SourcePath,
    SymbolArguments,
    given,
    listed_symbols,
    parse_date,
    read_horizons,
    split_words,
    symbols_option,
)
from tickgraph.cli.output import (
    failure,
    note,
    number,
    percent,
    print_json,
    print_sentence,
    print_table,
    results,
    stderr,
)
from tickgraph.cli.price_findings import finding_documents, show_update
from tickgraph.cli.progress import Bars
from tickgraph.errors import INTERRUPTED, InputError, PartialFailure, PriceDataError
from tickgraph.market.store import UpdateReport
from tickgraph.market.universe import ALL, EVERY, is_group, parse_symbols
from tickgraph.pipeline.gathering import RunPrices, gather_prices
from tickgraph.pipeline.train import Outcome, TrainingReport, train_symbols
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.settings import Settings, load_settings

SHORT = 250  # sessions; a shorter window was asked for on purpose, so symbols may have as few
ALLSTATE = f"{ALL}.US"  # among arguments, where the option --all stands for every symbol


def train(
    tickers: SymbolArguments = None,
    symbols: Annotated[
        list[str] | None,
        symbols_option(
            "TIER_1; with files every symbol", "Tickers, TIER_1, ALL or a sector; commas or repeats."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every symbol of the source.")] = False,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_of: AsOf = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="residual, or baseline: the network that the project began with, for comparison.",
            show_default="residual",
        ),
    ] = None,
    horizons: Annotated[
        str | None,
        typer.Option(
            metavar="SESSIONS",
            help="Sessions ahead whose variance is forecast, such as 1,5,21; none for the next return alone.",
            show_default="1,2,3,5,10,21,42,63",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the sessions.", show_default="20")] = None,
    sessions: Annotated[int | None, typer.Option(help="Sessions in the window.", show_default="1000")] = None,
    min_sessions: Annotated[
        int | None, typer.Option(help="Refuse symbols with fewer usable sessions.", show_default="250")
    ] = None,
    lookback: Annotated[
        int | None, typer.Option(help="Sessions that a correlation is computed from.", show_default="60")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Smallest absolute correlation of an edge.", show_default="0.3")
    ] = None,
    peers: Annotated[int | None, typer.Option(help="Peers of each symbol.", show_default="10")] = None,
    seed: Annotated[int | None, typer.Option(help="Base seed.", show_default="0")] = None,
    peer_pool: Annotated[
        list[str] | None,
        typer.Option(
            "--peer-pool",
            metavar="SYMBOLS",
            help="Symbols that peers are chosen from.",
            show_default="all of the source",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", "--parallel", help="Symbols trained side by side.", show_default="one per core"
        ),
    ] = None,
    stack: Annotated[
        int | None,
        typer.Option(
            help="Symbols in one call of the training program.",
            show_default="1 on a CPU; on a GPU what its memory holds",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="local, or ray: the machines of a Ray cluster.", show_default="local"
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Address of a running Ray cluster, or auto.",
            show_default="Ray is started here",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Leave out symbols that have a model of the same prices, settings and versions.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train one model per symbol and keep it on disk.

    - `tickgraph train AAPL MSFT`
    - `tickgraph train --symbols TIER_1`
    - `tickgraph train --all --source files --source-path prices.csv`

    Prices go from the source into the local store first. Then how far prices move is fitted on all symbols together,
    unless that was done in the last seven days. Each symbol's model is fitted close to that. Every model is published
    the moment it is done, so Ctrl-C keeps what is finished, and --resume goes on after it. The printed figures are out
    of sample: they are measured on the last fifth of the window, which training never sees.
    """
    training = given(
        {
            "architecture": architecture,
            "horizons": read_horizons(horizons),
            "epochs": epochs,
            "sessions": sessions,
            "min_sessions": min_sessions,
            "lookback": lookback,
            "threshold": threshold,
            "num_stocks": None if peers is None else peers + 1,
            "seed": seed,
        }
    )
    if sessions is not None and sessions < SHORT:
        training.setdefault("min_sessions", sessions)
    settings = load_settings(
        source=source,
        source_path=source_path,
        models_dir=models_dir,
        prices_dir=prices_dir,
        exchange=exchange,
        workers=workers,
        stack=stack,
        engine=engine,
        ray_address=address,
        training=training or None,
    )
    named = [ALLSTATE if word.upper() == ALL else word for word in split_words(tickers or [])]
    if everything and (symbols or named):
        raise InputError("--all stands for every symbol of the source. Name symbols or use --all, not both.")
    pool = parse_symbols(peer_pool) if peer_pool else settings.peer_pool
    started = time.perf_counter()
    origin = settings.open_source()
    default = EVERY if settings.source == "files" else "TIER_1"
    listed = [*named, *split_words(symbols or [])] if tickers or symbols else [default]
    words = [EVERY] if everything else listed
    wanted = listed_symbols(words, origin.symbols())
    with stderr.status("Updating the price store"):
        prices = gather_prices(settings.price_store(), origin, wanted, pool, as_of=parse_date(as_of))
    missing = _report_prices(words, prices)
    with Bars(width=6) as bars:
        bar = bars.begin("compile", len(prices.symbols), "loss -")

        def show(outcome: Outcome) -> None:
            loss = _loss(outcome.metadata)
            bars.update(bar, advance=1, description=outcome.symbol, remark=loss)
            if outcome.error:
                failure(outcome.error)
            elif outcome.kept:
                bars.line(f"kept {outcome.symbol} {loss}")
            else:
                bars.line(f"trained {outcome.symbol} {loss}")

        def fitting(text: str) -> None:
            bars.update(bar, description="universe", remark=text)
            bars.line(text)

        report = train_symbols(
            prices.panel,
            prices.symbols,
            settings.open_registry(),
            config=settings.training,
            pool=prices.pool,
            engine=settings.open_engine(),
            resume=resume,
            on_fitting=fitting,
            on_outcome=show,
        )
    for text in report.notes:
        note(text)
    report.failed |= missing
    seconds = time.perf_counter() - started
    if as_json:
        print_json(_document(report, prices.update, settings, seconds))
    else:
        _print_report(report, settings, seconds)
    if report.interrupted:
        raise typer.Exit(INTERRUPTED)
    if report.failed and not report.done and not report.kept:
        raise PriceDataError(f"No symbol could be trained: {'; '.join(report.failed.values())}")
    if report.failed:
        raise typer.Exit(PartialFailure.exit_code)


def _report_prices(words: list[str], prices: RunPrices) -> dict[str, str]:
    """Say which symbols have no prices; those named one by one are failures, members of a group are skipped."""
    singles = [word for word in words if not is_group(word)]
    named = set(parse_symbols(singles)) if singles else set()
    skipped = [symbol for symbol in prices.missing if symbol not in named]
    if skipped:
        note(f"skipped, not available from source {prices.panel.source!r}: {', '.join(skipped)}")
    for symbol, reason in prices.update.failures.items():
        if symbol not in prices.missing and symbol in prices.symbols:
            note(f"{symbol}: trained on stored prices; the update failed: {reason}")
    for symbol in prices.update.repaired:
        note(f"{symbol}: the stored prices were damaged; its whole history was fetched again")
    show_update(prices.update, {})
    return {symbol: reason for symbol, reason in prices.missing.items() if symbol in named}


def _loss(metadata: ModelMetadata | None) -> str:
    return "loss -" if metadata is None else f"loss {metadata.performance_metrics.final_loss:.4f}"


def _document(
    report: TrainingReport, update: UpdateReport, settings: Settings, seconds: float
) -> dict[str, Any]:
    return {
        "kept": report.kept,
        "trained": {
            symbol: metadata.model_dump(mode="json") for symbol, metadata in sorted(report.done.items())
        },
        "failed": report.failed,
        "findings": finding_documents(update.findings),
        "notes": [*update.notes, *report.notes],
        "rejected": update.rejected,
        "interrupted": report.interrupted,
        "seconds": seconds,
        "models_dir": str(settings.models_dir),
    }


def _print_report(report: TrainingReport, settings: Settings, seconds: float) -> None:
    if report.done:
        print_table(_table(report))
        beats = sum(one.performance_metrics.out_of_sample.beats_zero for one in report.done.values())
        print_sentence(
            f"{beats} of {len(report.done)} models beat forecasting no move out of sample (squared error)."
        )
    kept = f"{len(report.kept)} kept, " if report.kept else ""
    summary = f"{kept}{len(report.done)} trained, {len(report.failed)} failed in {seconds:.1f} s"
    if report.interrupted:
        summary += "; interrupted: what was finished is kept"
    print_sentence(f"{summary}. Models are in {settings.models_dir}.")


def _table(report: TrainingReport) -> Table:
    table = results(
        "Trained models, figures out of sample",
        "symbol",
        "sessions",
        "strongest peers",
        right=("loss", "IC", "hit rate", "vs zero", "80% holds"),
    )
    for symbol, metadata in sorted(report.done.items()):
        figures, data = metadata.performance_metrics.out_of_sample, metadata.data_stats
        table.add_row(
            symbol,
            f"{data.training_sessions}+{data.calibration_sessions}"
            + (" short" if data.short_history else ""),
            " ".join(metadata.training_config.correlated_symbols[:3]),
            f"{metadata.performance_metrics.final_loss:.3f}",
            number(figures.ic),
            percent(figures.hit_rate),
            percent(figures.r2_vs_zero, sign=True),
            percent(figures.coverage.get("0.8")),
        )
    return table
