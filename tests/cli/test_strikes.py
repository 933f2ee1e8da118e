"""``tickgraph predict --strike``."""

from __future__ import annotations

import json

import pytest

from made_outlooks import with_horizons


@pytest.fixture
def run(command, monkeypatch, trained_dir, prices_dir):
    """Models of AAPL and MSFT forecast every horizon; those of JPM and XOM the next session."""
    with_horizons(monkeypatch, ("AAPL", "MSFT"))
    monkeypatch.setenv("TICKGRAPH_MODELS_DIR", str(trained_dir))
    monkeypatch.setenv("TICKGRAPH_PRICES_DIR", str(prices_dir))
    return lambda *words: command("predict", *words)


def test_a_strike_at_an_expiry(run):
    words = ("AAPL", "--price", "130", "--expiry", "2023-01-20", "--strike", "135")
    code, out, _ = run(*words)
    assert code == 0
    for text in ("close of 2023-01-20, 13 sessions after", "P(close > 135.00)", "a day's high gets there"):
        assert text in out
    assert "P(135.00 < close" not in out
    code, out, _ = run(*words, "--json")
    body = json.loads(out)
    assert body["probability_above"] < body["probability_touched"] < 2.2 * body["probability_above"]
    assert "findings" in body


def test_two_strikes_and_the_next_close(run):
    code, out, _ = run("XOM", "--price", "110", "--strike", "108", "--upper-strike", "112")
    assert code == 0
    for text in ("1 session after 2022-12-30", "P(108.00 < close <= 112.00)", "a day's low gets there"):
        assert text in out


def test_a_strike_beyond_what_is_known_is_pointed_out(run):
    _, _, err = run("AAPL", "--price", "130", "--strike", "120", "--upper-strike", "1000")
    assert "120.00 or 1,000.00 lies beyond every move" in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("AAPL", "MSFT", "--strike", "130"), "--strike fits one symbol"),
        (("AAPL", "--upper-strike", "130"), "--upper-strike goes with --strike"),
        (("AAPL", "--strike", "0"), "Strike of AAPL must be a positive number"),
        (("AAPL", "--strike", "140", "--upper-strike", "130"), "upper_strike must be above strike 140"),
    ],
)
def test_what_cannot_be_asked_says_why(run, words, text):
    code, out, err = run(*words)
    assert code == 2
    assert text in " ".join((out + err).split())
