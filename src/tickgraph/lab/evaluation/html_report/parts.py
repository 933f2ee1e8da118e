"""What a page of results is made of: sections that hold prose, facts, tables and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        What must be said beside the figure, such as ``not told apart from 0``; None for nothing.
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


@dataclass(frozen=True)
class Plot:
    """A plot, its explanation, and the words for who cannot see it.

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
    """Something no reader may miss."""

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


@dataclass(frozen=True)
class Masthead:
    """What stands above the first section."""

    summary: str
    facts: Mapping[str, str] = field(default_factory=dict)


def variants_as_data(variants: Mapping[str, Sequence[Sequence[Cell]]]) -> dict[str, Any]:
    """Rows of every variant for the page's script, short, for there may be thousands.

    A cell is ``[text, value, note, mark]`` without what is empty at its end; a mark is its place in ``marks``.
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
