"""What prices have wrong with them is said by every command that takes them, the worst first and never without end."""

from __future__ import annotations

import json

import pytest

from made_prices import walk
from tickgraph.cli.price_findings import LINES, NAMED, lines_of, show_findings
from tickgraph.market.quality import Finding
from tickgraph.wording import listed

BOTH = ["close", "adj_close"]
SETTINGS = """
source = "files"
source_path = "prices.csv"
universe = ["ALFA", "BRVO"]
workers = 1

[training]
epochs = 1
horizons = []
sessions = 100
min_sessions = 100
"""


def finding(symbol, kind="gap", severity="warning", size=0.0, **more):
    return Finding(symbol, kind, "2022-01-03", "as it is", severity, size=size, **more)


def test_errors_come_first_then_what_is_left_out_then_the_largest_moves():
    found = [
        finding("AAA", "no volume", count=400),
        finding("BBB", "large move", size=0.8),
        finding("CCC", "split-like jump", size=4.6),
        finding("DDD", "implausible price", size=0.5, left_out=True),
        finding("EEE", "negative volume", "error"),
        finding("FFF", "implausible level", "error", size=4.6),
    ]
    assert [line.text[:3] for line in lines_of(found)] == ["FFF", "EEE", "DDD", "CCC", "BBB", "AAA"]


def test_what_many_symbols_have_is_three_lines_and_a_count():
    found = [finding(f"S{place:03d}", "not a session", "error", count=300 - place) for place in range(300)]
    lines = [line.text for line in lines_of(found)]
    assert len(lines) == 4
    assert lines[0].startswith("S000 2022-01-03: not a session")
    assert (
        lines[3]
        == f"not a session: 297 more symbols: {listed([f'S{place:03d}' for place in range(3, 300)], NAMED)}"
    )
    assert lines[3].endswith("S012 and 287 more")


def test_a_list_cut_short_says_how_many_more_there_are(capsys):
    show_findings(
        [finding(f"S{place}", f"fault {place}", "error" if place else "warning") for place in range(40)]
    )
    err = capsys.readouterr().err
    assert err.count("failed:") == LINES
    assert "and 19 more errors, 1 more warning in prices; --json has all" in err


@pytest.fixture
def site(tmp_path):
    """Files of which one symbol has a slip before the window of training, and one another unit from its middle on."""
    (tmp_path / "tickgraph.toml").write_text(SETTINGS)
    bars = walk(["ALFA", "BRVO", "CHRL", "DLTA"], 260)
    bars.loc[40, BOTH] *= 100
    bars.loc[260 + 100 : 519, BOTH] *= 0.01
    bars.to_csv(tmp_path / "prices.csv", index=False)
    return tmp_path, f"{bars['date'][40]:%Y-%m-%d}", f"{bars['date'][100]:%Y-%m-%d}"


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "prices" / "files").rglob("*.parquet")}


def test_refresh_says_what_it_left_out_and_writes_unchanged_files_once(command, site):
    folder, slip, level = site
    code, _, err = command("refresh")
    assert code == 3
    assert f"failed: BRVO {level}: implausible level: adj_close went from" in err
    assert f"note: ALFA {slip}: implausible price: close" in err
    assert "; left out" in err
    written = files(folder)
    assert set(written) == {"ALFA.parquet", "CHRL.parquet", "DLTA.parquet"}
    code, out, err = command("refresh", "--json")
    run = json.loads(out)["run"]
    assert code == 3
    assert {symbol: done["sessions_added"] for symbol, done in run["symbols"].items()} == dict.fromkeys(
        ["ALFA", "BRVO", "CHRL", "DLTA"], 0
    )
    assert files(folder) == written
    assert [(f["kind"], f["left_out"]) for f in run["symbols"]["ALFA"]["findings"]] == [
        ("implausible price", True)
    ]
    assert run["symbols"]["BRVO"]["findings"][0]["severity"] == "error"


def test_train_says_it_too_and_as_json(command, site):
    _, slip, level = site
    code, out, err = command("train", "--symbols", "ALFA", "--json")
    assert code == 0
    assert f"failed: BRVO {level}: implausible level" in err
    assert f"note: ALFA {slip}: implausible price" in err
    found = {f["symbol"]: f for f in json.loads(out)["findings"]}
    assert (found["ALFA"]["kind"], found["ALFA"]["session"]) == ("implausible price", slip)
    code, _, err = command("train", "--symbols", "BRVO")
    assert code == 4
    assert f"BRVO {level}: implausible level" in err


def test_predict_has_them_in_its_json(command, site):
    _, slip, _ = site
    code, out, err = command("predict", "ALFA", "--json")
    assert code == 0, err
    assert f"note: ALFA {slip}: implausible price" in err
    assert [(f["kind"], f["session"]) for f in json.loads(out)["findings"]] == [("implausible price", slip)]
    code, out, _ = command("predict", "ALFA", "CHRL", "--json")
    assert (code, json.loads(out)["findings"]) == (0, [])


def test_import_and_check_say_the_same_and_a_setting_keeps_all(command, site, monkeypatch):
    _, slip, level = site
    code, _, err = command("prices", "import", "prices.csv")
    assert code == 3
    assert f"BRVO {level}: implausible level" in err
    assert f"ALFA {slip}: implausible price" in err
    code, out, _ = command("prices", "check", "prices.csv")
    assert code == 4
    assert out.index("implausible level") < out.index("implausible price")
    monkeypatch.setenv("TICKGRAPH_IMPLAUSIBLE", "keep")
    code, out, _ = command("prices", "import", "prices.csv", "--json")
    document = json.loads(out)
    assert (code, document["failures"], document["added"]["ALFA"]) == (0, {}, 1)
    assert {f["severity"] for f in document["findings"]} == {"warning"}


def test_a_setting_that_is_none_of_the_three_is_refused(command, monkeypatch):
    monkeypatch.setenv("TICKGRAPH_IMPLAUSIBLE", "maybe")
    code, _, err = command("prices", "show")
    assert code == 2
    assert "implausible" in err
