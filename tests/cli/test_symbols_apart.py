"""Symbols that end apart from the others and a fund that keeps its price, from a file to the exit code."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tickgraph.market.calendar import sessions
from tickgraph.market.store import PriceStore, examine

DAYS = sessions("2021-06-01", "2022-12-30")[-260:]


@pytest.fixture
def prices(tmp_path):
    """Five symbols with one factor, of which ALFA reaches one session more, and VMFXX, which is always at 1.00."""
    random, parts = np.random.default_rng(3), []
    market = random.normal(0, 0.01, len(DAYS))
    for symbol in ("ALFA", "BRVO", "CHRL", "DLTA", "ECHO", "VMFXX"):
        close = np.round(50 * np.exp(np.cumsum(market + random.normal(0, 0.01, len(DAYS)))), 2)
        close = np.ones(len(DAYS)) if symbol == "VMFXX" else close
        bars = pd.DataFrame({"symbol": symbol, "date": DAYS.astype("datetime64[us]"), "volume": 1000})
        bars[["open", "high", "low", "close", "adj_close"]] = np.repeat(close[:, None], 5, axis=1)
        parts.append(bars if symbol == "ALFA" else bars.iloc[:-1])
    path = tmp_path / "prices.parquet"
    pd.concat(parts, ignore_index=True).to_parquet(path)
    return path


def test_train_and_refresh_go_on_without_the_fund_and_say_what_falls_out(
    command, prices, tmp_path, monkeypatch
):
    (tmp_path / "tickgraph.toml").write_text(
        f'source = "files"\nsource_path = "{prices}"\nuniverse = ["ALFA", "BRVO", "VMFXX"]\n'
        "[training]\nsessions = 150\nmin_sessions = 100\nepochs = 1\nnum_stocks = 4\nhidden_dim = 8\nhorizons = []\n"
    )
    monkeypatch.setenv("TICKGRAPH_CONFIG", str(tmp_path / "tickgraph.toml"))
    where = ["--prices-dir", tmp_path / "p", "--models-dir", tmp_path / "m", "--json"]
    code, out, _ = command("train", "--symbols", "ALFA,BRVO,VMFXX", *where)
    said = json.loads(out)
    assert code == 3
    assert set(said["trained"]) == {"ALFA", "BRVO"}
    assert {len(m["training_config"]["correlated_symbols"]) for m in said["trained"].values()} == {3}
    assert {m["data_stats"]["last_session"] for m in said["trained"].values()} == {"2022-12-29"}
    assert (
        "VMFXX has not moved in the 210 sessions up to 2022-12-29: there is nothing"
        in said["failed"]["VMFXX"]
    )
    assert any("Prices of ALFA reach 2022-12-30" in text for text in said["notes"])

    code, out, err = command("refresh", *where)
    run = json.loads(out)["run"]
    assert code == 3
    assert {s for s, one in run["symbols"].items() if one["training"] == "failed"} == {"VMFXX"}
    assert "has not moved" in run["symbols"]["VMFXX"]["errors"][0]
    assert any("Prices of ALFA reach 2022-12-30" in text for text in run["notes"])
    code, _, err = command("refresh", *where[:-1])
    assert "note: Prices of ALFA reach 2022-12-30" in err

    found = {
        one.symbol: one
        for one in examine(PriceStore(tmp_path / "p"), "files").findings
        if "others" in one.kind
    }
    assert set(found) == {"ALFA"}, "and not the five others"
    assert found["ALFA"].detail.startswith("ends 1 session after others, which reach 2022-12-29")

    code, out, _ = command("predict", "BRVO", *where)
    assert code == 0
    assert not any("peers" in text for text in json.loads(out)["notes"])
