"""What the product's model is held to by horizon, and whether an evaluation bore it out."""

from __future__ import annotations

from collections.abc import Iterator

from tickgraph.lab.horizons.comparing import GJR, LOGNORMAL, NAMES, SIGNIFICANT
from tickgraph.lab.horizons.horizon_catalogue import PRODUCT
from tickgraph.lab.horizons.horizon_result import (
    HorizonComparison,
    HorizonEvaluation,
    HorizonFigures,
    HorizonTarget,
    Measure,
)
from tickgraph.lab.horizons.loss_tests import CONFIDENCE_SET
from tickgraph.registry.evaluation_record import Figure
from tickgraph.wording import counted

LARGE_UNIVERSE = 100
QLIKE_AGAINST_BAR = {1: 0.945, 5: 0.88, 21: 0.885}
"""Most that the QLIKE may be of the own HAR's, by horizon."""
QLIKE_AGAINST_BAR_LARGE = {1: 0.87, 5: 0.76, 21: 0.83}
"""The same with more than 100 symbols."""
AGAINST_LOGNORMAL = {1: 0.984, 5: 0.979, 21: 0.974}
"""Most that CRPS and Brier score may be of those of the log-normal with 20 sessions."""
WORSE_WITHOUT = {
    **{f"{PRODUCT}-{name}": (5,) for name in ("no-edges", "listening", "shuffled-edges", "embedding")},
    f"{PRODUCT}-linear": (1, 5),
}
"""Ablations whose QLIKE must be higher, p below 0.05, and at which horizons."""
COVERAGE_WITHIN = ((10, 0.015), (63, 0.03))
"""Up to this horizon, coverage may be so far off its level."""


def check_targets(evaluation: HorizonEvaluation, symbols: int, product: str = PRODUCT) -> list[HorizonTarget]:
    """Set the figures of a forecaster beside what it is held to; empty where it was not evaluated."""
    own = next((each for each in evaluation.forecasters if each.name == product), None)
    if own is None:
        return []
    against = QLIKE_AGAINST_BAR_LARGE if symbols > LARGE_UNIVERSE else QLIKE_AGAINST_BAR
    found = {(c.second, c.measure, c.horizon): c for c in evaluation.comparisons if c.first == product}
    targets: list[HorizonTarget] = []
    for figures in own.horizons:
        h = figures.horizon
        bar = found.get((evaluation.bar.get(str(h), ""), "qlike", h))
        if bar is not None and h in against:
            targets.append(_ratio(bar, against[h]))
        if h in against and "qlike" in figures.in_confidence_set:
            targets.append(_in_confidence_set(figures))
        targets += [
            _ratio(found[ablation, "qlike", h], 1.0, significant=True)
            for ablation, horizons in WORSE_WITHOUT.items()
            if h in horizons and (ablation, "qlike", h) in found
        ]
        for measure in ("crps", "brier"):
            targets += _distribution(found, measure, h)
        targets += _coverage(figures)
    return targets


def _distribution(
    found: dict[tuple[str, Measure, int], HorizonComparison], measure: Measure, horizon: int
) -> Iterator[HorizonTarget]:
    gjr, desk = found.get((GJR, measure, horizon)), found.get((LOGNORMAL, measure, horizon))
    if gjr is not None:
        yield _ratio(gjr, 1.0, significant=horizon <= 10)
    if desk is not None and horizon in AGAINST_LOGNORMAL:
        yield _ratio(desk, AGAINST_LOGNORMAL[horizon])


def _ratio(comparison: HorizonComparison, bound: float, *, significant: bool = False) -> HorizonTarget:
    wanted = f"{NAMES[comparison.measure]} over {counted(comparison.horizon, 'session')} "
    if bound == 1.0:
        wanted += f"below that of {comparison.second}" + (f", p below {SIGNIFICANT:g}" if significant else "")
        met = comparison.ratio.value < 1
    else:
        wanted += f"at most {bound:g} of that of {comparison.second}"
        met = comparison.ratio.value <= bound
    if significant:
        met = met and comparison.p_value < SIGNIFICANT
    return _target(wanted, comparison.horizon, comparison.ratio, bound, met=met)


def _in_confidence_set(figures: HorizonFigures) -> HorizonTarget:
    p = figures.in_confidence_set["qlike"]
    wanted = f"In the 90 % model confidence set by QLIKE over {counted(figures.horizon, 'session')}"
    return _target(wanted, figures.horizon, Figure(value=p), 1 - CONFIDENCE_SET, met=p > 1 - CONFIDENCE_SET)


def _coverage(figures: HorizonFigures) -> Iterator[HorizonTarget]:
    within = coverage_bound(figures.horizon)
    if within is None:
        return
    for level, covered in figures.coverage.items():
        wanted = (
            f"Coverage of the {float(level) * 100:g} % interval over {counted(figures.horizon, 'session')} within "
            f"{within * 100:g} points"
        )
        met = abs(covered.value - float(level)) <= within
        yield _target(wanted, figures.horizon, covered, within, met=met)


def _target(wanted: str, horizon: int, measured: Figure, bound: float, *, met: bool) -> HorizonTarget:
    return HorizonTarget(
        wanted=wanted, horizon=horizon, measured=measured, bound=bound, verdict="met" if met else "missed"
    )


def coverage_bound(horizon: int) -> float | None:
    """How far coverage over a horizon may be off its level; None beyond the longest that is held to anything."""
    return next((points for most, points in COVERAGE_WITHIN if horizon <= most), None)
