"""What options evaluations are held to, and what they found, in sentences made from their figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tickgraph.lab.horizons.comparing import SIGNIFICANT, written_p
from tickgraph.lab.horizons.horizon_result import HorizonTarget
from tickgraph.lab.intervals import interval_text
from tickgraph.lab.options.options_result import (
    StrategyEvaluation,
    StrategyHorizon,
    TouchDecile,
    TouchEvaluation,
    TouchHorizon,
    TouchTarget,
)
from tickgraph.lab.options.touch_methods import FORMULAS, PATHS, PRODUCT
from tickgraph.registry.evaluation_record import Figure
from tickgraph.wording import counted

WITHIN = 0.02
"""How far the share that was touched, or that made a profit, may be off what was said."""
_POINTS = f"{WITHIN * 100:g} points"
FEWEST = 0.001
"""Share of all levels that a tenth holds to be judged. What came of fewer is what came on a few days."""


def touch_targets(evaluation: TouchEvaluation) -> list[TouchTarget]:
    """Set the product's figures beside what it is held to; empty where it was not evaluated."""
    targets: list[TouchTarget] = []
    for ahead, own, rivals in _by_horizon(evaluation):
        worst = worst_decile(own)
        targets.append(
            TouchTarget(
                wanted=f"Every tenth over {ahead} within {_POINTS}; the worst is that of "
                f"{worst.lower:.0%} to {worst.upper:.0%}",
                measured=worst.error,
                verdict="met" if abs(worst.error.value) <= WITHIN else "missed",
            )
        )
        targets += [
            TouchTarget(
                wanted=f"Brier score over {ahead} below that of {name}",
                measured=ratio,
                verdict="met" if ratio.value < 1 else "missed",
            )
            for name, ratio, _ in rivals
            if name in FORMULAS
        ]
    return targets


def touch_findings(evaluation: TouchEvaluation, targets: Sequence[TouchTarget]) -> list[str]:
    """Sentences on the figures."""
    sentences = []
    for ahead, own, rivals in _by_horizon(evaluation):
        worst, tenths = worst_decile(own), judged_deciles(own)
        within = sum(abs(each.error.value) <= WITHIN for each in tenths)
        off = f"{worst.error.value * 100:+.1f} points{interval_text(worst.error, ' [{:+.1f}, {:+.1f}]', 100)}"
        sentences.append(
            f"Touch over {ahead}: {within} of {len(tenths)} tenths are within {_POINTS}. The worst, "
            f"{worst.lower:.0%} to {worst.upper:.0%}, is off by {off}."
        )
        said = [_against(*rival) for rival in rivals]
        if said:
            sentences.append(f"Brier score of a touch over {ahead}, as a share: {'; '.join(said)}.")
    if targets:
        missed = sum(each.verdict == "missed" for each in targets)
        sentences.append(f"Touch: {len(targets) - missed} of {len(targets)} targets are met.")
    return sentences


def judged_deciles(figures: TouchHorizon) -> list[TouchDecile]:
    """The tenths that hold enough levels to be judged."""
    return [each for each in figures.deciles if each.levels >= FEWEST * figures.levels]


def worst_decile(figures: TouchHorizon) -> TouchDecile:
    """The tenth that is farthest off, of those that are judged."""
    return max(judged_deciles(figures), key=lambda each: abs(each.error.value))


def _by_horizon(
    evaluation: TouchEvaluation,
) -> Iterator[tuple[str, TouchHorizon, list[tuple[str, Figure, float | None]]]]:
    """Sessions in words, the product's figures, and its ratio to each rival with the p-value."""
    for horizon in evaluation.horizons:
        own = evaluation.figures(PRODUCT, horizon)
        if own is not None:
            others = [(name, evaluation.figures(name, horizon)) for name in (*FORMULAS, PATHS)]
            rivals = [
                (name, each.brier_ratio, each.p_value) for name, each in others if each and each.brier_ratio
            ]
            yield counted(horizon, "session"), own, rivals


def _against(name: str, ratio: Figure, p_value: float | None) -> str:
    said = f"{ratio.value:.3f}{interval_text(ratio, ' [{:.3f}, {:.3f}]')} of {name}"
    if p_value is None:
        return said
    return f"{said} ({written_p(p_value)}{'' if p_value < SIGNIFICANT else ', not told apart'})"


def strategy_targets(evaluation: StrategyEvaluation) -> list[HorizonTarget]:
    """Set each strategy at each horizon beside what it is held to."""
    return [
        HorizonTarget(
            wanted=f"{own.name} over {counted(figures.horizon, 'session')}: share with a profit within "
            f"{_POINTS} of what was stated",
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
    said = f"{len(targets) - len(missed)} of {len(targets)} within {_POINTS}"
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
        f"{figures.horizon} sessions {within} of {len(offs)} within {_POINTS}, "
        f"the farthest off by {farthest * 100:+.1f}"
    )


def _said(figures: StrategyHorizon) -> str:
    interval = interval_text(figures.came, " ({:.1%} to {:.1%})")
    return f"{figures.horizon} sessions {figures.stated:.1%} and {figures.came.value:.1%}{interval}"
