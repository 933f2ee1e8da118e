"""What the commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.status import Status
from rich.table import Table

from tickgraph.errors import TickgraphError


class Terminal(Console):
    """Console whose spinner can be printed in every encoding."""

    def status(self, status: RenderableType, **options: Any) -> Status:
        """Show what is at work, while it is."""
        if not self.encoding.startswith("utf"):
            options.setdefault("spinner", "line")
        return super().status(status, **options)


# A command that a notebook runs writes to what looks like a terminal and moves no cursor: bars would come one below
# the other. The variable is set for whatever a kernel of Jupyter starts.
_IS_TERMINAL = False if "JPY_PARENT_PID" in os.environ else None  # None: ask the stream
# Where there is no terminal, a pipe or a file, lines need not fit 80 columns.
_FITS = bool(sys.stdout and sys.stdout.isatty()) and _IS_TERMINAL is None
stdout = Terminal(width=None if _FITS else 110, force_terminal=_IS_TERMINAL)
stderr = Terminal(stderr=True, force_terminal=_IS_TERMINAL)


def print_json(value: Any) -> None:
    """Print one JSON document on stdout; NaN is an error."""
    typer.echo(json.dumps(value, indent=2, default=str, allow_nan=False))


def complain(error: TickgraphError, *, as_json: bool = False) -> None:
    """Print an error; as JSON too, on stdout, where a program reads."""
    _print_marked("[bold red]error:[/]", str(error))
    if as_json:
        kind = type(error).__name__
        print_json({"error": {"kind": kind, "message": str(error), "exit_code": error.exit_code}})


def note(text: str) -> None:
    """Print a remark on stderr."""
    _print_marked("[yellow]note:[/]", text)


def failure(text: str) -> None:
    """Print what failed on stderr, while the rest goes on."""
    _print_marked("[bold red]failed:[/]", text)


def _print_marked(mark: str, text: str) -> None:
    plain = text.replace("[", r"\[")  # a bracket in a message is no markup
    stderr.print(f"{mark} {plain}", highlight=False, soft_wrap=True)


def print_sentence(text: str) -> None:
    """Print a sentence of results on stdout, as it is and on one line."""
    stdout.print(text, highlight=False, soft_wrap=True, markup=False)


def print_table(table: Table) -> None:
    """Print a table on stdout, whole: a terminal too narrow for it wraps lines, and no figure is cut."""
    needed = Measurement.get(stdout, stdout.options.update(max_width=1_000), table).maximum
    (stdout if needed <= stdout.width else Console(width=needed)).print(table)


def results(title: str, *left: str, right: Sequence[str] = ()) -> Table:
    """Table of results: names aligned left, figures right."""
    table = _table(title)
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def facts(title: str, rows: Mapping[str, str]) -> Table:
    """Table of one thing's properties, a line each."""
    table = _table(title, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _table(title: str, **options: Any) -> Table:
    return Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, min_width=len(title), **options
    )


def percent(value: float | None, places: int = 1, *, sign: bool = False) -> str:
    """Write a fraction as a percentage; a dash for none."""
    return "-" if value is None else f"{value:{'+' if sign else ''}.{places}%}"


def number(value: float | None, places: int = 3) -> str:
    """Write a figure with its sign; a dash for none."""
    return "-" if value is None else f"{value:+.{places}f}"


def age(moment: datetime, now: datetime | None = None) -> str:
    """Write how long before now a moment was; None is the system's time."""
    hours = ((now or datetime.now(UTC)) - moment).total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} d"


def money(price: float) -> str:
    """A price with two decimals; one below 1 with four digits that tell something, as of a coin."""
    if not 0 < price < 1:
        return f"{price:,.2f}"
    return f"{price:.{3 - math.floor(math.log10(price))}f}"
