"""Tables of figures for a terminal, all of one look."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text


def figures_table(title: str, caption: str, named: str, figures: Iterable[str]) -> Table:
    """An empty table: a column of names, folded at 30 characters, and columns of figures."""
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
