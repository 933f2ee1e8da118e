"""``tickgraph refresh``."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tickgraph.cli.findings import show_findings
from tickgraph.cli.options import AsJson, Exchange, ModelsDir, PricesDir, Source, SourcePath
from tickgraph.cli.output import failure, note, print_json, print_table, results, stderr, stdout
from tickgraph.cli.symbols import explain_all
from tickgraph.errors import InputError, PartialFailure, SourceUnavailableError
from tickgraph.market.sources import open_source
from tickgraph.market.universe import parse_symbols
from tickgraph.operations.records import RefreshRun, RunLog, SymbolRun
from tickgraph.operations.refresh import OnEvent
from tickgraph.operations.refresh import refresh as refresh_site
from tickgraph.operations.scoring import live_quality
from tickgraph.operations.site import Site
from tickgraph.operations.timetable import missed, next_due
from tickgraph.registry.registry import ModelRegistry
from tickgraph.settings import Settings, load_settings

INTERRUPTED = 130


def site_of(settings: Settings) -> Site:
    """Everything that a refresh works on, by these settings."""
    registry, store = ModelRegistry(settings.models_dir), settings.price_store()
    operations_dir = settings.operations_dir
    return Site(
        registry=registry,
        store=store,
        open_source=lambda name: open_source(name, settings.source_path, access=settings.access),
        source=settings.source,
        operations_dir=operations_dir,
        training=settings.training,
        peer_pool=settings.peer_pool,
        universe=parse_symbols(settings.universe) if settings.universe else (),
        workers=settings.workers,
        quality=lambda: live_quality(operations_dir, store, registry, datetime.now(UTC)),
    )


def refresh(
    symbols: Annotated[
        list[str] | None,
        typer.Argument(metavar="SYMBOLS", help="Tickers or a sector.", show_default="all"),
    ] = None,
    update: Annotated[bool, typer.Option(help="Update stored prices from their sources first.")] = True,
    retrain: Annotated[bool, typer.Option(help="Train the models that are due.")] = True,
    full: Annotated[bool, typer.Option("--full", help="Train every model.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and why; change nothing.")
    ] = False,
    scheduled: Annotated[
        bool,
        typer.Option(
            "--scheduled", help="Stand for the daily or weekly run that is due; do nothing if none is."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish even correlations that are current.")
    ] = False,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Bring prices, correlations and models up to date.

    Asks sources for the sessions that are missing, publishes each model's correlations of the newest one, and
    trains what is due: models older than 7 days, damaged or missing ones, those whose peers, prices, settings or
    live quality have changed. What is current is left alone, so running it again does nothing; a run that was
    killed is carried on by the next one. Only one runs at a time.

    Exit codes: 3 some symbols failed, or there are none; 6 a source could not be reached; 7 another refresh is
    running, or storage failed.
    """
    settings = load_settings(
        source=source,
        source_path=source_path,
        models_dir=models_dir,
        prices_dir=prices_dir,
        exchange=exchange,
    )
    site = site_of(settings)
    if scheduled and (symbols or full):
        raise InputError("--scheduled refreshes everything that is due. Leave SYMBOLS and --full out.")
    have = site.registry.symbols()
    wanted = parse_symbols(symbols) if symbols else None
    explain_all(wanted or (), have, "For every model leave SYMBOLS out.")
    if not (wanted or have or site.universe or site.registry.renamed() or scheduled):
        raise InputError(f"No trained model in {settings.models_dir}. Run: tickgraph train --symbols TIER_1")
    how: dict[str, Any] = {"dry_run": dry_run, "force": force, "update": update, "retrain": retrain}
    runs: list[RefreshRun] = []
    with _stopped_by_termination():
        if scheduled:
            for due in _due(settings, site):
                with _progress() as show:
                    runs.append(refresh_site(site, kind=due.kind, due_at=due.at, on_event=show, **how))
                if runs[-1].state == "interrupted":
                    break
        else:
            with _progress() as show:
                runs.append(refresh_site(site, symbols=wanted, full=full, on_event=show, **how))
    if as_json:
        documents = [_document(site, run) for run in runs]
        print_json({"runs": documents} if scheduled else documents[0])
    else:
        for run in runs:
            _print(site, run)
    if code := max(map(exit_code, runs), default=0):
        raise typer.Exit(code)


def exit_code(run: RefreshRun) -> int:
    """Exit code that tells how a run ended."""
    if run.state == "interrupted":
        return INTERRUPTED
    if run.state != "failed":
        return 0
    return SourceUnavailableError.exit_code if run.unreachable else PartialFailure.exit_code


def _due(settings: Settings, site: Site) -> Iterator[Any]:
    timetable = settings.schedule.timetable()
    found = missed(RunLog(site.operations_dir), site.now(), timetable)
    if not found:
        note(f"nothing is due before {_moment(next_due(site.now(), timetable).at, settings)}")
    yield from found


def _moment(moment: datetime, settings: Settings) -> str:
    zone = settings.schedule.timetable().zone
    return f"{moment.astimezone(zone):%A %Y-%m-%d %H:%M} {zone.key}"


@contextmanager
def _stopped_by_termination() -> Iterator[None]:
    """Have SIGTERM stop between two symbols, as Ctrl-C does, and keep what is finished."""

    def stop(_: int, __: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # whoever stops a group of processes may send it twice
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def _progress() -> Iterator[OnEvent]:
    """Show a bar for each step; without a terminal, a line for each model trained."""
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[symbol]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def show(event: str, what: str) -> None:
            step = event.removeprefix("begin ")
            if step != event and what != "0":
                tasks[step] = progress.add_task(step, total=int(what), symbol="")
            elif step == event and step in tasks:
                progress.update(tasks[step], advance=1, symbol=what)
                if step == "training" and not stderr.is_terminal:
                    stderr.print(f"done with {what}", highlight=False)

        yield show


def _print(site: Site, run: RefreshRun) -> None:
    rows = {symbol: done for symbol, done in sorted(run.symbols.items()) if _did_something(done)}
    if rows:
        print_table(_table(run, rows))
    findings = [found for done in run.symbols.values() for found in done.findings]
    show_findings(findings)
    told = {found.symbol for found in findings if found.severity == "error"}
    for symbol, done in rows.items():
        for error in done.errors:
            if not (symbol in told and error.startswith("prices: bad prices")):
                failure(error)
    for text in (*run.notes, *run.unreachable.values()):
        note(text)
    stdout.print(_summary(site, run), highlight=False, soft_wrap=True)


def _did_something(done: SymbolRun) -> bool:
    """Whether there is more to tell of a symbol than how many prices came."""
    return bool(
        done.reasons
        or done.errors
        or done.correlations in ("published", "planned")
        or done.prices in ("restated", "switched", "failed")
    )


def _table(run: RefreshRun, rows: dict[str, SymbolRun]) -> Any:
    title = f"{run.kind.capitalize()} refresh for the session of {run.session}"
    table = results(
        title + (": what would be done" if run.dry_run else ""), "symbol", "prices", "correlations", "model"
    )
    table.add_column("why")
    for symbol, done in rows.items():
        added = f" +{done.sessions_added}" if done.sessions_added else ""
        table.add_row(
            symbol,
            f"{done.prices or '-'}{added}",
            done.correlations or "-",
            done.training or ("due" if done.reasons else "-"),
            "; ".join(done.reasons),
        )
    return table


def _summary(site: Site, run: RefreshRun) -> str:
    count: Callable[[str, str], int] = lambda field, value: sum(  # noqa: E731
        getattr(done, field) == value for done in run.symbols.values()
    )
    failed = sum(bool(done.errors) for done in run.symbols.values())
    if run.dry_run and run.error:
        return f"Would fail: {run.error}"
    if run.dry_run:
        return (
            f"Would ask for prices of {count('prices', 'planned')} symbols, publish {count('correlations', 'planned')} "
            f"correlations and train {count('training', 'planned')} models; {failed} failed."
        )
    newest = max(_as_of(site, run).values(), default=None)
    sessions = sum(done.sessions_added for done in run.symbols.values())
    text = (
        f"{sessions:,} new sessions; {count('correlations', 'published')} published, "
        f"{count('correlations', 'unchanged')} already current, {failed} failed, {count('training', 'trained')} trained"
        + (f"; correlations as of {newest}." if newest else ".")
    )
    return f"{text} {run.state.capitalize()}: {run.error}" if run.error else text


def _as_of(site: Site, run: RefreshRun) -> dict[str, str]:
    found = {}
    for symbol, done in run.symbols.items():
        if done.correlations in ("published", "unchanged"):
            # Another process may have replaced the model meanwhile, or it can no longer be read.
            with contextlib.suppress(Exception):
                found[symbol] = str(site.registry.metadata(symbol).correlations.as_of)
    return found


def _document(site: Site, run: RefreshRun) -> dict[str, Any]:
    as_of = _as_of(site, run)
    by_outcome = {
        outcome: {symbol: day for symbol, day in as_of.items() if run.symbols[symbol].correlations == outcome}
        for outcome in ("published", "unchanged")
    }
    states = Counter(done.training for done in run.symbols.values())
    return {
        **by_outcome,
        "failed": {symbol: "; ".join(done.errors) for symbol, done in run.symbols.items() if done.errors},
        "trained": states["trained"],
        "run": run.model_dump(mode="json"),
    }
