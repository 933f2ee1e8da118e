"""Rows that a page quotes of another page's table: a comment says which, and this writes them below it.

Run ``python -m website.quoted_tables`` after the figures of a page have changed. A test fails until then.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"

_QUOTED = re.compile(
    r'(?P<mark><!-- rows of (?P<page>[\w./]+), "(?P<heading>[^"]+)", table (?P<number>\d+): (?P<rows>[^>]+?) -->\n\n)'
    r"(?P<table>(?:\|.*\n)+)"
)


def with_quoted_rows(markdown: str, read: Callable[[str], str]) -> str:
    """Write the quoted rows into a page; ``read`` gives the text of another page by its name."""

    def quote(found: re.Match[str]) -> str:
        wanted = [row.strip() for row in found["rows"].split(",")]
        lines = _table(read(found["page"]), found["heading"], int(found["number"]))
        rows = [line for line in lines[2:] if _first_cell(line) in wanted]
        if missing := set(wanted) - {_first_cell(line) for line in rows}:
            raise ValueError(f"{found['page']}, {found['heading']!r}: no row {sorted(missing)}")
        return found["mark"] + "\n".join([*lines[:2], *rows]) + "\n"

    return _QUOTED.sub(quote, markdown)


def _table(page: str, heading: str, number: int) -> list[str]:
    section = re.split(r"^#+ ", page.split(f" {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    tables: list[str] = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    return tables[number - 1].splitlines()


def _first_cell(line: str) -> str:
    return line.split("|")[1].strip(" *`")


def main() -> None:
    """Write the rows into every page that quotes some."""
    for page in DOCS.rglob("*.md"):
        text = page.read_text("utf-8")
        page.write_text(with_quoted_rows(text, lambda name: (DOCS / name).read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
