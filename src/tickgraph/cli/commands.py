"""The commands under one name, and how they end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import tickgraph
from tickgraph.cli import (
    chain,
    copy,
    evaluate,
    forecast,
    graph,
    models,
    predict,
    prices,
    refresh,
    schedule,
    serve,
    simulate,
    status,
    strategy,
    train,
)
from tickgraph.cli.output import complain
from tickgraph.cli.streams import make_forgiving
from tickgraph.errors import INTERRUPTED, TickgraphError
from tickgraph.settings import CONFIG_VARIABLE

HELP = """One small graph neural network per stock symbol: train ahead, keep on disk, forecast in milliseconds.

Start here. It needs no network and uses the bundled sample of real prices:

- `tickgraph train --symbols TIER_1`
- `tickgraph predict AAPL --price 130`
- `tickgraph list`
"""

EPILOG = """A setting can come from a flag, from a TICKGRAPH_ variable or from tickgraph.toml; the first of them wins.

Exit codes: 0 done, 1 a bug, 2 bad usage, 3 some symbols failed, 4 prices missing or bad, 5 model missing,
damaged or implausible, 6 price source unreachable, 7 storage failed, 8 a check came out badly, 130 interrupted.
"""

app = typer.Typer(
    name="tickgraph",
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    train.train,
    predict.predict,
    chain.chain,
    strategy.strategy,
    graph.graph,
    serve.serve,
    evaluate.evaluate,
    forecast.forecast,
    refresh.refresh,
    schedule.schedule,
    status.status,
    simulate.simulate,
    models.inspect,
    models.remove,
    copy.copy,
):
    app.command()(command)
app.command("list")(models.list_models)
app.add_typer(prices.app, name="prices")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tickgraph {tickgraph.__version__}")
        raise typer.Exit


@app.callback()
def common(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Configuration file in place of tickgraph.toml."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)


def main(command: Callable[[], object] = app) -> None:
    """Run a command; its exit code tells the causes apart (see ``tickgraph --help``)."""
    make_forgiving()
    try:
        command()
    except TickgraphError as error:
        complain(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
