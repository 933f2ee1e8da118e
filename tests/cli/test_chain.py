"""``tickgraph chain``."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest

import tickgraph

DOCS = Path(__file__).parents[2] / "docs"
CHAINS = Path(__file__).parents[1] / "options" / "chains"
GRID = ("chain", "AAPL", "--expiries", "2023-01-20,2023-02-17", "--strikes", "110:150:5", "--price", "130")


def test_every_expiry_has_a_table_of_strikes(run):
    code, out, _ = run(*GRID)
    assert code == 0
    for text in (
        "AAPL: option chain",
        "130.00  (request)",
        "around the forward, at a rate of 0.0%",
        "2023-01-20: 13 sessions, volatility",
        "2023-02-17: 33 sessions, volatility",
        "P(above)",
        "P(touch)",
    ):
        assert text in out, text
    assert "implied" not in out
    strikes = [line.split()[0] for line in out.splitlines() if "% " in line and ".00 " in line]
    assert strikes == [f"{strike}.00" for strike in range(110, 151, 5)] * 2


def test_as_json_it_is_one_document(run):
    code, out, _ = run(*GRID, "--rate", "0.04", "--centred-on", "forecast", "--json")
    document = json.loads(out)
    assert (code, document["rate"], document["centred_on"]) == (0, 0.04, "forecast")
    assert [row["strikes"][::4] for row in document["expiries"]] == [[110, 130, 150]] * 2
    assert all(len(row["call_values"]) == 9 for row in document["expiries"])


def test_it_is_saved_with_a_row_a_strike(run, tmp_path):
    code, _, err = run(*GRID, "--save", str(tmp_path / "chain.csv"))
    _, out, _ = run(*GRID, "--json")
    rows = list(csv.DictReader((tmp_path / "chain.csv").read_text().splitlines()))
    assert (code, len(rows)) == (0, 18)
    assert "18 strikes written to" in err
    first = json.loads(out)["expiries"][0]
    assert [float(row["probability_above"]) for row in rows[:9]] == first["probability_above"]
    assert (rows[0]["symbol"], rows[0]["expiry"], rows[0]["implied_volatility"]) == ("AAPL", "2023-01-20", "")


@pytest.mark.parametrize("name", ["cboe", "thinkorswim"])
def test_a_file_brings_the_market(run, name):
    code, out, _ = run(
        "chain", "AAPL", "--file", str(CHAINS / f"{name}.csv"), "--rate", "0.043", "--price", "130"
    )
    assert code == 0
    for text in ("implied vol.", "market P(above)", "difference", "2023-01-20", "2023-02-17"):
        assert text in out, text


def test_expiries_choose_among_those_of_a_file(run):
    asked = ("chain", "AAPL", "--file", str(CHAINS / "cboe.csv"), "--json")
    _, out, _ = run(*asked, "--expiries", "2023-02-17")
    assert [row["expiry"] for row in json.loads(out)["expiries"]] == ["2023-02-17"]
    code, _, err = run(*asked, "--expiries", "2023-03-17")
    assert (
        code,
        "has no options that expire on 2023-03-17. It has those of 2023-01-20, 2023-02-17" in err,
    ) == (2, True)


def test_expiries_of_a_file_that_cannot_be_forecast_are_left_out_with_a_note(run, tmp_path):
    far = (CHAINS / "plain.csv").read_text() + "2023-12-15;call;125;9\n2022-12-16;call;125;9\n"
    (tmp_path / "far.csv").write_text(far)
    code, out, err = run("chain", "AAPL", "--file", str(tmp_path / "far.csv"), "--json")
    assert [row["expiry"] for row in json.loads(out)["expiries"]] == ["2023-01-20"]
    assert "2 expiries left out (2022-12-16, 2023-12-15): expiry 2022-12-16 is not after" in err
    (tmp_path / "far.csv").write_text("expiry,type,strike,mid\n2023-12-15,call,125,9\n")
    code, _, err = run("chain", "AAPL", "--file", str(tmp_path / "far.csv"))
    assert (code, "expiry must be 2023-04-03 at the latest" in err) == (2, True)


def test_quotes_of_a_file_that_no_volatility_gives_are_left_out_with_a_note(run, tmp_path):
    (tmp_path / "odd.csv").write_text(
        "expiry,type,strike,mid\n2023-01-20,call,100,20\n2023-01-20,call,140,1\n"
    )
    _, out, err = run("chain", "AAPL", "--file", str(tmp_path / "odd.csv"), "--price", "130")
    assert "1 mid price is left out: no volatility gives it" in err
    assert " - " in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["AAPL"],
            2,
            "Give --expiries and --strikes, such as: --expiries 2023-01-20 --strikes 110:150:5, or --file",
        ),
        (
            ["AAPL", "--expiries", "2023-01-20", "--strikes", "150:110:5"],
            2,
            "--strikes 150:110:5 is no range",
        ),
        (["AAPL", "--expiries", "2023-01-20", "--strikes", "1:100000:1"], 2, "10,000 strikes are the most"),
        (["AAPL", "--expiries", "2023-01-20", "--strikes", "0"], 2, "Strike must be"),
        (["AAPL", "--expiries", "2023-01-20", "--strikes", "110-150"], 2, "write a range as first:last:step"),
        (["AAPL", "--expiries", "2023-01-20", "--strikes", ","], 2, "--strikes is empty"),
        (["AAPL", "--expiries", "2023-01-21", "--strikes", "130"], 2, "no session of XNYS"),
        (["AAPL", "--expiries", "soon", "--strikes", "130"], 2, "expiry must be a day"),
        (
            ["AAPL", "--expiries", "2023-01-20", "--strikes", "130", "--rate", "4.3"],
            2,
            "rate must be a share a year",
        ),
        (
            ["AAPL", "--expiries", "2023-01-20", "--strikes", "130", "--centred-on", "x"],
            2,
            "centred_on must be",
        ),
        (["AAPL", "--file", "nothing.csv"], 2, "There is no file nothing.csv"),
        (["MSFT", "--file", str(CHAINS / "cboe.csv")], 2, "has options of AAPL, and MSFT was asked for"),
        (
            ["AAPL", "--file", str(CHAINS / "cboe.csv"), "--strikes", "130"],
            2,
            "--file has strikes of its own",
        ),
        (["AAPL", "--file", __file__], 4, "no line names the columns of an option chain"),
        (["XOM", "--expiries", "2023-01-20", "--strikes", "130"], 5, "tickgraph train --symbols XOM"),
        (["TIER_1", "--expiries", "2023-01-20", "--strikes", "130"], 2, "A chain is of one symbol"),
    ],
)
def test_what_cannot_be_asked_ends_with_its_exit_code(run, words, code, said):
    ended, _, err = run("chain", *words)
    assert (ended, said in " ".join(err.split())) == (code, True), err


def section(page, heading):
    return (DOCS / page).read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("page", "heading"), [("options.md", "Chains"), ("commands.md", "An option chain")], ids=lambda each: each
)
def test_the_documented_commands_do_what_they_say(run, tmp_path, monkeypatch, page, heading):
    monkeypatch.chdir(tmp_path)
    lines = re.search(r"```sh\n(.*?)```", section(page, heading), re.DOTALL)[1].splitlines()
    commands = [shlex.split(line, comments=True) for line in lines]
    assert len(commands) == 2
    for _, *words in commands:
        assert run(*words)[0] == 0
    assert len((tmp_path / "chain.csv").read_text().splitlines()) == 4


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(("page", "printed"), [("options.md", 3), ("python.md", 2)])
def test_the_documented_python_does_what_it_says(capsys, page, printed):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    code = next(block for block in blocks if ".chain(" in block)
    exec(code, {"forecaster": tickgraph.load()})  # noqa: S102  as a reader would
    assert len(capsys.readouterr().out.splitlines()) == printed


def test_every_dialect_of_files_is_documented():
    text = section("options.md", "Chains")
    for dialect in ("Yahoo", "CBOE", "thinkorswim", "Schwab", "Interactive Brokers"):
        assert f"| {dialect}" in text
