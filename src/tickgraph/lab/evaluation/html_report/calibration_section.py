"""The section on predictive distributions: scores, reliability, coverage, strikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tickgraph.lab.evaluation.evaluation_result import Evaluation, ForecasterResult
from tickgraph.lab.evaluation.html_report import calibration_figures, tables
from tickgraph.lab.evaluation.html_report.parts import Part, Plot, Section
from tickgraph.lab.evaluation.metric_columns import coverage, mark


def calibration_section(evaluation: Evaluation) -> Section:
    """The distributions; a section without parts where no forecaster has one."""
    every = evaluation.forecasters
    parts: list[Part] = []
    if any(f.distribution is not None for f in every):
        parts.append(tables.distribution_table(evaluation))
        parts += [
            _reliability(every, "rise", "Reliability of the probability of a rise"),
            _reliability(every, "strike", "Reliability of P(close > strike), all strikes"),
        ]
        parts += _coverage(every, "year", "Coverage by year") + _coverage(
            every, "regime", "Coverage by regime"
        )
    scored = [f for f in evaluation.forecasters if f.strikes]
    if scored:
        parts.append(
            Plot(
                "Strikes against the log-normal",
                "Brier score of P(close > strike) minus that of a log-normal with trailing volatility, by the "
                "strike's distance. Below 0 beats what a desk would use; whiskers that cross 0 are a draw.",
                "Mean difference: " + ", ".join(
                    f"{f.name} {sum(s.difference.value for s in f.strikes) / len(f.strikes):.5f}" for f in scored
                ),
                {"Strikes": calibration_figures.strikes(evaluation.forecasters)},
            )
        )  # fmt: skip
    return Section("Intervals and probabilities", parts)


def _reliability(
    forecasters: Sequence[ForecasterResult], event: Literal["rise", "strike"], title: str
) -> Plot:
    errors = (
        (
            f.name,
            f.distribution.calibration_error if event == "rise" else f.distribution.strike_calibration_error,
        )
        for f in forecasters
        if f.distribution is not None
    )
    return Plot(
        title,
        "On the diagonal, what was called 55 % came 55 times in 100. Below it the forecast was too high, above it "
        "too low. Larger marks hold more forecasts; bins of less than 1 in 200 are not drawn.",
        "Calibration error: " + ", ".join(f"{name} {error * 100:.1f} points" for name, error in errors),
        {title: calibration_figures.reliability(forecasters, event)},
    )


def _coverage(
    forecasters: Sequence[ForecasterResult], by: Literal["year", "regime"], title: str
) -> list[Part]:
    levels = sorted({v for f in forecasters for s in f.slices if s.by == by for v in s.coverage}, key=float)
    if not levels:
        return []
    outside = [
        f"{f.name} {s.name}, {coverage(level).label.lower()}: {s.coverage[level].value * 100:.1f} %"
        for f in forecasters
        for s in f.slices
        if s.by == by
        for level in levels
        if level in s.coverage and mark(s.coverage[level], coverage(level))
    ]
    return [
        Plot(
            title,
            "The dashed line is the promised level, the band 2 points to each side. Above it intervals were too "
            "wide, below too narrow.",
            "Outside the band: " + (", ".join(outside) if outside else "none") + ".",
            {
                f"{float(level) * 100:g} % interval": calibration_figures.sliced_coverage(
                    forecasters, by, level
                )
                for level in levels
            },
            choice="Level",
        )
    ]
