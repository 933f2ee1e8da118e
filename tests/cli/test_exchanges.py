"""London from import to status: what all commands make of prices of another exchange."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tickgraph.market import calendar
from tickgraph.registry.registry import ModelRegistry

SYMBOLS = ("ALFA", "BETA", "GAMA")


@pytest.fixture
def london(tmp_path):
    """A file of London, up to its last session."""
    calendar.use_exchange("XLON")
    last = calendar.last_completed_session()
    days = calendar.sessions(last - np.timedelta64(500, "D"), last)[-300:]
    calendar.use_exchange("XNYS")
    moves = np.random.default_rng(0).normal(0, 0.01, (len(days), len(SYMBOLS)))
    closes = 50 * np.exp((moves + moves.mean(axis=1, keepdims=True)).cumsum(axis=0))
    bars = [
        pd.DataFrame({"symbol": symbol, "date": days.astype(str), "close": close, "volume": 1000.0})
        for symbol, close in zip(SYMBOLS, closes.T, strict=True)
    ]
    pd.concat(bars).to_csv(tmp_path / "london.csv", index=False)
    return tmp_path / "london.csv"


def test_prices_of_london_go_all_the_way(command, london, tmp_path):
    code, out, err = command("prices", "import", london)
    assert code == 4, out + err  # they are of no sessions of New York
    assert command("prices", "check", london, "--exchange", "XLON")[0] == 0
    assert command("prices", "import", london, "--exchange", "XLON")[0] == 0
    (tmp_path / "tickgraph.toml").write_text(
        f'exchange = "XLON"\nsource_path = "{london.as_posix()}"\n'
        "[training]\nepochs = 1\nsessions = 200\nmin_sessions = 150\nhorizons = []"
    )
    code, out, err = command("train", "-s", "ALL", "--peer-pool", "ALFA,BETA,GAMA")
    assert "3 trained, 0 failed" in out, err
    code, out, err = command("predict", "ALFA", "--json")
    forecast, last = json.loads(out), str(pd.read_csv(london)["date"].max())
    calendar.use_exchange("XLON")
    assert (forecast["as_of"], forecast["stale"]) == (last, False)
    assert forecast["target_session"] == str(calendar.next_session(last))
    code, out, err = command("refresh")
    assert (code, "3 already current, 0 failed" in out) == (0, True), out + err
    assert command("prices", "check")[0] == 0
    code, out, err = command("status", "--json")
    assert {each["state"] for each in json.loads(out)["symbols"].values()} == {"ok"}, out
    code, out, err = command("schedule", "--dry-run")
    assert "06:00 GMT" in out or "06:00 BST" in out

    # The same folders under another exchange: nothing is served, trained or written over.
    other = ("--exchange", "XTKS")
    for words in (
        ("predict", "ALFA"),
        ("train", "-s", "ALFA"),
        ("status",),
        ("prices", "show"),
        ("prices", "check"),
    ):
        code, out, err = command(*words, *other)
        assert (code, "--exchange XLON" in err) == (2, True), words
    code, out, err = command("refresh", *other, "--prices-dir", tmp_path / "tokyo")
    assert (code, "of the exchange XLON" in err) == (3, True)
    kept = ModelRegistry(tmp_path / "models/gnn").generation("ALFA")
    code, out, err = command("train", "-s", "ALFA", "--exchange", "24/5", "--prices-dir", tmp_path / "coins")
    assert (code, "The model of ALFA" in err, "--models-dir" in err) == (2, True, True), out + err
    assert ModelRegistry(tmp_path / "models/gnn").generation("ALFA") == kept
    code, out, err = command("predict", "ALFA", "--exchange", "24/5", "--prices-dir", tmp_path / "coins")
    assert (code, "The model of ALFA" in err) == (2, True), out + err


def test_a_simulation_of_another_exchange_is_refused(command, tmp_path):
    (tmp_path / "tickgraph.toml").write_text('exchange = "XLON"')
    code, _, err = command("simulate")
    assert (code, "replays sessions of New York" in err) == (2, True)
