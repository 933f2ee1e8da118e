"""The main table of an evaluation for a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.evaluation.metric_columns import (
    HIT_RATE,
    IC,
    ICIR,
    R2,
    RANK_IC,
    SHARPE,
    Column,
    as_estimate,
    number,
)
from tickgraph.lab.intervals import leaves_out
from tickgraph.lab.terminal_table import figures_table

_COLUMNS: list[tuple[str, Column]] = [
    ("IC", (IC, lambda f: f.accuracy.ic)),
    ("rank IC", (RANK_IC, lambda f: f.accuracy.rank_ic)),
    ("ICIR", (ICIR, lambda f: f.accuracy.icir)),
    ("hit", (HIT_RATE, lambda f: f.accuracy.hit_rate)),
    ("R² vs 0", (R2, lambda f: f.accuracy.r2_vs_zero)),
    ("long", (SHARPE, lambda f: f.long.sharpe_net)),
    ("l-s", (SHARPE, lambda f: f.long_short.sharpe_net)),
]


def summary_table(evaluation: Evaluation) -> Table:
    """Forecasters and their headline figures, in 100 columns; names longer than 30 characters wrap.

    An asterisk stands where the 95 % interval does not hold the value that knowing nothing gives.
    """
    symbols = f"{len(evaluation.symbols)} symbols"
    span = (
        f", {evaluation.windows[0].test_first} to {evaluation.windows[-1].test_last}"
        if evaluation.windows
        else ""
    )
    table = figures_table(
        f"Out of sample: {symbols}{span}",
        "* told apart from knowing nothing, better or worse (95 % interval). long and l-s: Sharpe ratios of "
        f"the long and the long-short portfolio after {evaluation.cost_basis_points:g} basis points. "
        f"{evaluation.survivorship}",
        "forecaster",
        [label for label, _ in _COLUMNS],
    )
    for forecaster in evaluation.forecasters:
        name = Text(forecaster.name, style="dim" if forecaster.kind == "baseline" else "bold")
        if forecaster.kind != "model":
            name.append(f" ({forecaster.kind})", style="dim not bold")
        cells = []
        for _, (metric, of) in _COLUMNS:
            estimate = as_estimate(of(forecaster))
            text = number(estimate.value if estimate else None, metric)
            apart = metric.null is not None and leaves_out(estimate, metric.null)
            cells.append(Text(f"{text}*" if apart else f"{text} "))
        table.add_row(name, *cells)
    return table
