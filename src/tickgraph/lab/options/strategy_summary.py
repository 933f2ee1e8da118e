"""Stated probabilities of profit and what came of them, for a terminal."""

from __future__ import annotations

from rich.table import Table

from tickgraph.lab.intervals import leaves_out
from tickgraph.lab.options.strategy_conclusions import WITHIN
from tickgraph.lab.options.strategy_result import StrategyEvaluation
from tickgraph.lab.terminal_table import figures_table


def strategy_table(evaluation: StrategyEvaluation) -> Table:
    """A row for each strategy and horizon; an asterisk stands where the interval of the difference leaves out 0."""
    table = figures_table(
        f"Probability of profit, out of sample: {evaluation.first_session} to {evaluation.last_session}, "
        f"distribution by {evaluation.forecaster}",
        f"Premiums: {evaluation.pricing}. Off: share with a profit less what was stated, in points, held to "
        f"{WITHIN * 100:g}; * the 95 % interval leaves out 0. Brier: over the log-normal's, below 1 is better.",
        "strategy",
        ("sessions", "entered", "stated", "came", "off", "Brier"),
    )
    for own in evaluation.strategies:
        for figures in own.horizons:
            off = figures.difference
            table.add_row(
                own.name,
                str(figures.horizon),
                f"{figures.strategies:,}",
                f"{figures.stated:.1%}",
                f"{figures.came.value:.1%}",
                f"{off.value * 100:+.1f}{'*' if leaves_out(off) else ' '}",
                f"{figures.brier_ratio.value:.3f}",
            )
    return table
