"""``tickgraph graph``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tickgraph.api import open_forecaster
from tickgraph.cli.options import (
    AsJson,
    AsOf,
    Exchange,
    ModelsDir,
    PricesDir,
    Source,
    SourcePath,
    one_symbol,
    parse_date,
)
from tickgraph.cli.output import note, number, percent, print_json, print_sentence, print_table, results
from tickgraph.cli.saving import read_ending, save_as
from tickgraph.errors import InputError
from tickgraph.extras import lacking
from tickgraph.pictures.graph_page import graph_page
from tickgraph.serving.graph_answer import GraphAnswer
from tickgraph.settings import load_settings


def graph(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Ticker.")],
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Draw it, too: graph.html, or graph.png (extra plot)."),
    ] = None,
    as_of: AsOf = None,
    source: Source = None,
    source_path: SourcePath = None,
    models_dir: ModelsDir = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    as_json: AsJson = False,
) -> None:
    """Show the graph behind a symbol's forecast: its peers, their correlations, and what the network listens to.

    Attention is how the network that forecasts the next session divides its weight over the symbol and its peers.

    - `tickgraph graph AAPL`
    - `tickgraph graph AAPL --save graph.html`
    - `tickgraph graph AAPL --as-of 2022-06-30 --json`
    """
    day = parse_date(as_of)
    ending = read_ending(save, ("html", "png"))
    settings = load_settings(
        models_dir=models_dir,
        prices_dir=prices_dir,
        source=source,
        source_path=source_path,
        exchange=exchange,
    )
    name = one_symbol(symbol, "A graph")
    answer = open_forecaster(settings).graph(name, as_of=day)
    if save is not None:
        save_as(save, graph_page(answer) if ending == "html" else _png(answer))
    if as_json:
        print_json(answer.model_dump(mode="json"))
        return
    _print(answer)
    if save is not None:
        note(f"the graph is in {save}")


def _png(answer: GraphAnswer) -> bytes:
    try:
        from tickgraph.pictures.graph_png import graph_png
    except ImportError as error:
        raise InputError(lacking("A picture as .png", "plot", error)) from error
    return graph_png(answer)


def _print(answer: GraphAnswer) -> None:
    table = results(
        f"{answer.symbol}: the graph behind its forecast, as of {answer.as_of}",
        "symbol",
        "sector",
        right=("correlation", "attention", "volatility a day"),
    )
    for node, correlation in zip(answer.nodes, answer.correlations[0], strict=True):
        table.add_row(
            node.symbol,
            node.sector or "-",
            "-" if node.symbol == answer.symbol else number(correlation, 2),
            percent(answer.attention_of_target[node.symbol]),
            percent(node.volatility, 2) if node.present else "-",
        )
    print_table(table)
    size = len(answer.nodes)
    print_sentence(
        f"{len(answer.edges)} of {size * (size - 1) // 2} pairs have a correlation of {answer.threshold:g} or more, "
        f"over {answer.lookback} sessions."
    )
