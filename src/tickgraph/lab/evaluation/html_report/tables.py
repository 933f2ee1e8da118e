"""The tables of an evaluation: what the plots show, in figures."""

from __future__ import annotations

from collections.abc import Sequence

from tickgraph.lab.evaluation.evaluation_result import Comparison, Distribution, Estimate, Evaluation, Slice
from tickgraph.lab.evaluation.html_report.parts import Cell, Heading, Table, figure_cell
from tickgraph.lab.evaluation.metric_columns import (
    HIT_RATE,
    IC,
    R2,
    RANK_IC,
    SHARPE,
    TURNOVER,
    Metric,
    accuracy_columns,
    coverage,
    metric_attribute,
)

_BRACKETS = "Brackets are 95 % block-bootstrap intervals. A heading sorts by its column."

_PINBALL = Metric(
    "Pinball loss",
    "Mean pinball loss over the quantiles, log return. Lower is better.",
    decimals=4,
    percent=True,
)
_BRIER = Metric(
    "Brier, rise", "Mean squared error of the probability of a rise. Lower is better.", decimals=4
)
_BRIER_BASE = Metric(
    "Brier of one half", "The same for always saying 50 %: what the column before must beat.", decimals=4
)
_RISE_ERROR = Metric(
    "Calibration error, rise",
    "Mean gap between forecast and observed frequency, in points.",
    decimals=1,
    percent=True,
)
_STRIKE_ERROR = Metric("Calibration error, strikes", "The same over all strikes.", decimals=1, percent=True)


def forecasters_table(evaluation: Evaluation) -> Table:
    """The main table: every forecaster, every headline figure with its interval."""
    k = evaluation.forecasters[0].accuracy.k if evaluation.forecasters else 0
    columns = accuracy_columns(k)
    return Table(
        "All forecasters",
        f"{_BRACKETS} A grey figure with ≈ is not told apart from what knowing nothing gives (0, or a coin's 50 %). "
        f"Portfolios trade at {evaluation.cost_basis_points:g} basis points per dollar.",
        [Heading("Forecaster", is_number=False), *(Heading(m.label, m.reading) for m, _ in columns)],
        {
            "all": [
                [Cell(f.name, tag=f.kind), *(figure_cell(of(f), metric) for metric, of in columns)]
                for f in evaluation.forecasters
            ]
        },
    )


def portfolio_table(evaluation: Evaluation) -> Table:
    """Long and long-short portfolios, before and after costs."""
    annual = Metric(
        "Net return a year",
        "Mean return after costs, times the sessions of a year (252 in New York).",
        decimals=1,
        percent=True,
    )
    deflated = Metric(
        "Deflated Sharpe",
        "Probability that the true net Sharpe ratio is positive, given how many variants were tried "
        "(Bailey and López de Prado 2014). Above 95 % is the usual bar.",
        decimals=1,
        percent=True,
    )
    gross, net = (
        Metric(f"Sharpe {name}", f"{SHARPE.reading[:-1]}, {costs}.", null=0.0)
        for name, costs in (("gross", "before costs"), ("net", "after costs"))
    )
    headings = [Heading("Forecaster", is_number=False), Heading("Portfolio", is_number=False)]
    headings += [Heading(m.label, m.reading) for m in (gross, net, annual, TURNOVER, deflated)]
    rows = [
        [
            Cell(forecaster.name, tag=forecaster.kind),
            Cell(leg),
            figure_cell(portfolio.sharpe_gross, gross),
            figure_cell(portfolio.sharpe_net, net),
            figure_cell(portfolio.annual_return_net, annual),
            figure_cell(portfolio.turnover, TURNOVER),
            figure_cell(portfolio.deflated_sharpe, deflated),
        ]
        for forecaster in evaluation.forecasters
        for leg, portfolio in (("long", forecaster.long), ("long-short", forecaster.long_short))
    ]
    return Table(
        "Before and after costs",
        f"{_BRACKETS} The long portfolio also earns what the market earns; long-short shows the forecasts alone.",
        headings,
        {"all": rows},
    )


def distribution_table(evaluation: Evaluation) -> Table:
    """Scores of the predictive distributions, of forecasters that make one."""
    made = [(f, f.distribution) for f in evaluation.forecasters if f.distribution is not None]
    levels = sorted({level for _, d in made for level in d.coverage}, key=float)
    widths = [
        Metric(
            f"Width {float(level) * 100:g} %",
            "Mean width of the interval, log return. Of two that cover as promised the narrower is better.",
            percent=True,
        )
        for level in levels
    ]
    covers = [coverage(level) for level in levels]
    scores = (_PINBALL, _BRIER, _BRIER_BASE, _RISE_ERROR, _STRIKE_ERROR)

    def cells(made: Distribution) -> list[Cell]:
        by_level = [
            cell
            for level, cover, width in zip(levels, covers, widths, strict=True)
            for cell in (
                figure_cell(made.coverage.get(level), cover),
                figure_cell(made.width.get(level), width),
            )
        ]
        figures: tuple[Estimate | float, ...] = (
            made.pinball,
            made.brier,
            made.brier_base,
            made.calibration_error,
            made.strike_calibration_error,
        )
        return by_level + [figure_cell(value, metric) for value, metric in zip(figures, scores, strict=True)]

    metrics = [m for pair in zip(covers, widths, strict=True) for m in pair] + list(scores)
    return Table(
        "Scores of the distributions",
        f"{_BRACKETS} Coverage further than 2 points from its level is marked.",
        [Heading("Forecaster", is_number=False), *(Heading(m.label, m.reading) for m in metrics)],
        {"all": [[Cell(f.name, tag=f.kind), *cells(d)] for f, d in made]},
    )


def symbols_table(evaluation: Evaluation) -> Table | None:
    """Figures of each symbol, a forecaster at a time, models first; None where nothing was sliced by symbol."""
    made = [f for f in evaluation.forecasters if any(s.by == "symbol" for s in f.slices)]
    if not made:
        return None
    made.sort(key=lambda f: ("model", "ablation", "baseline").index(f.kind))
    parts = [part for f in made for part in f.slices if part.by == "symbol"]
    levels = sorted({level for part in parts for level in part.coverage}, key=float)
    metrics = {"ic": IC, "rank_ic": RANK_IC, "hit_rate": HIT_RATE, "r2_vs_zero": R2}
    metrics |= {f"coverage:{level}": coverage(level) for level in levels}
    metrics = {k: m for k, m in metrics.items() if any(metric_attribute(part, k) for part in parts)}
    sessions = Metric("Sessions", "Sessions in which the symbol was forecast.", decimals=0)

    def cells(part: Slice) -> list[Cell]:
        shown = [figure_cell(metric_attribute(part, key), metric) for key, metric in metrics.items()]
        return [Cell(part.name), figure_cell(part.sessions, sessions), *shown]

    return Table(
        "Per symbol",
        f"{_BRACKETS} Of any twenty symbols without skill about one stands out by chance.",
        [Heading("Symbol", is_number=False)]
        + [Heading(m.label, m.reading) for m in (sessions, *metrics.values())],
        {f.name: [cells(s) for s in f.slices if s.by == "symbol"] for f in made},
        choice="Forecaster",
    )


def comparisons_table(comparisons: Sequence[Comparison]) -> Table:
    """Paired differences, with the sentence that each supports."""
    metrics = {
        "ic": ("IC", Metric("Difference", "", decimals=4, null=0.0)),
        "rank_ic": ("Rank IC", Metric("Difference", "", decimals=4, null=0.0)),
        "squared_error": ("Squared error", Metric("Difference", "", decimals=2, percent=True, null=0.0)),
    }
    rows = [
        [
            Cell(c.first),
            Cell(c.second),
            Cell(metrics[c.metric][0]),
            figure_cell(c.difference, metrics[c.metric][1]),
            Cell(c.conclusion),
        ]
        for c in comparisons
    ]
    return Table(
        "Side by side",
        "First minus second on the same sessions, which is sharper than comparing two intervals. Above 0 the "
        "first has the higher IC; squared error is in % of forecasting zero, and below 0 is better.",
        [
            Heading("First", is_number=False),
            Heading("Second", is_number=False),
            Heading("By", is_number=False),
            Heading("Difference"),
            Heading("Conclusion", is_number=False),
        ],
        {"all": rows},
    )


def descriptions_table(evaluation: Evaluation) -> Table:
    """What each forecaster is, on how much it was measured, and how long it took."""
    sessions = Metric("Sessions", "With at least two symbols forecast.", decimals=0)
    forecasts = Metric("Forecasts", "Symbols times sessions.", decimals=0)
    seconds = Metric("Seconds", "To train and forecast, all windows.", decimals=1)
    return Table(
        "What each forecaster is",
        "Baselines need no network; ablations take one thing away from a model to see what it was worth.",
        [
            Heading("Forecaster", is_number=False),
            Heading("Description", is_number=False),
            *(Heading(m.label, m.reading) for m in (sessions, forecasts, seconds)),
        ],
        {
            "all": [
                [
                    Cell(f.name, tag=f.kind),
                    Cell(f.description),
                    figure_cell(f.accuracy.sessions, sessions),
                    figure_cell(f.accuracy.forecasts, forecasts),
                    figure_cell(f.seconds, seconds),
                ]
                for f in evaluation.forecasters
            ]
        },
    )
