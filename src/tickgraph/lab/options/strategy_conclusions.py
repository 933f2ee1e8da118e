"""What stated probabilities of profit are held to, and what an evaluation of them found, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from tickgraph.lab.horizons.horizon_result import HorizonTarget
from tickgraph.lab.intervals import interval_text
from tickgraph.lab.options.options_result import StrategyEvaluation, StrategyHorizon
from tickgraph.wording import counted

WITHIN = 0.02
"""How far the share that made a profit may be off the stated probability."""


def strategy_targets(evaluation: StrategyEvaluation) -> list[HorizonTarget]:
    """Set each strategy at each horizon beside what it is held to."""
    return [
        HorizonTarget(
            wanted=f"{own.name} over {counted(figures.horizon, 'session')}: share with a profit within "
            f"{WITHIN * 100:g} points of what was stated",
            horizon=figures.horizon,
            measured=figures.difference,
            bound=WITHIN,
            verdict="met" if abs(figures.difference.value) <= WITHIN else "missed",
        )
        for own in evaluation.strategies
        for figures in own.horizons
    ]


def strategy_findings(evaluation: StrategyEvaluation, targets: Sequence[HorizonTarget]) -> list[str]:
    """A sentence on each strategy, one on the tenths, one on the log-normal, and one on the targets."""
    sentences = [
        f"{own.name}, stated and came: " + "; ".join(map(_said, own.horizons)) + "."
        for own in evaluation.strategies
    ]
    together = evaluation.strategies[-1]
    sentences.append(
        f"By tenth of the stated probability, {together.name}: "
        + "; ".join(_farthest_tenth(figures) for figures in together.horizons)
        + "."
    )
    every = [figures for own in evaluation.strategies for figures in own.horizons]
    ratios = [figures.brier_ratio.value for figures in every]
    better = sum(value < 1 for value in ratios)
    sentences.append(
        f"The Brier score is below the log-normal's in {better} of {len(ratios)} cases, "
        f"{min(ratios):.3f} to {max(ratios):.3f} of it."
    )
    missed = [target for target in targets if target.verdict == "missed"]
    said = f"{len(targets) - len(missed)} of {len(targets)} within {WITHIN * 100:g} points"
    if missed:
        worst = max(missed, key=lambda target: abs(target.measured.value))
        said += (
            f"; the farthest off is {worst.wanted.split(':')[0]}, by {worst.measured.value * 100:+.1f} points"
        )
    return [*sentences, f"{said}."]


def _farthest_tenth(figures: StrategyHorizon) -> str:
    offs = [each.came.value - each.stated for each in figures.deciles]
    within = sum(abs(off) <= WITHIN for off in offs)
    farthest = max(offs, key=abs)
    return (
        f"{figures.horizon} sessions {within} of {len(offs)} within {WITHIN * 100:g} points, "
        f"the farthest off by {farthest * 100:+.1f}"
    )


def _said(figures: StrategyHorizon) -> str:
    interval = interval_text(figures.came, " ({:.1%} to {:.1%})")
    return f"{figures.horizon} sessions {figures.stated:.1%} and {figures.came.value:.1%}{interval}"
