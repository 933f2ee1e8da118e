"""The report of an evaluation: one self-contained HTML page, and the same as JSON."""

from tickgraph.lab.evaluation.html_report.page import page
from tickgraph.lab.evaluation.html_report.parts import (
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
from tickgraph.lab.evaluation.html_report.report_files import read_result, render, write_report

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
