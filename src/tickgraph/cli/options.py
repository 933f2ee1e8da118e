"""Options that several commands share."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from tickgraph.errors import InputError

ModelsDir = Annotated[
    Path | None,
    typer.Option("--models-dir", metavar="FOLDER", help="Trained models.", show_default="models/gnn"),
]
PricesDir = Annotated[
    Path | None,
    typer.Option("--prices-dir", metavar="FOLDER", help="Local price store.", show_default="prices"),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Prices from: sample, files, yahoo, tiingo, or live (yahoo; where that fails, tiingo).",
        show_default="sample",
    ),
]
SourcePath = Annotated[
    Path | None, typer.Option("--source-path", metavar="PATH", help="File or folder for --source files.")
]
Exchange = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="NAME",
        help="Exchange of the prices: XLON, XTKS, 24/7 or another name of exchange_calendars.",
        show_default="XNYS",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs; progress stays on stderr.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Use prices up to this date only, e.g. 2022-06-30."),
]


def parse_date(text: str | None) -> date | None:
    """Read a date option; :class:`InputError` says how to write one."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a date. Write it as 2022-12-30.") from error
