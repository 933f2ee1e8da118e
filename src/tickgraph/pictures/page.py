"""One HTML file that asks nobody for anything: no script, no request, both themes, any width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser lets the page do; a name that slipped through escaping would still do nothing."""


def page(title: str, summary: str, parts: Iterable[str], notes: Iterable[str] = ()) -> str:
    """Make a document.

    Parameters
    ----------
    title, summary
        Text, the first heading and what stands below it.
    parts
        HTML, in reading order.
    notes
        Text; what a reader should know of the figures.
    """
    listed = "".join(f"<li>{escape(each)}</li>" for each in notes)
    style = resources.files("tickgraph.pictures").joinpath("page.css").read_text("utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="summary">{escape(summary)}</p>
{"".join(parts)}
{f'<ul class="notes">{listed}</ul>' if listed else ""}
</main>
</body>
</html>
"""


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, Sequence[str]]],
    *,
    emphasised: str | None = None,
) -> str:
    """Make a table in a box that scrolls by itself.

    Parameters
    ----------
    caption
        Text.
    columns
        HTML of the heads, that of the row's own first.
    rows
        Text of the row's head, and its cells: whole ``td`` elements.
    emphasised
        Head of the row that is set apart.
    """
    mark = ' class="now"'
    heads = "".join(f'<th scope="col">{each}</th>' for each in columns)
    body = "".join(
        f'<tr{mark if head == emphasised else ""}><th scope="row">{escape(head)}</th>{"".join(cells)}</tr>\n'
        for head, cells in rows
    )
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def cell(text: str, share: float | None = None, *, opposite: bool = False) -> str:
    """Make a cell with a figure.

    Parameters
    ----------
    text
        What it says.
    share
        How deep its colour is, 0 to 1; None for no colour.
    opposite
        Whether the colour is that of what is below nothing.
    """
    if share is None:
        return f"<td>{escape(text)}</td>"
    kind = "low" if opposite else "high"
    return f'<td class="{kind}" style="--deep:{min(max(share, 0.0), 1.0):.0%}">{escape(text)}</td>'
