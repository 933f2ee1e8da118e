"""``tickgraph refresh``."""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, sleep
from types import FrameType
from typing import Annotated, Any

import typer
from rich.progress import TaskID
from rich.table import Table

from tickgraph.cli.options import AsJson, Exchange, ModelsDir, PricesDir, Source, SourcePath, named_symbols
from tickgraph.cli.output import failure, note, print_json, print_sentence, print_table, results
from tickgraph.cli.price_findings import show_findings
from tickgraph.cli.progress import Bars
from tickgraph.errors import INTERRUPTED, InputError, PartialFailure, SourceUnavailableError
from tickgraph.market.spelling import Symbol
from tickgraph.operations.leader import adopt_what_others_did
from tickgraph.operations.lease_record import LeaseHeldError
from tickgraph.operations.records import RefreshRun, RunLog, SymbolRun
from tickgraph.operations.refresh import OnEvent
from tickgraph.operations.refresh import refresh as refresh_site
from tickgraph.operations.scoring import live_quality
from tickgraph.operations.site import Site
from tickgraph.operations.timetable import Due, missed, next_due
from tickgraph.settings import Settings, load_settings
from tickgraph.wording import counted

LOOK_SECONDS = 5.0
"""Between two looks whether another refresh has ended."""
PATIENCE_SECONDS = 3600.0
"""How long a scheduled run waits for that."""


def site_of(settings: Settings) -> Site:
    """Everything that a refresh works on, by these settings."""
    registry, store = settings.open_registry(), settings.price_store()
    operations_dir = settings.operations_dir
    return Site(
        registry=registry,
        store=store,
        open_source=settings.open_source,
        source=settings.source,
        operations_dir=operations_dir,
        training=settings.training,
        peer_pool=settings.peer_pool,
        universe=settings.universe,
        open_engine=settings.open_engine,
        quality=lambda: live_quality(operations_dir, store, registry, datetime.now(UTC)),
    )


def refresh(
    symbols: Annotated[
        list[str] | None,
        typer.Argument(metavar="SYMBOLS", help="Tickers, TIER_1 or a sector.", show_default="all"),
    ] = None,
    update: Annotated[bool, typer.Option(help="Update stored prices from their sources first.")] = True,
    retrain: Annotated[bool, typer.Option(help="Train the models that are due.")] = True,
    full: Annotated[bool, typer.Option("--full", help="Train every model.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and why; change nothing.")
    ] = False,
    scheduled: Annotated[
        bool,
        typer.Option("--scheduled", help="Do the daily or weekly run that is due; nothing if none is."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Publish correlations again even if they are current.")
    ] = False,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Bring prices, correlations and models up to date.

    Asks sources for the sessions that are missing, publishes each model's correlations of the newest session, and
    trains the models that are due: those older than 7 days, damaged ones, missing ones, and those whose peers,
    prices, settings or live quality have changed. A second run finds everything current and does nothing. The next
    run carries on one that was killed. Only one runs at a time.

    Exit codes: 3 some symbols failed, or there are none; 6 a source could not be reached; 7 another refresh is
    running, or storage failed. With --scheduled the command waits for another refresh, up to an hour, and then does
    what is still due.
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
    wanted = named_symbols(symbols, lambda: have, "For every model leave SYMBOLS out.") if symbols else None
    if not (wanted or have or site.universe or site.registry.renamed() or scheduled):
        raise InputError(f"No trained model in {settings.models_dir}. Run: tickgraph train --symbols TIER_1")
    how: dict[str, Any] = {"dry_run": dry_run, "force": force, "update": update, "retrain": retrain}
    with _stopped_by_termination():
        if scheduled:
            runs = _do_what_is_due(settings, site, how)
        else:
            with _progress() as show:
                runs = [refresh_site(site, symbols=wanted, full=full, on_event=show, **how)]
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


def _do_what_is_due(settings: Settings, site: Site, how: dict[str, Any]) -> list[RefreshRun]:
    """Be the runs that are due. While another refresh runs, wait for its end: it may leave some of it, or be lost."""
    runs: list[RefreshRun] = []
    begun, waits = monotonic(), False
    while True:
        try:
            for due in _due(settings, site, dry_run=how["dry_run"]):
                with _progress() as show:
                    runs.append(refresh_site(site, kind=due.kind, due_at=due.at, on_event=show, **how))
                if runs[-1].state == "interrupted":
                    break
        except LeaseHeldError as error:
            if monotonic() - begun >= PATIENCE_SECONDS:
                raise
            if not waits:
                note(f"{error} Waiting for its end.")
                waits = True
            sleep(LOOK_SECONDS)
        else:
            return runs


def _due(settings: Settings, site: Site, *, dry_run: bool) -> Iterator[Due]:
    timetable = settings.schedule.timetable()
    runs = RunLog(site.operations_dir)
    due = missed(runs, site.now(), timetable)
    if due and not dry_run:
        for run in adopt_what_others_did(site):
            note(f"the {run.kind} refresh {run.id} was done by {run.owner}")
        due = missed(runs, site.now(), timetable)
    if not due:
        moment = next_due(site.now(), timetable).at.astimezone(timetable.zone)
        note(f"nothing is due before {moment:%A %Y-%m-%d %H:%M} {timetable.zone.key}")
    yield from due


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
    with Bars() as bars:
        steps: dict[str, TaskID] = {}

        def show(event: str, what: str) -> None:
            step = event.removeprefix("begin ")
            if step != event and what != "0":
                steps[step] = bars.begin(step, int(what))
            elif step == event and step in steps:
                bars.update(steps[step], advance=1, remark=what)
                if step == "training":
                    bars.line(f"done with {what}")

        yield show


def _print(site: Site, run: RefreshRun) -> None:
    rows = {symbol: of for symbol, of in sorted(run.symbols.items()) if _is_worth_a_row(of)}
    if rows:
        print_table(_table(run, rows))
    findings = [finding for of in run.symbols.values() for finding in of.findings]
    show_findings(findings)
    told = {finding.symbol for finding in findings if finding.severity == "error"}
    for symbol, of in rows.items():
        for error in of.errors:
            if not (symbol in told and error.startswith("prices: bad prices")):
                failure(error)
    for text in (*run.notes, *run.unreachable.values()):
        note(text)
    print_sentence(_summary(site, run))


def _is_worth_a_row(of: SymbolRun) -> bool:
    """Whether there is more to tell of a symbol than how many prices came."""
    return bool(
        of.reasons
        or of.errors
        or of.correlations in ("published", "planned")
        or of.prices in ("restated", "switched", "failed")
    )


def _table(run: RefreshRun, rows: dict[str, SymbolRun]) -> Table:
    title = f"{run.kind.capitalize()} refresh for the session of {run.session}"
    table = results(
        title + (": what would be done" if run.dry_run else ""), "symbol", "prices", "correlations", "model"
    )
    table.add_column("why")
    for symbol, of in rows.items():
        added = f" +{of.sessions_added}" if of.sessions_added else ""
        table.add_row(
            symbol,
            f"{of.prices or '-'}{added}",
            of.correlations or "-",
            of.training or ("due" if of.reasons else "-"),
            "; ".join(of.reasons),
        )
    return table


def _summary(site: Site, run: RefreshRun) -> str:
    every = run.symbols.values()
    prices, correlations, training = (
        Counter(getattr(of, field) for of in every) for field in ("prices", "correlations", "training")
    )
    failed = sum(bool(of.errors) for of in every)
    if run.dry_run and run.error:
        return f"Would fail: {run.error}"
    if run.dry_run:
        return (
            f"Would ask for prices of {counted(prices['planned'], 'symbol')}, publish {correlations['planned']} "
            f"correlations and train {counted(training['planned'], 'model')}; {failed} failed."
        )
    newest = max(_as_of(site, run).values(), default=None)
    text = (
        f"{counted(sum(of.sessions_added for of in every), 'new session')}; "
        f"{correlations['published']} published, {correlations['unchanged']} already current, {failed} failed, "
        f"{training['trained']} trained" + (f"; correlations as of {newest}." if newest else ".")
    )
    return f"{text} {run.state.capitalize()}: {run.error}" if run.error else text


def _as_of(site: Site, run: RefreshRun) -> dict[str, str]:
    """Last session of the current correlations, by symbol."""
    days = {}
    for symbol, of in run.symbols.items():
        if of.correlations in ("published", "unchanged"):
            # Another process may have replaced the model meanwhile, or it can no longer be read.
            with contextlib.suppress(Exception):
                days[symbol] = str(site.registry.metadata(Symbol(symbol)).correlations.as_of)
    return days


def _document(site: Site, run: RefreshRun) -> dict[str, Any]:
    as_of = _as_of(site, run)
    by_outcome = {
        outcome: {symbol: day for symbol, day in as_of.items() if run.symbols[symbol].correlations == outcome}
        for outcome in ("published", "unchanged")
    }
    return {
        **by_outcome,
        "failed": {symbol: "; ".join(of.errors) for symbol, of in run.symbols.items() if of.errors},
        "trained": sum(of.training == "trained" for of in run.symbols.values()),
        "run": run.model_dump(mode="json"),
    }
