"""What docs/symbols.md says of symbols is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tickgraph.errors import SymbolError
from tickgraph.market.spelling import EXCHANGES, MARKS
from tickgraph.market.universe import canonical, renamings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "symbols.md").read_text()


def rows(heading):
    """Cells of the first table under a heading."""
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells] for cells in table[1:]]


def codes(cell):
    return [code.strip() for code in re.findall(r"`([^`]*)`", cell)]


def test_every_spelling_gives_what_the_table_says():
    tried = 0
    for written, name, _ in rows("Spellings"):
        for spelling in codes(written):
            assert canonical(spelling) == (codes(name) or [spelling])[0].upper(), spelling
            tried += 1
    assert tried > 20


def test_the_table_of_exchanges_is_the_data():
    table = rows("Exchanges")
    assert [place for place, *_ in table] == [one.place for one in EXCHANGES.values()]
    for (_, calendar, *cells), one in zip(table, EXCHANGES.values(), strict=True):
        assert codes(calendar) == ([one.name] if one.has_calendar else [])
        for way, cell in zip(("dot", "space", "hyphen", "colon"), cells, strict=True):
            known = [mark for mark, name in MARKS[way].items() if name == one.name and mark != one.name]
            assert {*codes(cell)} - {one.name} == {*known}, (one.name, way)


def test_the_table_of_former_names_is_the_data():
    table = [
        (codes(former)[0], codes(today)[0], since) for former, today, since in rows("Names that change hands")
    ]
    assert table == [(former, one.today, str(one.since)) for former, one in renamings().items()]


@pytest.mark.parametrize(
    "written", ["^GSPC", ".SPX", "$SPX", "ES=F", "EURUSD=X", "BTC-USD", "PRN", "VOD.L", "MKC.V", "VOD-GB"]
)
def test_what_is_said_to_be_refused_is(written):
    assert f"`{written}`" in DOCUMENT
    with pytest.raises(SymbolError):
        canonical(written)
