"""The sections on options: are levels touched as often as was said, and do stated profits come true.

In both, bands of a probability stand beside the share that came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import plotly.graph_objects as go

from tickgraph.lab.compared import Kind
from tickgraph.lab.evaluation.html_report.parts import (
    Cell,
    Plot,
    Section,
    Table,
    evaluated_section,
    figure_cell,
    table_of,
)
from tickgraph.lab.evaluation.html_report.style import (
    add_reliability_axes,
    empty_figure,
    styles_of,
    whiskers,
)
from tickgraph.lab.evaluation.html_report.tables import targets_table
from tickgraph.lab.evaluation.metric_columns import Metric, off_mark
from tickgraph.lab.intervals import ends
from tickgraph.lab.options.options_conclusions import WITHIN, worst_decile
from tickgraph.lab.options.options_result import StrategyEvaluation, TouchDecile, TouchEvaluation
from tickgraph.registry.evaluation_record import Figure
from tickgraph.wording import counted

_BRIER = Metric("Brier", "Brier score of the probability of a touch.", decimals=4)
_RATIO = Metric(
    "The product's", "Brier score of the product over this one's; below 1 the product is better.", decimals=3
)
_SAID = Metric("Said", "Mean probability of a touch.", decimals=1, percent=True)
_TOUCHED = Metric("Came", "Share that was touched.", decimals=1, percent=True)
_ERROR = Metric("Off", "What came less what was said; 0 is right.", decimals=1, percent=True, null=0.0)
_WORST = Metric("Worst tenth", "The tenth of the probability that is farthest off.")
_LEVELS = Metric("Levels", "", decimals=0)

_STATED = Metric("Stated", "Mean probability of profit that was stated.", decimals=1, percent=True)
_PROFITABLE = Metric("Came", "Share that made a profit.", decimals=1, percent=True)
_OFF = Metric("Difference", "What came less what was stated; 0 is right.", decimals=1, percent=True, null=0.0)
_LOGNORMAL = Metric(
    "Log-normal", "Stated by the log-normal with 20 sessions' volatility.", decimals=1, percent=True
)
_BRIER_STATED = Metric("Brier", "Brier score of the stated probability.", decimals=4)
_BRIER_RATIO = Metric("Brier ratio", "Over the Brier score of the log-normal; below 1 is better.", decimals=3)
_PROFIT = Metric(
    "Profit", "Mean profit that came, a share of the price of the stock.", decimals=3, percent=True
)
_EXPECTED = Metric("Expected", "Mean profit that was stated, a share of the price.", decimals=3, percent=True)
_TENTH = Metric("Tenth", "", decimals=0)
_ENTERED = Metric("Entered", "", decimals=0)


class Band(NamedTuple):
    """Probabilities of one band: their mean, the share that came, and how many there are."""

    said: float
    came: Figure
    number: int


def touch_section(evaluation: TouchEvaluation | None) -> Section:
    """All on touched levels; a section without parts where they were not evaluated."""
    title = "Touch: are levels touched as often as was said"
    if evaluation is None:
        return Section(title, [])
    distances = ", ".join(f"{each:g}" for each in evaluation.distances)
    return evaluated_section(
        title,
        f"Levels {distances} standard deviations from the closes of {evaluation.first_session} to "
        f"{evaluation.last_session}. A level is touched by a day's range; no forecast learned from a later price.",
        evaluation.findings,
        [
            _touch_figures(evaluation),
            Plot(
                "Reliability of the probability of a touch",
                "A point for each tenth of the probability. On the dashed line as many levels were touched as was "
                "said. Whiskers are 95 % intervals.",
                "The table on tenths holds the figures.",
                {counted(h, "session"): touch_reliability(evaluation, h) for h in evaluation.horizons},
                choice="Sessions",
            ),
            _touch_deciles(evaluation),
            targets_table(
                "Targets of a touch",
                "What the product is held to. Brackets are 95 % intervals.",
                "An error or a ratio.",
                evaluation.targets,
            ),
            table_of(
                "What each method is",
                "All but the product and the paths are formulas that a desk has.",
                [("Method", lambda m: Cell(m.name, tag=m.kind)), ("Description", lambda m: m.description)],
                evaluation.methods,
            ),
        ],
        evaluation.settings,
        "Settings of touch",
    )


def strategy_section(evaluation: StrategyEvaluation | None) -> Section:
    """All on strategies; a section without parts where they were not evaluated."""
    title = "Strategies: does the probability of profit come true"
    if evaluation is None:
        return Section(title, [])
    return evaluated_section(
        title,
        f"Entered at the closes of {evaluation.first_session} to {evaluation.last_session}, held to the expiry. The "
        f"probability is of the forecast distribution ({evaluation.forecaster}) at entry, which knew no later price.",
        evaluation.findings,
        [
            _strategy_figures(evaluation),
            Plot(
                "Reliability of the probability of profit",
                "A point for each tenth of the stated probabilities. On the dashed line as many made a profit as was "
                "stated. Whiskers are 95 % intervals.",
                "The table on tenths holds the figures.",
                {counted(h, "session"): strategy_reliability(evaluation, h) for h in evaluation.horizons},
                choice="Expiry",
            ),
            _strategy_deciles(evaluation),
            _by_year(evaluation),
            table_of(
                "What each strategy is",
                f"Premiums: {evaluation.pricing}.",
                [("Strategy", lambda own: own.name), ("Description", lambda own: own.description)],
                evaluation.strategies,
            ),
        ],
        evaluation.settings,
        "Settings of strategies",
    )


def touch_reliability(evaluation: TouchEvaluation, horizon: int) -> go.Figure:
    """Share that was touched against the probability, a point for each tenth."""
    return _reliability(
        {each.name: each.kind for each in evaluation.methods},
        {name: [_band(d) for d in own.deciles] for name, own in _rows(evaluation.methods, horizon)},
        "said",
        ("Probability of a touch, %", "Share that was touched, %"),
    )


def strategy_reliability(evaluation: StrategyEvaluation, horizon: int) -> go.Figure:
    """Share that made a profit against the stated probability, a point for each tenth."""
    return _reliability(
        {own.name: "model" for own in evaluation.strategies},
        {
            name: [Band(d.stated, d.came, d.strategies) for d in own.deciles]
            for name, own in _rows(evaluation.strategies, horizon)
        },
        "stated",
        ("Stated probability of profit, %", "Share that made a profit, %"),
    )


def _reliability(
    kinds: Mapping[str, Kind], bands: Mapping[str, Sequence[Band]], said: str, axes: tuple[str, str]
) -> go.Figure:
    look = styles_of(list(kinds.items()), kinds)
    figure = empty_figure(460)
    for name, own in bands.items():
        figure.add_scatter(
            x=[each.said * 100 for each in own],
            y=[each.came.value * 100 for each in own],
            error_y=whiskers([each.came for each in own], 100),
            mode="markers",
            marker=look[name].marker(8),
            hovertext=[
                f"{said} {each.said * 100:.1f} %, came {each.came.value * 100:.1f} % of {each.number:,}"
                for each in own
            ],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            **look[name].trace(),
        )
    every = [each for own in bands.values() for each in own]
    percents = [end * 100 for each in every for end in (each.said, each.came.value)]
    add_reliability_axes(figure, percents, axes, f"As {said}")
    return figure


def _band(decile: TouchDecile) -> Band:
    """The share that was touched with the interval of the error around it."""
    low, high = (decile.said + end for end in found) if (found := ends(decile.error)) else (None, None)
    return Band(decile.said, Figure(value=decile.came, low=low, high=high), decile.levels)


def _off_cell(error: Figure, metric: Metric) -> Cell:
    made = figure_cell(error, metric)
    return made if abs(error.value) <= WITHIN else replace(made, mark=off_mark(WITHIN))


def _rows(results: Sequence[Any], horizon: int) -> list[tuple[str, Any]]:
    """Names, and figures at a horizon."""
    return [(each.name, own) for each in results for own in each.horizons if own.horizon == horizon]


def _by_horizon(results: Sequence[Any], horizons: Sequence[int]) -> dict[str, list[tuple[str, Any]]]:
    return {counted(horizon, "session"): _rows(results, horizon) for horizon in horizons}


def _each(results: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Figures by name and horizon."""
    for each in results:
        for own in each.horizons:
            yield f"{each.name}, {counted(own.horizon, 'session')}", own


def _touch_figures(evaluation: TouchEvaluation) -> Table:
    return table_of(
        "Probability of a touch by method",
        "Brackets are 95 % block-bootstrap intervals over sessions.",
        [
            ("Method", lambda row: row[0]),
            (_BRIER, lambda row: row[1].brier),
            (_RATIO, lambda row: row[1].brier_ratio),
            (_WORST, lambda row: _off_cell(worst_decile(row[1]).error, _ERROR)),
            (_LEVELS, lambda row: row[1].levels),
        ],
        _by_horizon(evaluation.methods, evaluation.horizons),
        choice="Sessions",
    )


def _touch_deciles(evaluation: TouchEvaluation) -> Table:
    return table_of(
        "By tenth of the probability",
        f"Marked where what was said is off by more than {WITHIN * 100:g} points.",
        [
            ("Tenth", lambda d: Cell(f"{d.lower:.0%} to {d.upper:.0%}", value=d.lower, is_number=True)),
            (_SAID, lambda d: d.said),
            (_TOUCHED, lambda d: d.came),
            (_ERROR, lambda d: _off_cell(d.error, _ERROR)),
            (_LEVELS, lambda d: d.levels),
        ],
        {name: own.deciles for name, own in _each(evaluation.methods)},
        choice="Method and sessions",
    )


def _strategy_figures(evaluation: StrategyEvaluation) -> Table:
    return table_of(
        "Probability of profit, stated and come true",
        "Brackets are 95 % block-bootstrap intervals over sessions. Marked where what came is off by more than "
        f"{WITHIN * 100:g} points.",
        [
            ("Strategy", lambda row: row[0]),
            (_STATED, lambda row: row[1].stated),
            (_PROFITABLE, lambda row: row[1].came),
            (_OFF, lambda row: _off_cell(row[1].difference, _OFF)),
            (_LOGNORMAL, lambda row: row[1].stated_lognormal),
            (_BRIER_STATED, lambda row: row[1].brier),
            (_BRIER_RATIO, lambda row: row[1].brier_ratio),
            (_EXPECTED, lambda row: row[1].expected_profit),
            (_PROFIT, lambda row: row[1].mean_profit),
        ],
        _by_horizon(evaluation.strategies, evaluation.horizons),
        choice="Expiry",
    )


def _strategy_deciles(evaluation: StrategyEvaluation) -> Table:
    return table_of(
        "By tenth of the stated probability",
        "The lowest tenth first. A tenth holds few independent sessions at long expiries.",
        [
            (_TENTH, lambda row: row[0]),
            (_STATED, lambda row: row[1].stated),
            (_PROFITABLE, lambda row: row[1].came),
            (_ENTERED, lambda row: row[1].strategies),
        ],
        {name: list(enumerate(own.deciles, start=1)) for name, own in _each(evaluation.strategies)},
        choice="Strategy and expiry",
    )


def _by_year(evaluation: StrategyEvaluation) -> Table:
    return table_of(
        "By year of entry",
        "A year is a dozen stretches of a month that do not overlap, all of one market.",
        [
            ("Strategy", lambda row: row[0]),
            ("Year", lambda row: row[1]),
            (_STATED, lambda row: row[2].stated),
            (_PROFITABLE, lambda row: row[2].came),
        ],
        {
            horizon: [(name, year, part) for name, own in rows for year, part in own.by_year.items()]
            for horizon, rows in _by_horizon(evaluation.strategies, evaluation.horizons).items()
        },
        choice="Expiry",
    )
