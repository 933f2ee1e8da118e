"""``tickgraph schedule``."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from tickgraph.cli.options import Exchange, ModelsDir, PricesDir, Source, SourcePath
from tickgraph.cli.output import print_sentence
from tickgraph.cli.refresh import site_of
from tickgraph.operations.records import RunLog
from tickgraph.operations.scheduler import Command, Scheduler
from tickgraph.operations.timetable import Due, Timetable, missed, next_due
from tickgraph.settings import load_settings

SHOWN = 8  # due moments: a week of them


def schedule(
    once: Annotated[bool, typer.Option("--once", help="Catch up what was missed, then exit.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the next due moments and exit.")] = False,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
) -> None:
    """Refresh whenever it is due, in place of cron: daily before the open, weekly in full.

    At the start it catches up missed runs. It tries a run that failed again after 15 minutes, then after twice as long,
    up to 2 hours, until the run is done. Each run is a process of its own. SIGTERM and Ctrl-C stop after the symbol in
    work. The table `[schedule]` of tickgraph.toml sets the times.
    """
    settings = load_settings(
        source=source,
        source_path=source_path,
        models_dir=models_dir,
        prices_dir=prices_dir,
        exchange=exchange,
    )
    timetable = settings.schedule.timetable()
    site = site_of(settings)
    if dry_run:
        for due in missed(RunLog(site.operations_dir), site.now(), timetable):
            _print(due, timetable, "missed")
        moment = site.now()
        for _ in range(SHOWN):
            due = next_due(moment, timetable)
            _print(due, timetable, "due")
            moment = due.at
        return
    flags = {
        "--source": source,
        "--source-path": source_path,
        "--models-dir": models_dir,
        "--prices-dir": prices_dir,
        "--exchange": exchange,
    }
    command = Command(_words(flags))
    scheduler = Scheduler(site.operations_dir, command, timetable=timetable)
    stop = threading.Event()

    def end(_: int, __: FrameType | None) -> None:
        stop.set()
        command.stop()

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    former = {name: signal.signal(name, end) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        if once:
            raise typer.Exit(scheduler.catch_up())
        scheduler.serve(stop)
    finally:
        for name, handler in former.items():
            signal.signal(name, handler)


def _words(flags: dict[str, str | Path | None]) -> list[str]:
    given = [str(part) for name, value in flags.items() if value is not None for part in (name, value)]
    return [sys.executable, "-m", "tickgraph", "refresh", "--scheduled", *given]


def _print(due: Due, timetable: Timetable, word: str) -> None:
    local = due.at.astimezone(timetable.zone)
    print_sentence(f"{word:<6} {due.kind:<6} {local:%A %Y-%m-%d %H:%M %Z}")
