"""``tickgraph strategy``, and the drawing of a profit."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import tickgraph
from made_outlooks import with_horizons
from tickgraph.cli.payoff import ASCII, LINES, payoff
from tickgraph.cli.strategy import read_leg
from tickgraph.errors import InputError
from tickgraph.options.legs import Leg
from tickgraph.serving.strategy_answer import PayoffCurve

CONDOR = ("iron-condor", "--expiry", "2023-01-20", "--strikes", "115,120,140,145", "--price", "130")
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def run(command, monkeypatch, trained_dir, prices_dir):
    """The model of AAPL forecasts every horizon; those of others the next session."""
    with_horizons(monkeypatch, ("AAPL",))
    monkeypatch.setenv("TICKGRAPH_MODELS_DIR", str(trained_dir))
    monkeypatch.setenv("TICKGRAPH_PRICES_DIR", str(prices_dir))
    return command


def test_an_iron_condor_prints_figures_legs_quantiles_and_a_drawing(run):
    code, out, err = run("strategy", "AAPL", *CONDOR, "--premium", "2.1")
    assert code == 0
    for text in (
        "AAPL: iron-condor on 2023-01-20, 13 sessions after 2022-12-30",
        "probability of profit",
        "+210.00",
        "-290.00",
        "117.90, 142.10",
        "210.00 received",
        "130.00  (request)",
        "net premium",
        "probability below",
        "sample, as of 2022-12-30",
    ):
        assert text in out, text
    assert "█" in out
    assert "how likely the close is" in out
    assert "fair value" not in err


def test_without_premiums_a_note_says_that_they_are_fair_values(run):
    _, out, err = run("strategy", "AAPL", *CONDOR)
    assert out.count("fair value") == 4
    assert "4 premiums of the legs are the forecast's fair value" in " ".join(err.split())


def test_as_json_it_is_the_answer_and_saved_it_is_the_curve(run, tmp_path):
    saved = tmp_path / "condor.csv"
    code, out, err = run(
        "strategy", "AAPL", *CONDOR, "--premiums", "0.5,1.2,1.6,0.6", "--json", "--save", saved
    )
    document = json.loads(out)
    assert (code, document["cost"], len(document["legs"])) == (0, pytest.approx(170.0), 4)
    with saved.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["profit"]) for row in rows] == document["curve"]["profits"]
    assert list(rows[0]) == ["price", "profit", "density"]
    assert "condor.csv" in err


def test_legs_of_ones_own_and_what_goes_on(run):
    legs = ("--leg", "buy stock", "--leg", "sell call 140 2023-01-20 at 1.6")
    code, out, _ = run(
        "strategy", "aapl", *legs, "--on", "2023-01-13", "--volatility", "0.3", "--price", "130"
    )
    assert code == 0
    assert "AAPL: legs on 2023-01-13, 9 sessions" in out
    assert "30.0%" in out
    _, out, err = run("strategy", "AAPL", "calendar", "--expiry", "2023-01-20,2023-02-17", "--strikes", "130")
    assert "valued at the forecast's own volatility" in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "legs are missing. Give legs, or a template"),
        (["butterfly", "--strikes", "130"], "template must be one of"),
        (["straddle", "--strikes", "130"], "expiries must be 1 day for straddle"),
        (["straddle", "--strikes", "one", "--expiry", "2023-01-20"], "strikes must be numbers with commas"),
        (["straddle", "--strikes", "130", "--expiry", "soon"], "expiry must be a day, such as 2023-01-20"),
        (["straddle", "--strikes", "130", "--expiry", "2023-01-21"], "write 2023-01-20"),
        (["--leg", "call 130"], "legs.0 is 'call 130'. Write it as"),
        (["strangle", "--strikes", "140,120", "--expiry", "2023-01-20"], "strikes must ascend for strangle"),
        (
            ["straddle", "--strikes", "130", "--expiry", "2023-01-20", "--price", "0"],
            "price must be a positive",
        ),
    ],
)
def test_what_is_no_strategy_is_refused_and_named(run, words, message):
    code, out, err = run("strategy", "AAPL", *words)
    assert code == 2
    assert message in " ".join((out + err).split())
    assert "Traceback" not in err


def test_a_leg_is_read_as_it_is_written():
    assert read_leg("sell put 120 2023-01-20 at 1.25 x 200", 0) == Leg(
        "put", "sell", 200.0, 120.0, date(2023, 1, 20), 1.25
    )
    assert read_leg(" buy stock ", 0) == Leg("stock", "buy")
    assert read_leg("buy stock at 128.5 x50", 0) == Leg("stock", "buy", 50.0, None, None, 128.5)
    assert read_leg("buy call 130 2023-01-20", 0).premium is None
    with pytest.raises(InputError, match=r"legs\.3\.strike must be a positive"):
        read_leg("buy call 0 2023-01-20", 3)


def test_the_documented_commands_and_python_run(run, capsys):
    page = (DOCS / "options.md").read_text("utf-8").split("\n## Strategies")[1].split("\n## ")[0]
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()
    ]
    asked = [line.split("#")[0] for line in commands if line.startswith("tickgraph strategy")]
    assert len(asked) >= 3
    for line in asked:
        words = [word.strip("'\"") for word in re.findall(r"'[^']*'|\S+", line)][1:]
        code, _, err = run(*words)
        assert code == 0, err
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {"forecaster": tickgraph.load()})  # noqa: S102  as a reader would
    assert "0." in capsys.readouterr().out


class TestPayoff:
    def curve(self, profits):
        prices = np.linspace(100.0, 160.0, 61)
        density = np.exp(-(((prices - 130) / 10) ** 2))
        return PayoffCurve(
            prices.tolist(), [profits(price) for price in prices], (density / density.sum()).tolist()
        )

    def test_profit_is_above_the_line_and_loss_below_it(self):
        lines = payoff(
            self.curve(lambda price: 100.0 if 120 < price < 140 else -200.0), 130.0
        ).plain.splitlines()
        assert len(lines) == 16
        zero = next(number for number, line in enumerate(lines) if "─────" in line)
        assert lines[0].startswith("+100 ")
        assert lines[10].startswith("-200 ")
        left, middle = slice(5, 15), slice(28, 36)
        assert "█" not in lines[0][left]
        assert set(lines[zero - 1][middle]) == {"█"}
        assert set(lines[zero + 1][left]) == {"█"}
        assert "█" not in lines[zero + 1][middle]

    @pytest.mark.parametrize(
        "profits",
        [
            lambda _: 0.0,
            lambda _: 5.0,
            lambda _: -5.0,
            lambda price: 1e9 * (price - 130),
            lambda price: price,
        ],
    )
    @pytest.mark.parametrize("price", [1.0, 130.0, 1e6])
    def test_any_profit_can_be_drawn(self, profits, price):
        lines = payoff(self.curve(profits), price).plain.splitlines()
        assert len(lines) == 16
        assert max(map(len, lines)) <= 90

    def test_plain_terminals_get_plain_characters(self):
        curve = self.curve(lambda price: price - 130)
        assert payoff(curve, 130.0, ASCII).plain.isascii()
        assert not payoff(curve, 130.0, LINES).plain.isascii()
