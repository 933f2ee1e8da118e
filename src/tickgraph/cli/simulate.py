"""``tickgraph simulate``: a replayed year of refresh, serving and scoring, with every forecast checked."""

from __future__ import annotations

import os
import tempfile
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tickgraph.cli.options import AsJson, Source, SourcePath, listed_symbols, parse_date, symbols_option
from tickgraph.cli.output import (
    failure,
    note,
    number,
    percent,
    print_json,
    print_sentence,
    print_table,
    results,
)
from tickgraph.cli.progress import Bars
from tickgraph.errors import CheckFailed, InputError
from tickgraph.market.calendar import NEW_YORK
from tickgraph.settings import load_settings
from tickgraph.wording import counted

IN_MEMORY = "/dev/shm"  # noqa: S108  a folder of one's own is made in it

if TYPE_CHECKING:
    from tickgraph.lab.simulation.simulation_result import Counts, SimulationResult
    from tickgraph.lab.simulation.year import Year


def simulate(
    first: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First session to replay.")
    ] = "2022-01-03",
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last session to replay.")] = "2022-12-30",
    symbols: Annotated[list[str] | None, symbols_option("all of the source")] = None,
    faults: Annotated[
        bool,
        typer.Option(
            help="Let things go wrong: the provider down for two days, a refresh killed midway, a full disk for an "
            "hour, a symbol renamed."
        ),
    ] = True,
    verify: Annotated[
        bool,
        typer.Option(help="Train again as of each day, and compare every forecast; takes half of the time."),
    ] = True,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="FOLDER", help="Leave models, prices and records here.", show_default="removed"
        ),
    ] = None,
    source: Source = None,
    source_path: SourcePath = None,
    as_json: AsJson = False,
) -> None:
    """Replay a span of sessions through refresh, serving and scoring, under a simulated clock.

    The system gets the bundled prices as a live provider gave them on each day: nothing of the future, and splits and
    dividends restate the history on their day. Refresh runs when it is due, models are retrained weekly, and forecasts
    are asked for after the open and after the close. Each forecast must be fresh or marked stale, and equal at every
    horizon to the one that training as of that day gives. Exit code 8 if one is not.
    """
    from tickgraph.lab.simulation.faults import Faults, faults_of
    from tickgraph.lab.simulation.replay import known_splits
    from tickgraph.lab.simulation.world import World
    from tickgraph.lab.simulation.year import Year

    settings = load_settings(source=source, source_path=source_path)
    if settings.exchange != NEW_YORK:
        raise InputError(
            f"A simulation replays sessions of New York, and the exchange is {settings.exchange}. "
            f"Run it with TICKGRAPH_EXCHANGE={NEW_YORK}, on prices of New York."
        )
    start, end = _span(first, last)
    origin = settings.open_source()
    known = origin.symbols()
    wanted = listed_symbols(symbols, known) if symbols else known
    pool = tuple(dict.fromkeys((*wanted, *(settings.peer_pool or known))))
    bars = origin.fetch(pool)
    if lacking := [reason for symbol, reason in bars.failures.items() if symbol in wanted]:
        raise InputError(" ".join(lacking))
    pool = tuple(symbol for symbol in pool if symbol not in bars.failures)
    with _folder(keep) as folder:
        world = World(
            folder=Path(folder),
            bars=bars.bars,
            splits=known_splits() if settings.source == "sample" else {},
            symbols=wanted,
            pool=pool,
            training=settings.training,
            faults=faults_of(start, end, wanted) if faults else Faults(),
            workers=settings.workers,
        )
        result = _run(Year(world, start, end, verify=verify))
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        _print(result)
    if not result.passed:
        raise CheckFailed(f"{result.total.wrong} of {result.total.served} forecasts were wrong.")


def _span(first: str, last: str) -> tuple[date, date]:
    start, end = parse_date(first), parse_date(last)
    assert start is not None  # noqa: S101  text is given for both
    assert end is not None  # noqa: S101
    if start > end:
        raise InputError(f"Empty span: it starts on {start}, after it ends on {end}.")
    return start, end


def _folder(keep: Path | None) -> AbstractContextManager[str | Path]:
    if keep is None:
        # In memory where the system has a folder there: thousands of files are flushed to disk otherwise.
        memory = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
        return tempfile.TemporaryDirectory(prefix="tickgraph-simulation-", dir=memory)
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise InputError(f"{keep} is not an empty folder. Name a new one: a simulation starts from nothing.")
    return nullcontext(keep)


def _run(year: Year) -> SimulationResult:
    """Show a bar over the days, with what has been served so far; a line a month where there is no terminal."""
    months: set[str] = set()
    with Bars() as bars:
        bar = bars.begin(str(year.first), (year.last - year.first).days + 1, "training the first models")

        def show(now: datetime, so_far: Counts) -> None:
            served = f"{so_far.served:,} served, {so_far.stale:,} stale, {so_far.wrong} wrong"
            days = (now.date() - year.first).days
            bars.update(bar, completed=days, description=str(now.date()), remark=served)
            if (month := f"{now:%Y-%m}") not in months:
                months.add(month)
                bars.line(f"{month}: {served} so far")

        year.on_step = show
        return year.run()


def _print(result: SimulationResult) -> None:
    for event in result.events:
        print_sentence(f"{event.at:%Y-%m-%d %H:%M} UTC  {event.what}")
    columns = ("served", "fresh", "stale", "refused", "wrong", "refreshes", "failed", "trained", "restated")
    table = results("Forecasts served and refreshes, by month", "month", right=columns)
    for month, counts in {**result.months, "in all": result.total}.items():
        table.add_row(month, *(f"{getattr(counts, name):,}" for name in columns))
    print_table(table)
    if result.quality is not None:
        live = result.quality.panel
        coverage = ", ".join(
            f"{percent(float(level), 0)} {percent(held)}" for level, held in live.coverage.items()
        )
        print_sentence(
            f"Live quality at the end, {live.forecasts:,} forecasts: intervals held {coverage}; IC {number(live.ic)}; "
            f"R2 against no move {percent(live.r2_vs_zero, 2, sign=True)}, against momentum "
            f"{percent(live.r2_vs_momentum, 2, sign=True)}."
        )
        for ahead, figures in result.quality.horizons.items():
            held = ", ".join(
                f"{percent(float(level), 0)} {percent(on)}" for level, on in figures.coverage.items()
            )
            print_sentence(
                f"Over {counted(int(ahead), 'session')}, {figures.forecasts:,} forecasts worth {figures.stretches:.1f} "
                f"independent stretches: intervals held {held}."
            )
    for reason, times in result.refusals.items():
        note(f"refused {times} times: {reason}")
    for problem in result.wrong:
        failure(problem)
    total = result.total
    compared = (
        f"{result.verified:,} were compared with forecasts trained as of their day ({result.trained_again:,} models "
        f"trained for that): apart by {result.largest_difference:.1g} of their volatility at most"
        if result.verified
        else "none was compared with one trained again"
    )
    print_sentence(
        f"{total.served:,} forecasts of {len(result.symbols)} symbols, {result.first} to {result.last}: "
        f"{total.fresh:,} fresh, {total.stale:,} marked stale, {total.refused:,} refused, {total.wrong:,} wrong; "
        f"{compared}. {result.seconds:.0f} s."
    )
