"""Something else in the place of a price file: its symbol alone fails, and repair mends it or says why not."""

from __future__ import annotations

import os
import tracemalloc

import pytest

from made_prices import DAYS
from placed import KINDS, put
from tickgraph.errors import PriceDataError
from tickgraph.market.store import examine, repair
from tickgraph.market.store.history import MAX_HISTORY_BYTES

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX files")

NAMES = ("AAPL", "JPM")


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind != "a link to nothing"]
)  # that is no history
def test_one_history_that_is_no_file_is_found_beside_the_others_and_repaired_or_named(held, source, kind):
    put(kind, held.root / "scripted" / "AAPL.parquet")
    found = examine(held, "scripted")
    assert found.last == {"JPM": DAYS[40].item()}
    assert "AAPL" in {finding.symbol for finding in found.findings if finding.severity == "error"}
    with pytest.raises(PriceDataError, match=r"AAPL\.parquet"):
        held.panel("scripted", ("AAPL",))
    assert held.panel("scripted", ("JPM",)).sessions[-1] == DAYS[40]
    report = repair(held, source)
    if kind in ("a folder", "a link out of the folder", "a link to a device that never ends"):
        assert "AAPL.parquet" in report.failures["AAPL"]  # what else lies there is a person's to remove
    else:
        assert held.panel("scripted", NAMES).sessions[-1] == DAYS[40]


def test_recent_sessions_that_link_to_themselves_are_found_and_repaired(held, source):
    put("a link to itself", held.root / "scripted" / "recent" / "sessions.parquet")
    assert [finding.severity for finding in examine(held, "scripted").findings].count("error") > 0
    repair(held, source)
    assert held.panel("scripted", NAMES).sessions[-1] == DAYS[40]


def test_a_history_far_too_large_is_refused_before_it_is_read(held):
    os.truncate(held.root / "scripted" / "AAPL.parquet", MAX_HISTORY_BYTES + 1)
    tracemalloc.start()
    try:
        with pytest.raises(PriceDataError, match="damaged or foreign"):
            held.panel("scripted", ("AAPL",))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MAX_HISTORY_BYTES / 2
