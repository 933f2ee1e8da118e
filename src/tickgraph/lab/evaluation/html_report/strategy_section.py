"""The section on strategies: whether the stated probability of profit comes true."""

from __future__ import annotations

from dataclasses import replace

from tickgraph.lab.evaluation.html_report import strategy_figures
from tickgraph.lab.evaluation.html_report.parts import (
    Cell,
    Facts,
    Heading,
    Part,
    Plot,
    Prose,
    Section,
    Table,
    figure_cell,
    table_of,
)
from tickgraph.lab.evaluation.metric_columns import Mark, Metric
from tickgraph.lab.options.strategy_conclusions import WITHIN
from tickgraph.lab.options.strategy_result import StrategyEvaluation, StrategyHorizon
from tickgraph.wording import counted

_SHARE = Metric("Stated", "Mean probability of profit that was stated.", decimals=1, percent=True)
_CAME = Metric("Came", "Share that made a profit.", decimals=1, percent=True)
_OFF = Metric("Difference", "What came less what was stated; 0 is right.", decimals=1, percent=True, null=0.0)
_LOGNORMAL = Metric(
    "Log-normal", "Stated by the log-normal with 20 sessions' volatility.", decimals=1, percent=True
)
_BRIER = Metric("Brier", "Brier score of the stated probability.", decimals=4)
_RATIO = Metric("Brier ratio", "Over the Brier score of the log-normal; below 1 is better.", decimals=3)
_PROFIT = Metric(
    "Profit", "Mean profit that came, a share of the price of the stock.", decimals=3, percent=True
)
_EXPECTED = Metric("Expected", "Mean profit that was stated, a share of the price.", decimals=3, percent=True)


def strategy_section(evaluation: StrategyEvaluation | None) -> Section:
    """All on strategies; a section without parts where they were not evaluated."""
    title = "Strategies: does the probability of profit come true"
    if evaluation is None:
        return Section(title, [])
    parts: list[Part] = [Prose(evaluation.findings)] if evaluation.findings else []
    parts += [
        _figures(evaluation),
        Plot(
            "Reliability of the probability of profit",
            "A point for each tenth of the stated probabilities. On the dashed line as many made a profit as was "
            "stated. Whiskers are 95 % intervals.",
            "The table on tenths holds the figures.",
            {
                counted(horizon, "session"): strategy_figures.reliability(evaluation, horizon)
                for horizon in evaluation.horizons
            },
            choice="Expiry",
        ),
        _deciles(evaluation),
        _by_year(evaluation),
        table_of(
            "What each strategy is",
            f"Premiums: {evaluation.pricing}.",
            [("Strategy", lambda own: own.name), ("Description", lambda own: own.description)],
            evaluation.strategies,
        ),
        Facts({k: str(v) for k, v in evaluation.settings.items()}, folded="Settings of strategies"),
    ]
    return Section(
        title,
        parts,
        f"Entered at the closes of {evaluation.first_session} to {evaluation.last_session}, held to the expiry. The "
        f"probability is of the forecast distribution ({evaluation.forecaster}) at entry, which knew no later price.",
    )


def _rows(evaluation: StrategyEvaluation, horizon: int) -> list[tuple[str, StrategyHorizon]]:
    return [
        (own.name, figures)
        for own in evaluation.strategies
        for figures in own.horizons
        if figures.horizon == horizon
    ]


def _difference(figures: StrategyHorizon) -> Cell:
    made = figure_cell(figures.difference, _OFF)
    if abs(figures.difference.value) <= WITHIN:
        return made
    points = f"{WITHIN * 100:g} points"
    return replace(made, mark=Mark("off", f"> {points} off", f"off by more than {points}"))


def _figures(evaluation: StrategyEvaluation) -> Table:
    return table_of(
        "Probability of profit, stated and come true",
        "Brackets are 95 % block-bootstrap intervals over sessions. Marked where what came is off by more than "
        f"{WITHIN * 100:g} points.",
        [
            ("Strategy", lambda row: row[0]),
            (_SHARE, lambda row: row[1].stated),
            (_CAME, lambda row: row[1].came),
            (Heading(_OFF.label, _OFF.reading), lambda row: _difference(row[1])),
            (_LOGNORMAL, lambda row: row[1].stated_lognormal),
            (_BRIER, lambda row: row[1].brier),
            (_RATIO, lambda row: row[1].brier_ratio),
            (_EXPECTED, lambda row: row[1].expected_profit),
            (_PROFIT, lambda row: row[1].mean_profit),
        ],
        {counted(horizon, "session"): _rows(evaluation, horizon) for horizon in evaluation.horizons},
        choice="Expiry",
    )


def _deciles(evaluation: StrategyEvaluation) -> Table:
    return table_of(
        "By tenth of the stated probability",
        "The lowest tenth first. A tenth holds few independent sessions at long expiries.",
        [
            (Heading("Tenth"), lambda row: Cell(str(row[0]), value=row[0], is_number=True)),
            (_SHARE, lambda row: row[1].stated),
            (_CAME, lambda row: row[1].came),
            (
                Heading("Entered"),
                lambda row: Cell(f"{row[1].strategies:,}", value=row[1].strategies, is_number=True),
            ),
        ],
        {
            f"{own.name}, {counted(figures.horizon, 'session')}": list(enumerate(figures.deciles, start=1))
            for own in evaluation.strategies
            for figures in own.horizons
        },
        choice="Strategy and expiry",
    )


def _by_year(evaluation: StrategyEvaluation) -> Table:
    return table_of(
        "By year of entry",
        "A year is a dozen stretches of a month that do not overlap, all of one market.",
        [
            ("Strategy", lambda row: row[0]),
            ("Year", lambda row: row[1]),
            (_SHARE, lambda row: row[2].stated),
            (_CAME, lambda row: row[2].came),
        ],
        {
            counted(horizon, "session"): [
                (name, year, part)
                for name, figures in _rows(evaluation, horizon)
                for year, part in figures.by_year.items()
            ]
            for horizon in evaluation.horizons
        },
        choice="Expiry",
    )
