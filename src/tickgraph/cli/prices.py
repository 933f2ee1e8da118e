"""``tickgraph prices``: import, update, check and repair stored prices."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tickgraph.cli.options import (
    AsJson,
    Exchange,
    PricesDir,
    Source,
    SourcePath,
    listed_symbols,
    symbols_option,
)
from tickgraph.cli.output import failure, note, print_json, print_sentence, print_table, results, stderr
from tickgraph.cli.price_findings import finding_documents, show_update
from tickgraph.errors import InputError, PartialFailure, PriceDataError
from tickgraph.market import quality
from tickgraph.market.calendar import sessions_behind
from tickgraph.market.ends import uneven_ends
from tickgraph.market.source import PriceSource
from tickgraph.market.sources import open_source
from tickgraph.market.store import Examination, PriceStore, RepairReport, UpdateReport, examine, repair
from tickgraph.settings import Settings, load_settings
from tickgraph.wording import counted

ROWS = 200  # of a table that a person reads

app = typer.Typer(no_args_is_help=True, help="Import, update, check and repair stored prices.")

Symbols = Annotated[list[str] | None, symbols_option("all")]


@app.command("import")
def import_files(
    path: Annotated[Path, typer.Argument(help="Parquet or CSV file, or a folder of them.")],
    symbols: Symbols = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Import your own prices. Train on them with: tickgraph train --source files --source-path PATH."""
    settings = load_settings(prices_dir=prices_dir, exchange=exchange)
    _update(settings.price_store(), open_source("files", path), symbols, as_json)


@app.command()
def update(
    symbols: Symbols = None,
    source: Source = None,
    source_path: SourcePath = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Fetch what the store lacks; a restated history is fetched whole."""
    settings = load_settings(source=source, source_path=source_path, prices_dir=prices_dir, exchange=exchange)
    origin = settings.open_source()
    _update(settings.price_store(), origin, symbols, as_json)


@app.command()
def check(
    path: Annotated[
        Path | None, typer.Argument(help="File or folder to check in place of the store.")
    ] = None,
    symbols: Symbols = None,
    source: Source = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Look for damaged files and bad prices: exit code 4 if there are errors, 0 if there are warnings at most."""
    settings = load_settings(source=source, prices_dir=prices_dir, exchange=exchange)
    if path is not None:
        examined = _check_files(path, symbols, settings.implausible)
    else:
        store = settings.price_store()
        stored = store.symbols(settings.source)
        if not stored:
            raise PriceDataError(
                f"No prices from source {settings.source!r} in {settings.prices_dir}. "
                + (_others(store) or _remedy(settings))
            )
        with stderr.status("Checking prices") as status:
            examined = examine(
                store,
                settings.source,
                listed_symbols(symbols, stored) if symbols else None,
                progress=lambda symbol: status.update(f"Checked {symbol}"),
            )
    errors = sum(finding.severity == "error" for finding in examined.findings)
    behind = {symbol: sessions_behind(day) for symbol, day in examined.last.items()}
    if as_json:
        print_json({"symbols": behind, "findings": finding_documents(examined.findings)})
    else:
        if examined.findings:
            print_table(_findings_table(examined.findings))
        print_sentence(
            f"{counted(len(behind), 'symbol')}, {counted(examined.bars, 'bar')}: {counted(errors, 'error')}, "
            f"{counted(len(examined.findings) - errors, 'warning')}."
        )
        if most := max(behind.values(), default=0):
            print_sentence(f"Stale: up to {counted(most, 'completed session')} missing at the end.")
    if errors:
        raise typer.Exit(PriceDataError.exit_code)


@app.command("repair")
def repair_store(
    symbols: Symbols = None,
    source: Source = None,
    source_path: SourcePath = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Fetch damaged histories again, clear away leftovers, write recent sessions into the histories."""
    settings = load_settings(source=source, source_path=source_path, prices_dir=prices_dir, exchange=exchange)
    store = settings.price_store()
    origin = settings.open_source()
    wanted = listed_symbols(symbols, store.symbols(origin.name)) if symbols else None
    with stderr.status("Looking at prices") as status:
        report = repair(
            store, origin, wanted, dry_run=dry_run, progress=lambda name: status.update(f"Looked at {name}")
        )
    if as_json:
        print_json(asdict(report) | {"dry_run": dry_run})
    else:
        _print_repair(report, dry_run)
    if report.failures:
        raise typer.Exit(PartialFailure.exit_code)


@app.command()
def show(
    source: Source = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Show what the store holds."""
    settings = load_settings(source=source, prices_dir=prices_dir, exchange=exchange)
    store = settings.price_store()
    held = store.info(settings.source)
    if as_json:
        print_json([asdict(of) | {"revised_at": of.revised_at and of.revised_at.isoformat()} for of in held])
        return
    title = f"{counted(len(held), 'symbol')} from source {settings.source!r} in {settings.prices_dir}"
    table = results(title, "symbol", "first", "last", "sessions", "fetched", "provider", "revised")
    for stored in held:
        revised = f"{stored.revised_at:%Y-%m-%d %H:%M}" if stored.revised_at else ""
        days = str(stored.first), str(stored.last), str(stored.sessions)
        table.add_row(stored.symbol, *days, stored.fetched_at, stored.provider, revised)
    print_table(table)
    if not held and (others := _others(store)):
        note(others)


def _others(store: PriceStore) -> str:
    """Say which sources a store has prices of; empty where it has none."""
    names = store.sources()
    return f"There are prices from {', '.join(names)}: --source {names[0]}" if names else ""


def _remedy(settings: Settings) -> str:
    """What to do where nothing is stored yet; a file can be checked before that."""
    if settings.source != "files" or settings.source_path is None:
        return "Run: tickgraph prices update"
    path = settings.source_path
    return f"To check the file itself, run: tickgraph prices check {path}. To store it: tickgraph prices import {path}"


def _update(store: PriceStore, source: PriceSource, symbols: list[str] | None, as_json: bool) -> None:
    wanted = listed_symbols(symbols, source.symbols()) if symbols else source.symbols()
    if not wanted:
        raise InputError(f"Source {source.name!r} has no symbols.")
    with stderr.status("Fetching prices") as status:
        report = store.update(source, wanted, progress=lambda symbol: status.update(f"Stored {symbol}"))
    _print_update(report, store, as_json)
    if report.failures and not report.added:
        first = next(iter(report.failures.values()))
        raise PriceDataError(
            f"No prices were stored: {counted(len(report.failures), 'symbol')} failed. {first}"
        )
    if report.failures or report.rejected:
        raise typer.Exit(PartialFailure.exit_code)


def _print_update(report: UpdateReport, store: PriceStore, as_json: bool) -> None:
    if as_json:
        print_json(asdict(report))
        return
    show_update(report, report.failures)
    for symbol in report.repaired:
        note(f"{symbol}: the stored file was damaged; its whole history was fetched again")
    for symbol in report.restated:
        note(f"{symbol}: old prices had changed; its whole history was fetched again")
    for symbol, provider in report.switched.items():
        note(f"{symbol}: its whole history is now from {provider}")
    for symbol, lost in report.shortened.items():
        note(f"{symbol}: the new history lacks {counted(lost, 'session')} that the stored one had")
    if report.healed:
        note("the file of recent sessions was damaged; what was lost was fetched again")
    print_sentence(
        f"{counted(len(report.added), 'symbol')}, {counted(sum(report.added.values()), 'new session')}, "
        f"{len(report.failures)} failed; stored in {store.root}.",
    )


def _check_files(path: Path, symbols: list[str] | None, implausible: quality.Implausible) -> Examination:
    files = open_source("files", path)
    fetched = files.fetch(listed_symbols(symbols, files.symbols()) if symbols else files.symbols())
    for text in (*fetched.rejected.values(), *fetched.notes):
        note(text)
    bars = fetched.bars
    kept, findings = quality.usable(bars, implausible=implausible)
    last = {str(symbol): day.date() for symbol, day in kept.groupby("symbol")["date"].max().items()}
    return Examination([*findings, *uneven_ends(last)], last, len(bars))


def _print_repair(report: RepairReport, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    for reason in report.failures.values():
        failure(reason)
    for symbol, why in report.rebuilt.items():
        note(f"{symbol}: {why}; its whole history {would or 'was '}fetched again")
    for name in report.removed:
        note(f"{name}: left over, {would}removed")
    if report.healed:
        note(
            f"recent sessions: the file was damaged; what cannot be read of it {would or 'was '}fetched again"
        )
    print_sentence(
        f"{counted(len(report.rebuilt), 'history')} {would}rebuilt, {counted(len(report.removed), 'leftover')} "
        f"{would}removed, {counted(report.folded, 'symbol')} folded, {len(report.failures)} failed.",
    )


def _findings_table(findings: list[quality.Finding]) -> Table:
    table = results("Findings, the worst first", "symbol", "session", "severity", "kind", "detail")
    for finding in quality.worst_first(findings)[:ROWS]:
        table.add_row(finding.symbol, finding.session, finding.severity, finding.kind, finding.text)
    if len(findings) > ROWS:
        table.caption = f"and {len(findings) - ROWS} more; --json has all"
    return table
