"""The section by horizon: losses, comparisons with their p-values, targets, calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tickgraph.lab.evaluation.evaluation_result import Estimate
from tickgraph.lab.evaluation.html_report import horizon_figures
from tickgraph.lab.evaluation.html_report.parts import (
    Callout,
    Cell,
    Heading,
    Part,
    Plot,
    Section,
    Table,
    evaluated_section,
    figure_cell,
    table_of,
)
from tickgraph.lab.evaluation.html_report.tables import targets_table
from tickgraph.lab.evaluation.metric_columns import MISSING, Mark, Metric, interval, number, off_mark
from tickgraph.lab.horizons.comparing import BENCHMARKS, MEASURES, NAMES, SIGNIFICANT, written_p
from tickgraph.lab.horizons.horizon_result import (
    HorizonComparison,
    HorizonEvaluation,
    HorizonFigures,
    HorizonForecasterResult,
    Measure,
)
from tickgraph.lab.horizons.horizon_targets import coverage_bound
from tickgraph.lab.horizons.loss_tests import CONFIDENCE_SET
from tickgraph.wording import counted

LOSSES: Mapping[str, Metric] = {
    "qlike": Metric("QLIKE", "Of the variance over the horizon.", decimals=4),
    "crps": Metric("CRPS", "Of the log return over the horizon.", decimals=4, percent=True),
    "brier": Metric("Brier score", "Of P(return > strike), mean over the strikes.", decimals=4),
    "pinball": Metric(
        "Pinball loss", "Mean over seven quantiles of the log return.", decimals=4, percent=True
    ),
}
RATIO = Metric("Ratio", "Mean loss over that of the benchmark.", decimals=3)
_SHARE = Metric("Coverage", "", decimals=1, percent=True)
_BEST = Mark("best", "best", "least of this horizon")
_IN_SET = Mark("null", "≈ best", "in the 90 % model confidence set: it may be the best")


def horizon_section(evaluation: HorizonEvaluation | None) -> Section:
    """All on the horizons; a section without parts where they were not evaluated."""
    title = "How far prices move, by horizon"
    if evaluation is None:
        return Section(title, [])
    targets = targets_table(
        "Targets",
        "What the product's model is held to. Brackets are 95 % intervals.",
        "A ratio of losses, a coverage, or a p-value.",
        evaluation.targets,
    )
    return evaluated_section(
        title,
        f"Forecasts after the closes of {evaluation.first_session} to {evaluation.last_session}. All forecasters are "
        "judged on the same symbols and sessions. A fit learns from no target that was not known before it.",
        evaluation.findings,
        [
            *([targets] if evaluation.targets else []),
            _losses(evaluation),
            *_against(evaluation),
            _coverage(evaluation),
            *_plots(evaluation),
            _few_stretches(evaluation),
            _descriptions(evaluation),
        ],
        evaluation.settings,
        "Settings by horizon",
    )


def _headings(evaluation: HorizonEvaluation) -> list[Heading]:
    return [
        Heading("Forecaster", is_number=False),
        *(
            Heading(counted(h, "session"), f"Over the next {counted(h, 'session')}.")
            for h in evaluation.horizons
        ),
    ]


def _rows(
    evaluation: HorizonEvaluation, cell: Callable[[HorizonForecasterResult, int], Cell]
) -> list[list[Cell]]:
    return [
        [Cell(f.name, tag=f.kind), *(cell(f, place) for place in range(len(evaluation.horizons)))]
        for f in evaluation.forecasters
    ]


def _losses(evaluation: HorizonEvaluation) -> Table:
    def cells(name: str, metric: Metric) -> list[list[Cell]]:
        least = [
            min(_loss(f.horizons[place], name).value for f in evaluation.forecasters)
            for place in range(len(evaluation.horizons))
        ]

        def cell(forecaster: HorizonForecasterResult, place: int) -> Cell:
            figures = forecaster.horizons[place]
            own = _loss(figures, name)
            in_set = dict(figures.in_confidence_set).get(name, 0.0) > 1 - CONFIDENCE_SET  # type: ignore[call-overload]
            mark = _BEST if own.value == least[place] else _IN_SET if in_set else None
            return replace(figure_cell(own, metric), mark=mark)

        return _rows(evaluation, cell)

    return Table(
        "Losses by horizon",
        "Lower is better. Brackets are 95 % block-bootstrap intervals with blocks of at least twice the horizon. "
        "≈ best: in the 90 % model confidence set, so it may be the best.",
        _headings(evaluation),
        {metric.label: cells(name, metric) for name, metric in LOSSES.items()},
        choice="Loss",
    )


def _loss(figures: HorizonFigures, name: str) -> Estimate:
    found = getattr(figures, name)
    assert isinstance(found, Estimate)  # noqa: S101
    return found


def _benchmarks(evaluation: HorizonEvaluation) -> list[tuple[str, str | None]]:
    """What is said of a benchmark and its name; None is the bar, which may change with the horizon."""
    present = {f.name for f in evaluation.forecasters}
    named: list[tuple[str, str | None]] = [(name, name) for name in BENCHMARKS if name in present]
    return [*([("the own HAR", None)] if evaluation.bar else []), *named]


def _against(evaluation: HorizonEvaluation) -> list[Part]:
    choices = {
        f"{NAMES[measure]} against {said}": (measure, benchmark)
        for measure in MEASURES
        for said, benchmark in _benchmarks(evaluation)
    }
    if not choices:
        return []

    def rows(measure: Measure, benchmark: str | None) -> list[list[Cell]]:
        found = {(c.first, c.horizon): c for c in evaluation.against(benchmark, measure)}

        def cell(forecaster: HorizonForecasterResult, place: int) -> Cell:
            own = found.get((forecaster.name, evaluation.horizons[place]))
            if own is None:
                return Cell(MISSING, is_number=True)
            value = own.ratio.value
            return Cell(
                number(value, RATIO), interval(own.ratio, RATIO), _verdict(own), value, is_number=True
            )

        return _rows(evaluation, cell)

    bars = ", ".join(f"{name} at {h}" for h, name in evaluation.bar.items())
    return [
        Table(
            "Against a benchmark",
            "Mean loss over that of the benchmark: below 1 is better. p is of Diebold and Mariano's test on each "
            "session's mean over symbols, its lag the horizon less one. Bold is better, grey a draw (p 0.05 or more). "
            f"A second p is that of a lag of three horizons. The own HAR is the better of two by horizon: "
            f"{bars or 'not in this run'}.",
            _headings(evaluation),
            {said: rows(*chosen) for said, chosen in choices.items()},
            choice="Loss and benchmark",
        ),
        Plot(
            "Losses beside a benchmark",
            "Below the dashed line is better; a whisker that crosses it is a draw.",
            " ".join(c.conclusion for c in evaluation.against(None, "qlike") if c.first == "graph-har")
            or "The table above holds the figures.",
            {said: horizon_figures.ratios(evaluation, *chosen) for said, chosen in choices.items()},
            choice="Loss and benchmark",
        ),
    ]


def _verdict(comparison: HorizonComparison) -> Mark:
    p = written_p(comparison.p_value)
    if comparison.p_value < SIGNIFICANT <= comparison.p_value_long:
        text = written_p(comparison.p_value, comparison.p_value_long)
        return Mark("null", f"{p}, or {comparison.p_value_long:.3f}", f"{text}: hardly told apart")
    if comparison.p_value >= SIGNIFICANT:
        return Mark("null", p, f"{p}: not told apart from the benchmark")
    if comparison.ratio.value > 1:
        return Mark("off", f"{p}, worse", f"{p}: worse than the benchmark")
    return Mark("best", p, f"{p}: better than the benchmark")


def _coverage(evaluation: HorizonEvaluation) -> Table:
    first = evaluation.forecasters[0].horizons[0]
    years = sorted({year for f in evaluation.forecasters for h in f.horizons for year in h.coverage_by_year})

    def rows(level: str, year: str | None) -> list[list[Cell]]:
        def cell(forecaster: HorizonForecasterResult, place: int) -> Cell:
            figures = forecaster.horizons[place]
            if year is None:
                own: Estimate | None = figures.coverage[level]
            else:
                share = figures.coverage_by_year.get(year, {}).get(level)
                own = None if share is None else Estimate(value=share)
            made = figure_cell(own, _SHARE)
            bound = coverage_bound(figures.horizon)
            if own is not None and bound is not None and abs(own.value - float(level)) > bound:
                return replace(made, mark=off_mark(bound))
            return made

        return _rows(evaluation, cell)

    return Table(
        "Coverage by horizon",
        "Share of returns inside the central interval. Marked where it is off its level by more than 1.5 points up to "
        "10 sessions, or 3 points beyond.",
        _headings(evaluation),
        {
            f"{float(level) * 100:g} %, {year or 'all years'}": rows(level, year)
            for level in first.coverage
            for year in (None, *years)
        },
        choice="Level and years",
    )


def _plots(evaluation: HorizonEvaluation) -> list[Part]:
    own = evaluation.forecasters
    by_horizon = {counted(h, "session"): place for place, h in enumerate(evaluation.horizons)}
    levels = list(own[0].horizons[0].coverage)
    worst = ", ".join(
        f"{f.name} {max(abs(share * len(h.pit) - 1) for share in h.pit):.2f}"
        for f in own
        for h in f.horizons[:1]
    )
    return [
        Plot(
            "Probability integral transform",
            "A calibrated forecast is flat at 1. A hump in the middle: too wide; raised ends: too narrow; a slope: "
            "shifted.",
            f"Largest departure from 1 over {counted(evaluation.horizons[0], 'session')}: {worst}.",
            {said: horizon_figures.pit_histogram(own, place) for said, place in by_horizon.items()},
            choice="Horizon",
        ),
        Plot(
            "Reliability of quantiles",
            "On the dashed line, returns fell below the quantile as often as it said. Above it the quantile was too "
            "high, and below it too low.",
            "The plot above holds the same by bins.",
            {said: horizon_figures.reliability(own, place) for said, place in by_horizon.items()},
            choice="Horizon",
        ),
        Plot(
            "Coverage by year and horizon",
            "The dashed line is the promised level, the band what it is held to.",
            "The table on coverage holds the figures.",
            {
                f"{float(level) * 100:g} %, {said}": horizon_figures.coverage_by_year(
                    own, place, level, coverage_bound(evaluation.horizons[place]) or 0.0
                )
                for level in levels
                for said, place in by_horizon.items()
            },
            choice="Level and horizon",
        ),
    ]


def _few_stretches(evaluation: HorizonEvaluation) -> Part:
    longest = evaluation.horizons[-1]
    sessions = evaluation.sessions[str(longest)]
    return Callout(
        "Few independent stretches",
        f"Over {longest} sessions the {sessions:,} forecast sessions hold {sessions // longest} stretches that do not "
        "overlap, all of the same market. At long horizons read coverage and intervals, not ranks.",
    )


def _descriptions(evaluation: HorizonEvaluation) -> Table:
    return table_of(
        "What each forecaster by horizon is",
        "Baselines need no network; ablations take one thing away from the network to see what it was worth.",
        [
            ("Forecaster", lambda f: Cell(f.name, tag=f.kind)),
            ("Description", lambda f: f.description),
            (Metric("Seconds", "To fit and forecast, the whole walk.", decimals=1), lambda f: f.seconds),
        ],
        evaluation.forecasters,
    )
