"""The ranking benchmark as a command: ``python -m benchmarks.ranking --help``, from the repository's root."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tickgraph.cli import main
from tickgraph.cli.options import AsJson, split_words
from tickgraph.cli.output import print_json, print_sentence, print_table
from tickgraph.cli.progress import Bars
from tickgraph.errors import InputError
from tickgraph.extras import lacking

QUICK_EPOCHS, QUICK_SEEDS, QUICK_STOCKS = 1, 1, 200


class Inputs(StrEnum):
    """Scalings of the inputs that are run."""

    BOTH = "both"
    CAUSAL = "causal"
    PUBLISHED = "published"


class Loss(StrEnum):
    """What the reimplemented networks learn by."""

    CORRELATION = "correlation"
    PUBLISHED = "published"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown")


@app.command()
def rank(
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="An .npz of features [stocks, days, 5] (averages over 5, 10, 20 and 30 days, close) and tickers; "
            "another market's file of this form will do.",
        ),
    ] = Path("../shared/data/rsr_nasdaq.npz"),
    models: Annotated[
        list[str] | None,
        typer.Option("--models", "-m", metavar="NAMES", help="Rows to run.", show_default="all"),
    ] = None,
    inputs: Annotated[
        Inputs,
        typer.Option(
            help="published: the file's own scale, which holds each stock's later maximum, as the published "
            "table was made; causal: divided by the day's close, so that nothing later enters."
        ),
    ] = Inputs.BOTH,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of every network.")] = 3,
    epochs: Annotated[
        int, typer.Option(min=1, help="Bound on training; the epoch is chosen on validation days.")
    ] = 4,
    loss: Annotated[
        Loss,
        typer.Option(
            help="correlation: 1 - IC for every network, so that architectures are compared; published: squared "
            "error and pairwise ranking for the LSTM, GAT and StockMixer, which wants many epochs."
        ),
    ] = Loss.CORRELATION,
    validation_from: Annotated[int, typer.Option(help="First day whose return is validated, from 0.")] = 756,
    test_from: Annotated[int, typer.Option(help="First day whose return is tested.")] = 1008,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Report, figures and finished runs.")
    ] = Path("benchmark-ranking"),
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Every row with one seed and one epoch on the first 200 stocks: under 2 minutes, no result.",
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Runs side by side.", show_default="one per core")] = 0,
    as_json: AsJson = False,
) -> None:
    """Rank a market's stocks by next-day return, beside the rows published for the market (StockMixer, AAAI 2024).

    Runs an LSTM, a GAT and StockMixer reimplemented in one harness, the factor-neutral graph network, and rows that
    need no network. Scores the test days once, by the published definitions, and writes benchmark.html and
    benchmark.json. Finished runs are kept: after Ctrl-C the same command goes on.

    Published rows are shown for NASDAQ and NYSE only, and only where the file's name has the market's name and stocks
    and days are the published ones.

    Rows: level, reversal, ridge, LSTM, GAT, StockMixer, factor-neutral, factor-neutral-refit.
    """
    os.environ.setdefault("KERAS_BACKEND", "jax")
    try:
        from benchmarks.ranking.benchmark import SCALINGS, Listener, run_benchmark
        from benchmarks.ranking.market import read_market
        from benchmarks.ranking.report import summary_table, write_benchmark
    except ImportError as error:
        raise InputError(lacking("The benchmark", "evaluate", error)) from error
    started = time.perf_counter()
    if quick:
        seeds, epochs = QUICK_SEEDS, QUICK_EPOCHS
    market = read_market(data, validation_from, test_from)
    if quick:
        market = market.first(QUICK_STOCKS)
    with Bars(width=30) as bars:
        bar = bars.begin("reading")

        def step(label: str, done: int, total: int, word: str) -> None:
            bars.update(bar, description=label, completed=done, total=total, remark=word)
            if not word:
                bars.line(f"{done} of {total}: {label}")

        result = run_benchmark(
            market,
            out / "runs",
            names=split_words(models or []) or None,
            scalings=[one for one in SCALINGS if inputs in (Inputs.BOTH, one)],
            seeds=seeds,
            epochs=epochs,
            objective="return" if loss is Loss.PUBLISHED else "correlation",
            jobs=jobs,
            listener=Listener(step),
        )
    page, figures = write_benchmark(result, out)
    if as_json:
        print_json(result.model_dump(mode="json"))
        return
    print_table(summary_table(result))
    for sentence in result.findings:
        print_sentence(f"- {sentence}")
    seconds = time.perf_counter() - started
    print_sentence(f"Report: {page}; figures: {figures}. {seconds:.0f} s.")


if __name__ == "__main__":
    main(app)
