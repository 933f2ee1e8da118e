from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from tickgraph.operations.records import HorizonFigures, LiveFigures, LiveQuality, write_quality


@pytest.fixture
def run(command):
    def call(*words):
        return command("status", *words)

    return call


@pytest.fixture
def here(registry, prices_dir):
    return ["--models-dir", registry.root, "--prices-dir", prices_dir]


def test_it_shows_every_model_and_why_it_is_stale(run, here):
    code, out, err = run(*here)
    assert (code, err) == (0, "")
    for text in ("prices, sample", "42 symbols up to 2022-12-30", "none yet. Run: tickgraph refresh"):
        assert text in out
    rows = [line.split()[:3] for line in out.splitlines() if " stale " in line]
    assert rows == [[name, "stale", "2022-12-30"] for name in ("AAPL", "JPM", "MSFT", "XOM")]
    assert "AAPL, JPM, MSFT, XOM: prices end on 2022-12-30:" in out, "what all share is said once"


def test_a_check_fails_for_a_monitoring_shell(run, here):
    code, out, _ = run(*here, "--check")
    assert code == 8
    assert "stale" in out


def test_json_has_all_of_it(run, here):
    code, out, _ = run(*here, "--json", "--symbols", "AAPL")
    found = json.loads(out)
    assert code == 0
    assert found["ok"] is False
    assert list(found["symbols"]) == ["AAPL"]
    assert found["symbols"]["AAPL"]["state"] == "stale"
    assert found["sources"]["sample"]["last_session"] == "2022-12-30"


def test_a_damaged_model_is_a_row_and_no_traceback(run, here, registry):
    registry.paths("JPM").weights.write_bytes(b"nonsense")
    code, out, _ = run(*here, "--check")
    assert code == 8
    first = next(line for line in out.splitlines() if " failed " in line)
    assert first.split()[0] == "JPM"
    assert "JPM.weights.h5" in out


def test_unknown_symbols_are_said_and_fail_a_check(run, here):
    code, _, err = run(*here, "--symbols", "ZZZ", "--check")
    assert code == 8
    assert "nothing is known of ZZZ" in err


def test_with_nothing_there_it_says_what_to_run(run):
    code, out, _ = run()
    assert code == 0
    assert "Run: tickgraph train --symbols TIER_1" in out
    assert run("--check")[0] == 8
    assert json.loads(run("--json")[1])["symbols"] == {}


def test_only_problems_are_shown_where_that_is_asked(run, here, registry):
    registry.paths("JPM").weights.write_bytes(b"nonsense")
    _, out, _ = run(*here, "--problems", "--json")
    assert list(json.loads(out)["symbols"]) == ["JPM", "AAPL", "MSFT", "XOM"]


def test_it_shows_what_models_are_drawn_to(run, drawn, prices_dir):
    there = ["--models-dir", drawn.root, "--prices-dir", prices_dir]
    fit = drawn.universe.fit("sample")
    _, out, _ = run(*there)
    text = " ".join(out.split())
    assert f"fit {fit.version} on 8 symbols up to 2022-12-30, state of 2022-12-30" in text
    network, _, today = fit.qlike
    assert f"5: {network[1]:.3f} ({today[1]:.3f})" in text
    _, out, _ = run(*there, "--json")
    found = json.loads(out)["universe"]["sample"]
    assert (found["version"], found["state_session"]) == (fit.version, "2022-12-30")
    assert found["qlike"]["1"].keys() == {"network", "linear", "today"}


def test_it_shows_coverage_by_horizon_and_which_is_beyond_chance(run, here, registry):
    day = date(2022, 12, 30)
    week = HorizonFigures(
        forecasts=2200,
        first=day,
        last=day,
        stretches=12.3,
        coverage={"0.8": 0.55, "0.95": 0.9},
        usual={"0.8": (0.62, 0.93), "0.95": (0.83, 0.997)},
        out_of_band={"0.8": True, "0.95": False},
    )
    quarter = HorizonFigures(
        forecasts=90, first=day, last=day, stretches=1.5, coverage={"0.8": 0.2, "0.95": 0.3}
    )
    quality = LiveQuality(
        as_of=day,
        computed_at=datetime.now(UTC),
        window=60,
        panel=LiveFigures(forecasts=2400),
        horizons={"5": week, "63": quarter},
    )
    write_quality(registry.root / ".operations", quality)
    _, out, _ = run(*here)
    text = " ".join(out.split())
    assert "5: 55% and 90%, 63: 20% and 30% (1.5 independent stretches)" in text
    assert "intervals of 80% over 5 sessions held 55% of 2200 closes (62% to 93% is usual)" in text
    assert "63 sessions held" not in text, "too few stretches for a verdict"
    found = json.loads(run(*here, "--json")[1])
    assert any("over 5 sessions" in problem for problem in found["problems"])
    assert found["quality"]["horizons"]["5"]["out_of_band"] == {"0.8": True, "0.95": False}


def test_a_redis_server_that_does_not_answer_is_a_problem_and_its_password_stays_secret(
    run, here, monkeypatch, redis
):
    monkeypatch.setenv("TICKGRAPH_SHARED__REDIS", redis.url)
    monkeypatch.setenv("TICKGRAPH_SHARED__TIMEOUT_SECONDS", "30")
    _, out, _ = run(*here, "--json")
    assert json.loads(out)["problems"] == []
    redis.kill()
    monkeypatch.setenv("TICKGRAPH_SHARED__REDIS", redis.url.replace("//", "//:a-secret-password@"))
    code, out, err = run(*here, "--json", "--check")
    (problem,) = json.loads(out)["problems"]
    assert (code, f"{redis.port} does not answer (ConnectionError)" in problem) == (8, True)
    assert "a-secret-password" not in out + err
