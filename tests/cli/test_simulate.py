"""`tickgraph simulate` says what came of it, and its exit code tells whether a forecast was wrong."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tickgraph.cli.commands import app
from tickgraph.errors import CheckFailed, InputError
from tickgraph.lab.simulation import forecast_check
from tickgraph.market.universe import add_aliases

SPAN = ("--from", "2022-06-02", "--to", "2022-06-07", "--symbols", "AAPL,AMZN", "--no-faults")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    for name, value in {"EPOCHS": "1", "SESSIONS": "200", "MIN_SESSIONS": "150", "HORIZONS": "[]"}.items():
        monkeypatch.setenv(f"TICKGRAPH_TRAINING__{name}", value)
    monkeypatch.setenv("TICKGRAPH_PEER_POOL", '["AAPL", "AMZN", "MSFT", "JPM"]')
    yield
    add_aliases({})


def simulate(*words):
    return CliRunner().invoke(app, ["simulate", *words])


def test_it_tells_by_month_what_was_served_and_that_nothing_was_wrong(tmp_path):
    done = simulate(*SPAN, "--keep", str(tmp_path / "kept"))
    assert done.exit_code == 0, done.output
    assert "restated AMZN" in done.stdout
    assert (
        "16 forecasts of 2 symbols, 2022-06-02 to 2022-06-07: 8 fresh, 8 marked stale, 0 refused, 0 wrong"
        in (" ".join(done.stdout.split()))
    )
    assert (tmp_path / "kept" / "models" / "metadata" / "AAPL_metadata.json").is_file()


def test_json_is_one_document(monkeypatch):
    done = simulate(*SPAN, "--no-verify", "--json")
    found = json.loads(done.stdout)
    assert found["total"]["served"] == 16
    assert found["verified"] == 0


def test_a_wrong_forecast_is_named_and_the_exit_code_says_so(monkeypatch):
    monkeypatch.setattr(forecast_check, "difference", lambda served, expected: 0.5)
    done = simulate(*SPAN)
    assert isinstance(done.exception, CheckFailed)
    assert done.exception.exit_code == 8
    assert "AAPL as of 2022-06-01: forecast" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "2022-06-07", "--to", "2022-06-02"), "Empty span"),
        (("--from", "June"), "not a date"),
        (("--symbols", "AAPL,ZZZZ"), "ZZZZ is not in the bundled sample"),
        (("--from", "2022-06-01", "--to", "2022-06-10"), "at least 20 sessions"),
        (("--from", "2022-06-04", "--to", "2022-06-05", "--no-faults"), "no session"),
    ],
)
def test_what_cannot_be_simulated_is_refused_at_once(words, said):
    done = simulate(*words)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("kept")
    done = simulate(*SPAN, "--keep", str(tmp_path))
    assert isinstance(done.exception, InputError)
    assert "not an empty folder" in str(done.exception)
    assert (tmp_path / "mine").read_text() == "kept"
