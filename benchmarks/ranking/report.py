"""The ranking benchmark as people read it: a page, its JSON, and a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go
from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable

from benchmarks.ranking.conclusions import OURS
from benchmarks.ranking.published import PublishedTable
from benchmarks.ranking.result import RankingResult, RankingRow, Scores
from tickgraph.lab.evaluation.html_report.figures import forest
from tickgraph.lab.evaluation.html_report.page import page
from tickgraph.lab.evaluation.html_report.parts import (
    Cell,
    Heading,
    Masthead,
    Plot,
    Prose,
    Section,
    Table,
    figure_cell,
    table_of,
)
from tickgraph.lab.evaluation.html_report.style import PALETTE, Style
from tickgraph.lab.evaluation.metric_columns import IC, ICIR, Metric
from tickgraph.storage import READABLE, write_atomically

PRECISION = Metric("prec@10", "Share of the ten highest forecasts whose return is not negative.", decimals=3)
VALIDATION = Metric("Validation IC", "Of the epoch chosen, mean over seeds.", decimals=4)
SHARPE = Metric("SR", "Daily mean over deviation of the five highest forecasts, times 15.87.", decimals=2)

_SCALES = {
    "published": "file's scale (looks ahead)",
    "causal": "causal",
}


def write_benchmark(result: RankingResult, folder: Path) -> tuple[Path, Path]:
    """Write ``benchmark.html`` and ``benchmark.json``, each whole or not at all; :class:`StorageError` if not."""
    html, figures = folder / "benchmark.html", folder / "benchmark.json"
    write_atomically(figures, (result.model_dump_json(indent=2) + "\n").encode(), mode=READABLE)
    write_atomically(html, render(result).encode(), mode=READABLE)
    return html, figures


def render(result: RankingResult) -> str:
    """The page as one HTML document that needs no network."""
    return page(f"Ranking benchmark: {result.market}", _sections(result), _masthead(result))


def summary_table(result: RankingResult) -> RichTable:
    """Rows of both scalings and the published ones, highest IC first, for a terminal of 100 columns."""
    table = RichTable(
        title=f"{result.market}: {result.days['test']} test days, {result.stocks} stocks",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("model", no_wrap=True)
    table.add_column("inputs", no_wrap=True)
    for name in ("IC", "95 %", "ICIR", "prec@10", "SR"):
        table.add_column(name, justify="right", no_wrap=True)
    lines = [(row.scores.ic, _line(row)) for row in result.rows]
    for row in result.published.rows if result.published else ():
        precision = "" if row.precision is None else f"{row.precision:.3f}"
        sharpe = "" if row.sharpe is None else f"{row.sharpe:.2f}"
        cells = (row.model, "as published", f"{row.ic:.3f}", "", f"{row.icir:.3f}", precision, sharpe)
        lines.append((row.ic, cells))
    for _, line in sorted(lines, key=lambda line: -line[0]):
        table.add_row(*line, style="bold" if line[0] == OURS else None)
    return table


def _line(row: RankingRow) -> tuple[str, ...]:
    low, high = row.ic.low, row.ic.high
    return (
        row.model,
        _SCALES[row.scaling],
        f"{row.scores.ic:.4f}",
        "" if low is None or high is None else f"{low:.3f} to {high:.3f}",
        f"{row.scores.icir:.3f}",
        f"{row.scores.precision:.3f}",
        f"{row.scores.sharpe:.2f}",
    )


def _masthead(result: RankingResult) -> Masthead:
    return Masthead(
        "Every epoch was chosen on validation days; the test days are forecast with the epoch chosen, and no other.",
        {
            "File": f"{result.source}, sha256 {result.sha256[:12]}",
            "Stocks": str(result.stocks),
            "Days": ", ".join(f"{part} {count}" for part, count in result.days.items()),
            "Survivorship": "The file holds stocks that were listed throughout: companies that went under are "
            "not in it, so every figure is of survivors.",
        },
    )


def _sections(result: RankingResult) -> list[Section]:
    published = [] if result.published is None else [_published(result.published)]
    return [
        Section("Findings", [Prose(result.findings)]),
        Section("Rows", [_rows(result), *published, _intervals(result, "IC"), _intervals(result, "ICIR")]),
        Section("Paired differences", [_differences(result)]),
        Section("What chance gives", [_chance(result)]),
    ]


def _rows(result: RankingResult) -> Table:
    return table_of(
        "Rows of this harness",
        "Averages over seeds, with 95 % block-bootstrap intervals over days. Rows on the file's scale share the "
        "look-ahead of the published rows; causal rows are what could be traded.",
        [
            ("Model", lambda row: Cell(row.model, row.description, tag=row.kind)),
            ("Inputs", lambda row: _SCALES[row.scaling]),
            (IC, lambda row: row.ic),
            (ICIR, lambda row: row.icir),
            (PRECISION, lambda row: row.scores.precision),
            (SHARPE, lambda row: row.scores.sharpe),
            (VALIDATION, lambda row: sum(one.ic for one in row.validation) / len(row.validation)),
            (Metric("Seconds", "", decimals=0), lambda row: row.seconds),
        ],
        result.rows,
    )


def _published(table: PublishedTable) -> Table:
    return table_of(
        f"The published rows, {table.market}",
        "StockMixer (AAAI 2024), Table 2. Its models read the file's own scale.",
        [
            ("Model", lambda row: row.model),
            (IC, lambda row: row.ic),
            (ICIR, lambda row: row.icir),
            (PRECISION, lambda row: row.precision),
            (SHARPE, lambda row: row.sharpe),
        ],
        table.rows,
    )


def _intervals(result: RankingResult, name: str) -> Plot:
    metric = IC if name == "IC" else ICIR
    variants: dict[str, go.Figure] = {}
    words = []
    for scaling, label in _SCALES.items():
        rows = [row for row in result.rows if row.scaling == scaling]
        if not rows:
            continue
        entries = [
            (
                Style(row.model, "model", PALETTE[i % len(PALETTE)], "solid", "circle", shown=True),
                row.ic if name == "IC" else row.icir,
            )
            for i, row in enumerate(rows)
        ]
        variants[label] = forest(entries, metric)
        words += [f"{style.name} ({label}) {estimate.value:.4f}" for style, estimate in entries]
    return Plot(
        f"{name} by model",
        "Whiskers are 95 % intervals over test days; one that crosses the dashed line is not told apart from 0.",
        f"{name}: " + ", ".join(words) + ".",
        variants,
        choice="Inputs",
    )


def _differences(result: RankingResult) -> Table:
    return table_of(
        f"{OURS} less each other row",
        "On the same days; an interval that holds 0 does not tell the two apart.",
        [
            ("Against", lambda gap: gap.second),
            ("Inputs", lambda gap: _SCALES[gap.scaling]),
            (IC, lambda gap: gap.ic),
            (ICIR, lambda gap: gap.icir),
        ],
        result.differences,
    )


def _chance(result: RankingResult) -> Table:
    chance = result.random
    columns = {"ic": IC, "icir": ICIR, "precision": PRECISION, "sharpe": SHARPE}

    def of(part: Scores) -> Callable[[str], Cell]:
        return lambda column: figure_cell(getattr(part, column), columns[column])

    return table_of(
        f"{chance.count} forecasts that know nothing, scored on the same days",
        "A figure inside the range is what luck gives.",
        [
            ("Column", lambda column: columns[column].label),
            (Heading("2.5 %"), of(chance.low)),
            (Heading("Median"), of(chance.median)),
            (Heading("97.5 %"), of(chance.high)),
        ],
        tuple(columns),
    )
