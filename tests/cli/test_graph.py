"""``tickgraph graph``, and the endings that ``--save`` takes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_it_shows_the_peers_their_correlations_and_the_attention(run):
    code, out, _ = run("graph", "aapl")
    _, told, _ = run("graph", "AAPL", "--json")
    answer = json.loads(told)
    assert code == 0
    assert "AAPL: the graph behind its forecast, as of 2022-12-30" in out
    assert f"{len(answer['edges'])} of 55 pairs have a correlation of 0.3 or more, over 60 sessions" in out
    peer = answer["nodes"][1]["symbol"]
    (line,) = re.findall(rf"^ {peer} .*$", out, re.MULTILINE)
    assert f"{answer['correlations'][0][1]:+.2f}" in line
    assert f"{answer['attention_of_target'][peer]:.1%}" in line


def test_as_of_a_day_it_is_the_graph_of_that_day(run):
    _, now, _ = run("graph", "AAPL", "--json")
    _, then, _ = run("graph", "AAPL", "--as-of", "2022-06-30", "--json")
    now, then = json.loads(now), json.loads(then)
    assert then["as_of"] == "2022-06-30"
    assert [node["symbol"] for node in then["nodes"]] == [node["symbol"] for node in now["nodes"]]
    assert then["correlations"] != now["correlations"]


@pytest.mark.parametrize(("name", "begins"), [("graph.html", b"<!DOCTYPE html>"), ("graph.PNG", b"\x89PNG")])
def test_it_is_saved_as_its_ending_says(run, tmp_path, name, begins):
    code, out, err = run("graph", "AAPL", "--save", tmp_path / "pictures" / name)
    assert code == 0
    assert (tmp_path / "pictures" / name).read_bytes().startswith(begins)
    assert (name in err, "correlation" in out) == (True, True)


def test_without_matplotlib_it_says_what_to_install(run, monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "tickgraph.pictures.graph_png", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, _, err = run("graph", "AAPL", "--save", tmp_path / "graph.png")
    assert code == 2
    assert 'A picture as .png needs the extra "plot"' in err
    assert "-m pip install" in err
    assert run("graph", "AAPL", "--save", tmp_path / "graph.html")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("graph", "AAPL", "--save", "graph.gif"), 2, "--save graph.gif must end in .html or .png."),
        (("graph", "AAPL", "--save", "graph"), 2, "--save graph must end in .html or .png."),
        (
            ("graph", "TIER_1"),
            2,
            "A graph is of one symbol, and TIER_1 stands for 46. Name one, such as AAPL.",
        ),
        (("graph", "TSLA"), 5, "tickgraph train --symbols TSLA"),
        (("graph", "AAPL", "--as-of", "2000-01-03"), 2, "prices start on 2014-01-02"),
        (
            ("chain", "AAPL", "--expiries", "2023-01-20", "--strikes", "130", "--save", "c.pdf"),
            2,
            "--save c.pdf must end in .csv or .html.",
        ),
        (
            (
                "strategy",
                "AAPL",
                "straddle",
                "--strikes",
                "130",
                "--expiry",
                "2023-01-20",
                "--save",
                "s.html",
            ),
            2,
            "--save s.html must end in .csv.",
        ),
    ],
)
def test_what_cannot_be_shown_or_saved_ends_with_its_exit_code(run, tmp_path, words, code, said):
    ended, _, err = run(*words)
    assert (ended, said in " ".join(err.split())) == (code, True), err
    assert list(tmp_path.glob("*.*")) == []


def test_a_file_is_replaced_whole_or_left_as_it_was(run, tmp_path):
    saved = tmp_path / "graph.html"
    saved.write_text("the old one")
    assert run("graph", "AAPL", "--save", saved)[0] == 0
    assert saved.read_text("utf-8").endswith("</html>\n")
    (tmp_path / "folder.html").mkdir()
    code, _, err = run("graph", "AAPL", "--save", tmp_path / "folder.html")
    assert (code, "a folder stands where the file belongs" in err) == (7, True)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_chain_is_saved_as_a_page(run, tmp_path):
    words = (
        "chain",
        "AAPL",
        "--expiries",
        "2023-01-20",
        "--strikes",
        "120,130",
        "--save",
        tmp_path / "chain.html",
    )
    code, _, err = run(*words)
    page = (tmp_path / "chain.html").read_text("utf-8")
    assert (code, "2 strikes written to" in err) == (0, True)
    _, told, _ = run(*words[:-2], "--json")
    above = json.loads(told)["expiries"][0]["probability_above"]
    assert all(f">{each:.1%}</td>" in page for each in above)


def test_the_documented_commands_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (
        (DOCS / "commands.md")
        .read_text("utf-8")
        .split("\n## The graph behind a forecast\n")[1]
        .split("\n## ")[0]
    )
    commands = re.search(r"```sh\n(.*?)```", page, re.DOTALL)[1].splitlines()
    assert len(commands) == 3
    for line in commands:
        assert run(*line.split("#")[0].split()[1:])[0] == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"graph.html", "graph.png"}
