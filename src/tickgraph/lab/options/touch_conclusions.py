"""What the probability of a touch is held to, and what an evaluation found, in sentences made from its figures."""

from __future__ import annotations

from collections.abc import Sequence

from tickgraph.lab.horizons.comparing import SIGNIFICANT, written_p
from tickgraph.lab.intervals import interval_text
from tickgraph.lab.options.options_result import TouchDecile, TouchEvaluation, TouchHorizon, TouchTarget
from tickgraph.lab.options.touch_methods import FORMULAS, PATHS, PRODUCT
from tickgraph.registry.evaluation_record import Figure
from tickgraph.wording import counted

WITHIN = 0.02
"""How far what came of a tenth may be off what was said."""
FEWEST = 0.001
"""Share of all levels that a tenth holds to be judged. What came of fewer is what came on a few days."""


def touch_targets(evaluation: TouchEvaluation) -> list[TouchTarget]:
    """Set the product's figures beside what it is held to; empty where it was not evaluated."""
    targets: list[TouchTarget] = []
    for horizon in evaluation.horizons:
        own = evaluation.figures(PRODUCT, horizon)
        if own is None:
            continue
        ahead = counted(horizon, "session")
        worst = worst_decile(own)
        targets.append(
            TouchTarget(
                wanted=f"Every tenth over {ahead} within {WITHIN * 100:g} points; the worst is that of "
                f"{worst.lower:.0%} to {worst.upper:.0%}",
                measured=worst.error,
                verdict="met" if abs(worst.error.value) <= WITHIN else "missed",
            )
        )
        for name in FORMULAS:
            rival = evaluation.figures(name, horizon)
            if rival is not None and rival.brier_ratio is not None:
                targets.append(
                    TouchTarget(
                        wanted=f"Brier score over {ahead} below that of {name}",
                        measured=rival.brier_ratio,
                        verdict="met" if rival.brier_ratio.value < 1 else "missed",
                    )
                )
    return targets


def touch_findings(evaluation: TouchEvaluation, targets: Sequence[TouchTarget]) -> list[str]:
    """Sentences on the figures."""
    sentences = []
    for horizon in evaluation.horizons:
        own = evaluation.figures(PRODUCT, horizon)
        if own is None:
            continue
        ahead, worst = counted(horizon, "session"), worst_decile(own)
        tenths = judged_deciles(own)
        off = sum(abs(each.error.value) > WITHIN for each in tenths)
        sentences.append(
            f"Touch over {ahead}: {len(tenths) - off} of {len(tenths)} tenths are within {WITHIN * 100:g} "
            f"points. The worst, {worst.lower:.0%} to {worst.upper:.0%}, is off by {_points(worst.error)}."
        )
        rivals = [(name, evaluation.figures(name, horizon)) for name in (*FORMULAS, PATHS)]
        said = [_against(name, rival) for name, rival in rivals if rival is not None and rival.brier_ratio]
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


def _against(name: str, rival: TouchHorizon) -> str:
    assert rival.brier_ratio is not None  # noqa: S101
    figure = rival.brier_ratio
    interval = interval_text(figure, " [{:.3f}, {:.3f}]")
    if rival.p_value is None:
        return f"{figure.value:.3f}{interval} of {name}"
    told = "" if rival.p_value < SIGNIFICANT else ", not told apart"
    return f"{figure.value:.3f}{interval} of {name} ({written_p(rival.p_value)}{told})"


def _points(error: Figure) -> str:
    return f"{error.value * 100:+.1f} points{interval_text(error, ' [{:+.1f}, {:+.1f}]', 100)}"
