"""The main figures of each part of an evaluation, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tickgraph.lab.compared import Kind
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.evaluation.metric_columns import (
    HIT_RATE,
    IC,
    ICIR,
    R2,
    RANK_IC,
    SHARPE,
    Column,
    as_estimate,
    number,
)
from tickgraph.lab.horizons.comparing import LOGNORMAL, SIGNIFICANT
from tickgraph.lab.horizons.horizon_result import HorizonEvaluation, Measure
from tickgraph.lab.intervals import leaves_out
from tickgraph.lab.options.options_conclusions import WITHIN, judged_deciles, worst_decile
from tickgraph.lab.options.options_result import StrategyEvaluation, TouchEvaluation

_COLUMNS: list[tuple[str, Column]] = [
    ("IC", (IC, lambda f: f.accuracy.ic)),
    ("rank IC", (RANK_IC, lambda f: f.accuracy.rank_ic)),
    ("ICIR", (ICIR, lambda f: f.accuracy.icir)),
    ("hit", (HIT_RATE, lambda f: f.accuracy.hit_rate)),
    ("R² vs 0", (R2, lambda f: f.accuracy.r2_vs_zero)),
    ("long", (SHARPE, lambda f: f.long.sharpe_net)),
    ("l-s", (SHARPE, lambda f: f.long_short.sharpe_net)),
]


def summary_table(evaluation: Evaluation) -> Table:
    """Forecasters of the next return and their headline figures, in 100 columns.

    An asterisk stands where the 95 % interval does not hold the value that knowing nothing gives.
    """
    windows = evaluation.windows
    span = f", {windows[0].test_first} to {windows[-1].test_last}" if windows else ""
    table = _empty_table(
        f"Out of sample: {len(evaluation.symbols)} symbols{span}",
        "* told apart from knowing nothing, better or worse (95 % interval). long and l-s: Sharpe ratios of "
        f"the long and the long-short portfolio after {evaluation.cost_basis_points:g} basis points. "
        f"{evaluation.survivorship}",
        "forecaster",
        [label for label, _ in _COLUMNS],
    )
    for forecaster in evaluation.forecasters:
        name = _name(forecaster.name, forecaster.kind)
        if forecaster.kind != "model":
            name.append(f" ({forecaster.kind})", style="dim not bold")
        cells = []
        for _, (metric, of) in _COLUMNS:
            estimate = as_estimate(of(forecaster))
            text = number(estimate.value if estimate else None, metric)
            cells.append(_starred(text, apart=metric.null is not None and leaves_out(estimate, metric.null)))
        table.add_row(name, *cells)
    return table


def horizon_table(evaluation: HorizonEvaluation) -> Table:
    """Forecasters with QLIKE and CRPS beside a benchmark, and coverage, at three horizons.

    An asterisk stands where the test tells the forecaster apart from the benchmark.
    """
    shown = shown_horizons(evaluation.horizons)
    table = _empty_table(
        f"By horizon, out of sample: {evaluation.first_session} to {evaluation.last_session}, "
        f"{', '.join(map(str, shown))} sessions ahead",
        f"QLIKE of the variance as a share of the own HAR's, CRPS of the log-normal's ({LOGNORMAL}): below 1 is "
        f"better. * p below {SIGNIFICANT:g}. In: returns inside the 80 % interval.",
        "forecaster",
        [f"{label} {horizon}" for label in ("QLIKE", "CRPS", "in") for horizon in shown],
    )
    for forecaster in evaluation.forecasters:
        covered = {own.horizon: own.coverage["0.8"].value for own in forecaster.horizons}
        table.add_row(
            _name(forecaster.name, forecaster.kind),
            *(_ratio(evaluation, forecaster.name, evaluation.bar.get(str(h)), "qlike", h) for h in shown),
            *(_ratio(evaluation, forecaster.name, LOGNORMAL, "crps", h) for h in shown),
            *(f"{covered[h] * 100:.1f}" for h in shown),
        )
    return table


def shown_horizons(horizons: list[int]) -> list[int]:
    """The first horizon, and the longest of up to 5 and of up to 21 sessions, each once."""
    longest = [max((h for h in horizons if h <= most), default=horizons[0]) for most in (5, 21)]
    return list(dict.fromkeys([horizons[0], *longest]))


def touch_table(evaluation: TouchEvaluation) -> Table:
    """A row for each method and horizon."""
    table = _empty_table(
        f"Probability of a touch, out of sample: {evaluation.first_session} to {evaluation.last_session}",
        "Brier: the score, and the product's over it, below 1 is better. Within: tenths of the probability that are "
        f"{WITHIN * 100:g} points off at most. Worst: the farthest off, what came less what was said, in points.",
        "method",
        ("sessions", "levels", "Brier", "ratio", "within", "worst"),
    )
    for method in evaluation.methods:
        for figures in method.horizons:
            tenths = judged_deciles(figures)
            table.add_row(
                method.name,
                str(figures.horizon),
                f"{figures.levels:,}",
                f"{figures.brier.value:.4f}",
                "" if figures.brier_ratio is None else f"{figures.brier_ratio.value:.3f}",
                f"{sum(abs(each.error.value) <= WITHIN for each in tenths)} of {len(tenths)}",
                f"{worst_decile(figures).error.value * 100:+.1f}",
            )
    return table


def strategy_table(evaluation: StrategyEvaluation) -> Table:
    """A row for each strategy and horizon; an asterisk stands where the interval of the difference leaves out 0."""
    table = _empty_table(
        f"Probability of profit, out of sample: {evaluation.first_session} to {evaluation.last_session}, "
        f"distribution by {evaluation.forecaster}",
        f"Premiums: {evaluation.pricing}. Off: share with a profit less what was stated, in points, held to "
        f"{WITHIN * 100:g}; * the 95 % interval leaves out 0. Brier: over the log-normal's, "
        "below 1 is better.",
        "strategy",
        ("sessions", "entered", "stated", "came", "off", "Brier"),
    )
    for own in evaluation.strategies:
        for figures in own.horizons:
            off = figures.difference
            table.add_row(
                own.name,
                str(figures.horizon),
                f"{figures.strategies:,}",
                f"{figures.stated:.1%}",
                f"{figures.came.value:.1%}",
                _starred(f"{off.value * 100:+.1f}", apart=leaves_out(off)),
                f"{figures.brier_ratio.value:.3f}",
            )
    return table


def _empty_table(title: str, caption: str, named: str, figures: Iterable[str]) -> Table:
    """A column of names, folded at 30 characters, and columns of figures."""
    table = Table(
        title=Text(title),
        caption=Text(caption),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column(named, max_width=30, overflow="fold")
    for label in figures:
        table.add_column(label, justify="right", no_wrap=True)
    return table


def _name(name: str, kind: Kind) -> Text:
    return Text(name, style="dim" if kind == "baseline" else "bold")


def _starred(text: str, *, apart: bool) -> str:
    return f"{text}{'*' if apart else ' '}"


def _ratio(
    evaluation: HorizonEvaluation, name: str, benchmark: str | None, measure: Measure, horizon: int
) -> str:
    if name == benchmark:
        return "1 "
    for own in evaluation.against(benchmark, measure):
        if (own.first, own.horizon) == (name, horizon):
            return _starred(f"{own.ratio.value:.3f}", apart=own.p_value < SIGNIFICANT)
    return "– "
