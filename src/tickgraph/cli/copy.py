"""``tickgraph copy``: move models between folders and object storage."""

from __future__ import annotations

from typing import Annotated

import typer

from tickgraph.cli.options import AsJson, named_symbols, symbols_option
from tickgraph.cli.output import failure, note, print_json, print_sentence
from tickgraph.errors import ArtefactError, InputError, PartialFailure
from tickgraph.registry.copying import copy_models
from tickgraph.settings import load_settings
from tickgraph.wording import counted


def copy(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="Models to copy: a folder, or s3://BUCKET/PREFIX.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="Where to copy them: a folder, or s3://BUCKET/PREFIX.")
    ],
    symbols: Annotated[list[str] | None, symbols_option("all", "Tickers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Copy trained models from one place to another, byte for byte; they replace the other's of the same symbols.

    Models that are there already are left alone, so a copy that was cut short can be run again.
    """
    ends = [load_settings(models_dir=name) for name in (source, target)]
    if ends[0].models_dir.absolute() == ends[1].models_dir.absolute():
        raise InputError("FROM and TO are the same place.")
    one, other = (settings.open_registry() for settings in ends)
    report = copy_models(one, other, named_symbols(symbols) if symbols else None)
    if as_json:
        print_json(
            {
                "copied": report.copied,
                "same": report.same,
                "universe": report.universe,
                "failures": report.failed,
            }
        )
    elif not (report.copied or report.same or report.failed):
        note(f"no trained model in {one.place}")
    else:
        there = f", {len(report.same)} were there already" if report.same else ""
        print_sentence(f"{counted(len(report.copied), 'model')} copied to {other.place}{there}.")
    for reason in report.failed.values():
        failure(reason)
    if report.failed:
        done = report.copied or report.same
        raise typer.Exit(PartialFailure.exit_code if done else ArtefactError.exit_code)
