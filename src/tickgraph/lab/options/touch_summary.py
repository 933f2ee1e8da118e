"""Probabilities of a touch and how good they were, for a terminal."""

from __future__ import annotations

from rich.table import Table

from tickgraph.lab.options.touch_conclusions import WITHIN, judged_deciles, worst_decile
from tickgraph.lab.options.touch_result import TouchEvaluation
from tickgraph.lab.terminal_table import figures_table


def touch_table(evaluation: TouchEvaluation) -> Table:
    """A row for each method and horizon."""
    table = figures_table(
        f"Probability of a touch, out of sample: {evaluation.first_session} to {evaluation.last_session}",
        "Brier: the score, and the product's over it, below 1 is better. Within: tenths of the probability that are "
        f"{WITHIN * 100:g} points off at most. Worst: the farthest off, what came less what was said, in points.",
        "method",
        ("sessions", "levels", "Brier", "ratio", "within", "worst"),
    )
    for method in evaluation.methods:
        for figures in method.horizons:
            tenths = judged_deciles(figures)
            within = sum(abs(each.error.value) <= WITHIN for each in tenths)
            table.add_row(
                method.name,
                str(figures.horizon),
                f"{figures.levels:,}",
                f"{figures.brier.value:.4f}",
                "" if figures.brier_ratio is None else f"{figures.brier_ratio.value:.3f}",
                f"{within} of {len(tenths)}",
                f"{worst_decile(figures).error.value * 100:+.1f}",
            )
    return table
