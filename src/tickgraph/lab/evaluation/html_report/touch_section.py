"""The section on touched levels: whether they are touched as often as was said."""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go

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
from tickgraph.lab.evaluation.html_report.style import (
    add_reliability_axes,
    empty_figure,
    styles_of,
    whiskers,
)
from tickgraph.lab.evaluation.metric_columns import Mark, Metric
from tickgraph.lab.intervals import ends
from tickgraph.lab.options.touch_conclusions import WITHIN, worst_decile
from tickgraph.lab.options.touch_result import TouchDecile, TouchEvaluation, TouchHorizon
from tickgraph.registry.evaluation_record import Figure
from tickgraph.wording import counted

_BRIER = Metric("Brier", "Brier score of the probability of a touch.", decimals=4)
_RATIO = Metric(
    "The product's", "Brier score of the product over this one's; below 1 the product is better.", decimals=3
)
_SAID = Metric("Said", "Mean probability of a touch.", decimals=1, percent=True)
_CAME = Metric("Came", "Share that was touched.", decimals=1, percent=True)
_ERROR = Metric("Off", "What came less what was said; 0 is right.", decimals=1, percent=True, null=0.0)
_WORST = Metric("Worst tenth", "The tenth of the probability that is farthest off.", decimals=1, percent=True)


def touch_section(evaluation: TouchEvaluation | None) -> Section:
    """All on touched levels; a section without parts where they were not evaluated."""
    title = "Touch: are levels touched as often as was said"
    if evaluation is None:
        return Section(title, [])
    parts: list[Part] = [Prose(evaluation.findings)] if evaluation.findings else []
    parts += [
        _figures(evaluation),
        Plot(
            "Reliability of the probability of a touch",
            "A point for each tenth of the probability. On the dashed line as many levels were touched as was said. "
            "Whiskers are 95 % intervals.",
            "The table on tenths holds the figures.",
            {counted(h, "session"): reliability(evaluation, h) for h in evaluation.horizons},
            choice="Sessions",
        ),
        _deciles(evaluation),
        table_of(
            "Targets of a touch",
            "What the product is held to. Brackets are 95 % intervals.",
            [
                ("Target", lambda t: t.wanted),
                (Metric("Measured", "An error or a ratio.", decimals=3), lambda t: t.measured),
                ("Verdict", lambda t: t.verdict),
            ],
            evaluation.targets,
        ),
        table_of(
            "What each method is",
            "All but the product and the paths are formulas that a desk has.",
            [("Method", lambda m: Cell(m.name, tag=m.kind)), ("Description", lambda m: m.description)],
            evaluation.methods,
        ),
        Facts({k: str(v) for k, v in evaluation.settings.items()}, folded="Settings of touch"),
    ]
    distances = ", ".join(f"{each:g}" for each in evaluation.distances)
    return Section(
        title,
        parts,
        f"Levels {distances} standard deviations from the closes of {evaluation.first_session} to "
        f"{evaluation.last_session}. A level is touched by a day's range; no forecast learned from a later price.",
    )


def reliability(evaluation: TouchEvaluation, horizon: int) -> go.Figure:
    """Share that was touched against the probability, a point for each tenth."""
    look = styles_of([(m.name, m.kind) for m in evaluation.methods], {m.name for m in evaluation.methods})
    figure = empty_figure(460)
    ends: list[float] = []
    for name, own in _rows(evaluation, horizon):
        style, bins = look[name], own.deciles
        ends += [end * 100 for each in bins for end in (each.said, each.came)]
        figure.add_scatter(
            x=[each.said * 100 for each in bins],
            y=[each.came * 100 for each in bins],
            error_y=whiskers([_share(each) for each in bins], 100),
            mode="markers",
            marker={"color": style.color, "symbol": style.symbol, "size": 8},
            hovertext=[
                f"said {each.said * 100:.1f} %, came {each.came * 100:.1f} % of {each.levels:,}"
                for each in bins
            ],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            **style.trace(),
        )
    add_reliability_axes(figure, ends, ("Probability of a touch, %", "Share that was touched, %"), "As said")
    return figure


def _share(decile: TouchDecile) -> Figure:
    """The share that was touched with the interval of the error around it."""
    error = decile.error
    if (found := ends(error)) is None:
        return Figure(value=decile.came)
    return Figure(value=decile.came, low=decile.said + found[0], high=decile.said + found[1])


def _rows(evaluation: TouchEvaluation, horizon: int) -> list[tuple[str, TouchHorizon]]:
    return [(m.name, own) for m in evaluation.methods for own in m.horizons if own.horizon == horizon]


def _figures(evaluation: TouchEvaluation) -> Table:
    return table_of(
        "Probability of a touch by method",
        "Brackets are 95 % block-bootstrap intervals over sessions.",
        [
            ("Method", lambda row: row[0]),
            (_BRIER, lambda row: row[1].brier),
            (_RATIO, lambda row: row[1].brier_ratio),
            (Heading(_WORST.label, _WORST.reading), lambda row: _off(worst_decile(row[1]).error)),
            ("Levels", lambda row: Cell(f"{row[1].levels:,}", value=row[1].levels, is_number=True)),
        ],
        {counted(h, "session"): _rows(evaluation, h) for h in evaluation.horizons},
        choice="Sessions",
    )


def _off(error: Figure) -> Cell:
    made = figure_cell(error, _ERROR)
    if abs(error.value) <= WITHIN:
        return made
    points = f"{WITHIN * 100:g} points"
    return replace(made, mark=Mark("off", f"> {points} off", f"off by more than {points}"))


def _deciles(evaluation: TouchEvaluation) -> Table:
    return table_of(
        "By tenth of the probability",
        f"Marked where what was said is off by more than {WITHIN * 100:g} points.",
        [
            ("Tenth", lambda d: Cell(f"{d.lower:.0%} to {d.upper:.0%}", value=d.lower, is_number=True)),
            (_SAID, lambda d: d.said),
            (_CAME, lambda d: d.came),
            (Heading(_ERROR.label, _ERROR.reading), lambda d: _off(d.error)),
            ("Levels", lambda d: Cell(f"{d.levels:,}", value=d.levels, is_number=True)),
        ],
        {
            f"{m.name}, {counted(own.horizon, 'session')}": own.deciles
            for m in evaluation.methods
            for own in m.horizons
        },
        choice="Method and sessions",
    )
