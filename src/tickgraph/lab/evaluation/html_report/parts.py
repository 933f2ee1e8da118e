"""What a page of results is made of: sections that hold prose, facts, tables and plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from tickgraph.lab.evaluation.evaluation_result import Estimate
from tickgraph.lab.evaluation.metric_columns import MISSING, Mark, Metric, as_estimate, interval, mark, number


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text
        What is read first.
    note
        Second line, smaller: the interval.
    mark
        A remark beside the figure, such as ``not told apart from 0``.
    value
        The number unrounded, to sort by; None sorts last. Cells without one sort by their text.
    tag
        Kind of the row's forecaster, shown beside its name.
    """

    text: str
    note: str = ""
    mark: Mark | None = None
    value: float | None = None
    tag: str = ""
    is_number: bool = False


def figure_cell(figure: Estimate | float | None, metric: Metric) -> Cell:
    """Cell of a figure with its interval and mark; a dash where there is none."""
    estimate = as_estimate(figure)
    if estimate is None:
        return Cell(MISSING, is_number=True)
    return Cell(
        number(estimate.value, metric),
        interval(estimate, metric),
        mark(estimate, metric),
        estimate.value,
        is_number=True,
    )


@dataclass(frozen=True)
class Heading:
    """Heading of a column, and how to read what is under it."""

    label: str
    reading: str = ""
    is_number: bool = True


@dataclass(frozen=True)
class Table:
    """A table with headings; the first cell of a row names it.

    Attributes
    ----------
    caption, reading
        What it shows, and one line on how to read it.
    headings
        One per column; a reader sorts by them.
    variants
        Rows by the name of the choice that shows them. One entry: no choice is offered.
    choice
        What is chosen among the variants.
    """

    caption: str
    reading: str
    headings: Sequence[Heading]
    variants: Mapping[str, Sequence[Sequence[Cell]]]
    choice: str = ""


Column = tuple[str | Heading | Metric, Callable[[Any], Cell | str | Estimate | float | None]]
"""Heading of a column and what it shows of a row: a figure under a metric, words, or a cell."""


def table_of(
    caption: str,
    reading: str,
    columns: Sequence[Column],
    rows: Sequence[Any] | Mapping[str, Sequence[Any]],
    choice: str = "",
) -> Table:
    """Make a :class:`Table` of rows of any kind, or of a choice of them by name."""

    def heading(named: str | Heading | Metric) -> Heading:
        if isinstance(named, Metric):
            return Heading(named.label, named.reading)
        return Heading(named, is_number=False) if isinstance(named, str) else named

    def cell(named: str | Heading | Metric, value: Any) -> Cell:
        if isinstance(value, Cell):
            return value
        return figure_cell(value, named) if isinstance(named, Metric) else Cell(value)

    variants = rows if isinstance(rows, Mapping) else {"all": rows}
    return Table(
        caption,
        reading,
        [heading(named) for named, _ in columns],
        {
            name: [[cell(named, of(row)) for named, of in columns] for row in some]
            for name, some in variants.items()
        },
        choice,
    )


@dataclass(frozen=True)
class Plot:
    """A plot, its explanation, and the same in words for readers who cannot see it.

    Attributes
    ----------
    title, reading
        What it shows, and one line on how to read it.
    alternative
        The same in words, with the figures that matter.
    variants
        Plotly figures by the name of the choice that shows them. One entry: no choice is offered.
    choice
        What is chosen among the variants.
    """

    title: str
    reading: str
    alternative: str
    variants: Mapping[str, go.Figure]
    choice: str = "Figure"


@dataclass(frozen=True)
class Prose:
    """Sentences; as a list where there are several."""

    sentences: Sequence[str]


@dataclass(frozen=True)
class Callout:
    """A box that no reader may miss."""

    heading: str
    text: str


@dataclass(frozen=True)
class Facts:
    """Names and values."""

    rows: Mapping[str, str]
    folded: str = ""
    """Heading under which they are folded away; empty to show them."""


Part = Table | Plot | Prose | Callout | Facts


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    heading: str
    parts: Sequence[Part]
    introduction: str = ""

    @property
    def anchor(self) -> str:
        """Name to link to."""
        return "".join(c if c.isalnum() else "-" for c in self.heading.lower())


def evaluated_section(
    heading: str,
    introduction: str,
    findings: Sequence[str],
    parts: Sequence[Part],
    settings: Mapping[str, object],
    folded: str,
) -> Section:
    """A part of an evaluation: findings first, settings folded away under a heading of their own last."""
    found = [Prose(findings)] if findings else []
    facts = Facts({name: str(value) for name, value in settings.items()}, folded)
    return Section(heading, [*found, *parts, facts], introduction)


@dataclass(frozen=True)
class Masthead:
    """What stands above the first section."""

    summary: str
    facts: Mapping[str, str] = field(default_factory=dict)


def variants_as_data(variants: Mapping[str, Sequence[Sequence[Cell]]]) -> dict[str, Any]:
    """Rows of every variant for the page's script, in a short form: there may be thousands.

    A cell is ``[text, value, note, mark]`` without empty entries at its end. Its mark is a position in ``marks``.
    Values are for sorting and have 6 digits.
    """
    marks: list[Mark] = []

    def cell(made: Cell) -> list[Any]:
        if made.mark is not None and made.mark not in marks:
            marks.append(made.mark)
        place = None if made.mark is None else marks.index(made.mark)
        value = None if made.value is None else float(f"{made.value:.6g}")
        data = [made.text, value, made.note, place]
        while data[-1] is None or data[-1] == "":
            data.pop()
        return data

    rows = {name: [[cell(c) for c in row] for row in part] for name, part in variants.items()}
    return {"rows": rows, "marks": marks}
