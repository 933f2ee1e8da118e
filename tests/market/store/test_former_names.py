"""Every method of a store takes a symbol under any of its names, and stores and answers under today's."""

from __future__ import annotations

import pytest

from made_prices import DAYS, Scripted, closes, closes_of, made_bars
from tickgraph.errors import SymbolError
from tickgraph.market.store import examine, repair
from tickgraph.market.store.layout import history_path
from tickgraph.market.store.verdict import FetchedRows
from tickgraph.market.store.writer import Addition

NAMES = ("META", "MSFT")


def test_what_is_read_under_a_former_name_is_todays(held):
    assert set(held.read("scripted", ["FB"])["symbol"]) == {"META"}
    assert held.panel("scripted", ["FB", "META", "MSFT"]).symbols == NAMES
    assert held.recent("scripted", ["FB"]).symbols == ("META",)
    assert held.stamp("scripted", "FB") == held.stamp("scripted", "META") is not None
    assert held.stored("scripted", "FB") == held.info("scripted")[0]
    assert held.source_of("FB", "sample") == "scripted"
    assert examine(held, "scripted", ["FB"]).last == {"META": DAYS[40].item()}


def test_what_is_appended_or_replaced_under_a_former_name_is_todays(held):
    rows = FetchedRows.of(made_bars(["FB"], 43)).after("FB", DAYS[40].item())
    with held.writing("scripted") as writer:
        writer.append({"FB": Addition(rows, "scripted")})
    assert held.stored("scripted", "META").last == DAYS[42].item()
    assert (
        held.read("scripted", ["META"])["close"].tolist()[-2:] == made_bars(["FB"], 43)["close"].tolist()[-2:]
    )
    whole = made_bars(["META"], 44, scale=2)
    with held.writing("scripted") as writer:
        writer.replace("FB", whole.assign(symbol="FB"), "scripted")
    assert closes(held, ["META"]) == closes_of(whole)
    assert held.symbols("scripted") == NAMES
    assert not [found for found in examine(held, "scripted").findings if found.severity == "error"]


def test_an_update_and_a_repair_ask_for_a_former_name_under_todays(held, source):
    source.bars = made_bars(NAMES, 43)
    assert held.update(source, ["FB"]).added == {"META": 2}
    (held.root / "scripted" / "META.parquet").write_bytes(b"torn")
    assert repair(held, source, ["FB"]).rebuilt == {"META": "damaged file"}
    assert closes(held, ["META"]) == closes_of(made_bars(["META"], 43))


def test_a_history_written_under_a_former_name_is_readable(store):
    store.write("scripted", made_bars(["FB"], 40))
    assert closes(store, ["META"]) == closes_of(made_bars(["FB"], 40).assign(symbol="META"))
    store.update(Scripted(made_bars(["META"], 40)), ["META"])


@pytest.mark.parametrize("name", ["../AAPL", "aapl", ".AAPL", "A/B", ""])
def test_no_path_is_made_of_what_is_not_spelled_as_a_symbol(tmp_path, name):
    with pytest.raises(SymbolError, match="is not a symbol as the price store writes it"):
        history_path(tmp_path, name)
