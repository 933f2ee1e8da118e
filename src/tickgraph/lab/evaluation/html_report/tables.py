"""The tables of an evaluation: what the plots show, in figures."""

from __future__ import annotations

from collections.abc import Sequence

from tickgraph.lab.evaluation.evaluation_result import (
    Comparison,
    Evaluation,
    ForecasterResult,
)
from tickgraph.lab.evaluation.html_report.parts import (
    Cell,
    Column,
    Table,
    figure_cell,
    table_of,
)
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
from tickgraph.lab.horizons.horizon_result import HorizonTarget
from tickgraph.lab.options.options_result import TouchTarget

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


def _name(forecaster: ForecasterResult) -> Cell:
    return Cell(forecaster.name, tag=forecaster.kind)


def forecasters_table(evaluation: Evaluation) -> Table:
    """The main table: every forecaster, every headline figure with its interval."""
    k = evaluation.forecasters[0].accuracy.k if evaluation.forecasters else 0
    return table_of(
        "All forecasters",
        f"{_BRACKETS} A grey figure with ≈ is not told apart from what knowing nothing gives (0, or a coin's 50 %). "
        f"Portfolios trade at {evaluation.cost_basis_points:g} basis points per dollar.",
        [("Forecaster", _name), *accuracy_columns(k)],
        evaluation.forecasters,
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
    return table_of(
        "Before and after costs",
        f"{_BRACKETS} The long portfolio also earns what the market earns; long-short shows the forecasts alone.",
        [
            ("Forecaster", lambda row: _name(row[0])),
            ("Portfolio", lambda row: row[1]),
            (gross, lambda row: row[2].sharpe_gross),
            (net, lambda row: row[2].sharpe_net),
            (annual, lambda row: row[2].annual_return_net),
            (TURNOVER, lambda row: row[2].turnover),
            (deflated, lambda row: row[2].deflated_sharpe),
        ],
        [
            (forecaster, leg, portfolio)
            for forecaster in evaluation.forecasters
            for leg, portfolio in (("long", forecaster.long), ("long-short", forecaster.long_short))
        ],
    )


def distribution_table(evaluation: Evaluation) -> Table:
    """Scores of the predictive distributions, of forecasters that make one."""
    rows = [(f, f.distribution) for f in evaluation.forecasters if f.distribution is not None]

    def of_level(level: str) -> list[Column]:
        width = Metric(
            f"Width {float(level) * 100:g} %",
            "Mean width of the interval, log return. If two cover as promised, the narrower one is better.",
            percent=True,
        )
        return [
            (coverage(level), lambda row: row[1].coverage.get(level)),
            (width, lambda row: row[1].width.get(level)),
        ]

    levels = sorted({level for _, d in rows for level in d.coverage}, key=float)
    return table_of(
        "Scores of the distributions",
        f"{_BRACKETS} Coverage further than 2 points from its level is marked.",
        [
            ("Forecaster", lambda row: _name(row[0])),
            *(column for level in levels for column in of_level(level)),
            (_PINBALL, lambda row: row[1].pinball),
            (_BRIER, lambda row: row[1].brier),
            (_BRIER_BASE, lambda row: row[1].brier_base),
            (_RISE_ERROR, lambda row: row[1].calibration_error),
            (_STRIKE_ERROR, lambda row: row[1].strike_calibration_error),
        ],
        rows,
    )


def symbols_table(evaluation: Evaluation) -> Table | None:
    """Figures of each symbol, a forecaster at a time, models first; None where nothing was sliced by symbol."""
    order = ("model", "ablation", "baseline")
    variants = {
        f.name: slices
        for f in sorted(evaluation.forecasters, key=lambda f: order.index(f.kind))
        if (slices := [s for s in f.slices if s.by == "symbol"])
    }
    if not variants:
        return None
    parts = [part for slices in variants.values() for part in slices]
    levels = sorted({level for part in parts for level in part.coverage}, key=float)
    metrics = {"ic": IC, "rank_ic": RANK_IC, "hit_rate": HIT_RATE, "r2_vs_zero": R2}
    metrics |= {f"coverage:{level}": coverage(level) for level in levels}

    def figure(key: str) -> Column:
        return metrics[key], lambda part: metric_attribute(part, key)

    return table_of(
        "Per symbol",
        f"{_BRACKETS} By chance, about one in twenty symbols without skill stands out.",
        [
            ("Symbol", lambda part: part.name),
            (
                Metric("Sessions", "Sessions in which the symbol was forecast.", decimals=0),
                lambda part: part.sessions,
            ),
            *(figure(key) for key in metrics if any(metric_attribute(part, key) for part in parts)),
        ],
        variants,
        choice="Forecaster",
    )


def comparisons_table(comparisons: Sequence[Comparison]) -> Table:
    """Paired differences, with the sentence that each supports."""
    difference = Metric("Difference", "", decimals=4, null=0.0)
    shown = {
        "ic": ("IC", difference),
        "rank_ic": ("Rank IC", difference),
        "squared_error": ("Squared error", Metric("Difference", "", decimals=2, percent=True, null=0.0)),
    }
    return table_of(
        "Side by side",
        "First minus second on the same sessions, which is sharper than comparing two intervals. Above 0 the "
        "first has the higher IC; squared error is in % of forecasting zero, and below 0 is better.",
        [
            ("First", lambda c: c.first),
            ("Second", lambda c: c.second),
            ("By", lambda c: shown[c.metric][0]),
            (difference, lambda c: figure_cell(c.difference, shown[c.metric][1])),
            ("Conclusion", lambda c: c.conclusion),
        ],
        comparisons,
    )


def targets_table(
    caption: str, reading: str, measured: str, targets: Sequence[HorizonTarget | TouchTarget]
) -> Table:
    """What was asked for, and what came; ``measured`` says what the figures are."""
    return table_of(
        caption,
        reading,
        [
            ("Target", lambda t: t.wanted),
            (Metric("Measured", measured, decimals=3), lambda t: t.measured),
            ("Verdict", lambda t: t.verdict),
        ],
        targets,
    )


def descriptions_table(evaluation: Evaluation) -> Table:
    """What each forecaster is, on how much it was measured, and how long it took."""
    return table_of(
        "What each forecaster is",
        "Baselines need no network; ablations take one thing away from a model to see what it was worth.",
        [
            ("Forecaster", _name),
            ("Description", lambda f: f.description),
            (
                Metric("Sessions", "With at least two symbols forecast.", decimals=0),
                lambda f: f.accuracy.sessions,
            ),
            (Metric("Forecasts", "Symbols times sessions.", decimals=0), lambda f: f.accuracy.forecasts),
            (Metric("Seconds", "To train and forecast, all windows.", decimals=1), lambda f: f.seconds),
        ],
        evaluation.forecasters,
    )
