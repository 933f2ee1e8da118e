"""``tickgraph predict --sessions`` and ``--expiry``, and the horizons of a plain forecast."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import tickgraph
from made_outlooks import dividends, horizons, outlook, with_horizons
from real_service import here, settings_of
from tickgraph.cli.answers import print_one
from tickgraph.cli.fan import ASCII, LINES, fan
from tickgraph.market.calendar import Clock
from tickgraph.serving.distribution_answer import distribution_of


def test_an_expiry_prints_its_distribution_and_a_fan(run):
    code, out, _ = run("predict", "AAPL", "--price", "130", "--expiry", "2023-01-20")
    assert code == 0
    for text in (
        "AAPL: close of 2023-01-20, 13 sessions after 2022-12-30",
        "130.00  (request)",
        "expected move",
        "annualised",
        "80% interval",
        "95% interval",
        "probability below",
        "held-out sessions",
        "pre-trained",
        "sample, as of 2022-12-30, STALE by",
    ):
        assert text in out, text
    drawing = out[out.index("Quantiles") :]
    assert "░" in drawing
    assert "2022-12-30" in drawing
    assert "2023-01-20" in drawing
    assert "dividends" not in out


def test_as_json_it_is_one_document(run):
    code, out, _ = run("predict", "AAPL", "--sessions", "21", "--json")
    document = json.loads(out)
    assert (code, document["symbol"], document["sessions"]) == (0, "AAPL", 21)
    assert [each["sessions"] for each in document["path"]] == [1, 2, 3, 5, 10, 21]
    assert document["findings"] == []


def test_several_are_a_table_and_one_that_cannot_be_forecast_fails_alone(run):
    code, out, err = run("predict", "AAPL", "MSFT", "XOM", "--sessions", "21")
    assert code == 3
    assert [line.split()[:2] for line in out.splitlines() if line.split()[:1] in (["AAPL"], ["MSFT"])] == [
        ["AAPL", "21"],
        ["MSFT", "21"],
    ]
    assert "The model of XOM forecasts the next session only" in err
    assert "tickgraph train --symbols XOM" in err
    code, out, _ = run("predict", "--all", "--expiry", "2023-01-20", "--json")
    document = json.loads(out)
    assert list(document["distributions"]) == ["AAPL", "MSFT"]
    assert list(document["failures"]) == ["JPM", "XOM"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--sessions", "64"], 2, "sessions must be 1 to 63, got 64"),
        (["--sessions", "0"], 2, "sessions must be 1 to 63"),
        (["--sessions", "1.5"], 2, "--sessions"),
        (["--sessions", "5", "--expiry", "2023-01-20"], 2, "Give either --sessions"),
        (["--expiry", "next week"], 2, "expiry must be a day, such as 2023-01-20"),
        (["--expiry", "2022-12-16"], 2, "expiry 2022-12-16 is not after 2022-12-30"),
        (["--expiry", "2023-01-21"], 2, "settles on the session before: write 2023-01-20"),
        (["--expiry", "2024-01-19"], 2, "2023-04-03 at the latest"),
    ],
)
def test_what_cannot_be_forecast_is_refused_and_named(run, words, code, message):
    ended, out, err = run("predict", "AAPL", *words)
    assert ended == code
    assert message in " ".join((out + err).split())
    assert "Traceback" not in err


def test_a_plain_forecast_ends_with_how_far_the_price_may_move(run):
    _, out, _ = run("predict", "AAPL")
    after = out[out.index("how far the price may move") :]
    assert [line.split()[0] for line in after.splitlines() if line.strip()[:1].isdigit()] == [
        "1",
        "2",
        "3",
        "5",
        "10",
        "21",
        "42",
        "63",
    ]
    _, out, _ = run("predict", "XOM")
    assert "how far" not in out


def test_a_running_service_is_asked_the_same(command, monkeypatch, trained_dir, prices_dir, config, tmp_path):
    with_horizons(monkeypatch, ("AAPL",))
    with here(settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path / "runtime")) as service:
        code, out, _ = command("forecast", "AAPL", "--expiry", "2023-01-20", "--url", service.url)
        assert code == 0
        assert "AAPL: close of 2023-01-20, 13 sessions after 2022-12-30" in out
        code, out, _ = command("forecast", "AAPL", "--sessions", "13", "--json", "--url", service.url)
        assert (code, json.loads(out)["expiry"]) == (0, "2023-01-20")
        code, _, err = command("forecast", "AAPL", "MSFT", "--sessions", "5", "--url", service.url)
        assert (code, "--sessions" in err) == (2, True)
        code, out, _ = command("forecast", "AAPL", "--sessions", "5", "--strike", "130", "--url", service.url)
        assert (code, "P(touch 130.00)" in out) == (0, True)


def test_the_documented_python_gives_a_distribution(run, capsys):
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if ".distribution(" in block
    )
    exec(code, {"forecaster": tickgraph.load()})  # noqa: S102  as a reader would
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 10
    assert printed[5].startswith("0.5 1")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (dividends(np.zeros(63), "none"), "none expected until then"),
        (
            dividends(np.full(63, 0.01), "past ex-dates", ["2023-01-13"]),
            "1.29 taken off  (expected to go ex on 2023-01-13)",
        ),
        (
            dividends(np.full(63, 0.01), "trailing yield"),
            "1.29 taken off  (the last year's yield, spread evenly)",
        ),
    ],
)
def test_the_dividends_that_are_taken_off_are_said(capsys, made, said):
    paying = outlook(horizons=horizons(drag=made.drag), dividends=made)
    print_one(distribution_of(paying, 130.0, Clock(), sessions=21))
    assert said in capsys.readouterr().out


class TestFan:
    def path(self, sessions=21, price=130.0, **made):
        answer = distribution_of(outlook(horizons=horizons(**made)), price, Clock(), sessions=sessions)
        return answer.path, price, answer.as_of

    def test_it_widens_and_holds_the_intervals(self):
        path, price, as_of = self.path()
        lines = fan(path, price, as_of).plain.splitlines()
        assert len(lines) <= 15
        widths = [
            sum(row[column] in "░▒─" for row in (line.ljust(70) for line in lines[:11]))
            for column in range(10, 60)
        ]
        assert widths == sorted(widths)
        assert lines[0].startswith(f"{path[-1].intervals[1].upper:.2f}")
        assert lines[10].startswith(f"{path[-1].intervals[1].lower:.2f}")
        assert sum(line.startswith("130.00 ─") for line in lines) == 1

    @pytest.mark.parametrize("price", [1e-6, 0.5, 130.0, 1e9])
    @pytest.mark.parametrize("sessions", [1, 2, 63])
    def test_any_price_and_horizon_can_be_drawn(self, sessions, price):
        lines = fan(*self.path(sessions, price)).plain.splitlines()
        assert len(lines) == 13
        assert max(map(len, lines)) <= 80

    def test_dividends_may_push_all_of_it_below_the_price(self):
        lines = fan(*self.path(volatility=0.0005, drag=np.full(63, 0.2))).plain.splitlines()
        assert len(lines) == 13

    def test_without_variance_it_is_a_line(self):
        assert len(fan(*self.path(volatility=0.0, centre=0.0)).plain.splitlines()) == 13

    def test_plain_terminals_get_plain_characters(self):
        path, price, as_of = self.path()
        assert fan(path, price, as_of, ASCII).plain.isascii()
        assert not fan(path, price, as_of, LINES).plain.isascii()


def test_a_terminal_of_ascii_gets_a_fan_of_ascii(trained_dir, prices_dir, tmp_path):
    """A process of its own: the encoding is known when it starts."""
    places = {"TICKGRAPH_MODELS_DIR": str(trained_dir), "TICKGRAPH_PRICES_DIR": str(prices_dir)}
    done = subprocess.run(
        [sys.executable, "-m", "tickgraph", "predict", "AAPL", "--sessions", "1"],
        capture_output=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, **places, "PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert b"::::" in done.stdout
    assert done.stdout.isascii()
    assert date(2023, 1, 3).isoformat().encode() in done.stdout
