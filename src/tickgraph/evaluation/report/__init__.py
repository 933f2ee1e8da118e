"""The report of an evaluation: one self-contained HTML page, and the same as JSON."""

from tickgraph.evaluation.report.files import read_result, render, write_report
from tickgraph.evaluation.report.page import page
from tickgraph.evaluation.report.parts import (
    Callout,
    Cell,
    Facts,
    Heading,
    Masthead,
    Plot,
    Prose,
    Section,
    Table,
    figure_cell,
)

__all__ = [
    "Callout",
    "Cell",
    "Facts",
    "Heading",
    "Masthead",
    "Plot",
    "Prose",
    "Section",
    "Table",
    "figure_cell",
    "page",
    "read_result",
    "render",
    "write_report",
]
