"""``tickgraph forecast`` against a real service."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from real_service import here, settings_of
from tickgraph.cli import main

KEY = "a-key-of-tests-0001"


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service") / "gnn"
    shutil.copytree(trained_dir, folder)
    with here(settings_of(folder, prices_dir, config, api_keys=(KEY,))) as running:
        yield running


@pytest.fixture
def run(command, monkeypatch, service):
    monkeypatch.setenv("TICKGRAPH_API_KEY", KEY)

    def call(*words):
        return command("forecast", "--url", service.url, *words)

    return call


def test_one_forecast_for_people_and_for_programs(run):
    code, out, _ = run("AAPL", "--price", "130")
    assert code == 0
    for text in ("forecast", "130.00  (request)", "80% interval", "confidence", "pre-trained"):
        assert text in out
    code, out, _ = run("AAPL", "--json")
    assert (code, json.loads(out)["symbol"]) == (0, "AAPL")


def test_a_strike(run):
    code, out, _ = run("AAPL", "--price", "130", "--strike", "135")
    assert code == 0
    assert "P(close > 135.00)" in out
    assert "50% quantile" in out
    code, out, _ = run("AAPL", "--strike", "135", "--json")
    assert 0 < json.loads(out)["probability_above"] < 1


def test_several_and_all(run):
    code, out, _ = run("--all")
    assert code == 0
    assert all(symbol in out for symbol in ("AAPL", "JPM", "MSFT", "XOM"))
    code, out, err = run("AAPL", "ZZZZ")
    assert code == 3
    assert "ZZZZ has neither a model nor stored prices" in err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("APPL",), 2, "Did you mean AAPL"),
        ((), 2, "Name symbols"),
        (("AAPL", "--all"), 2, "Name symbols"),
        (("AAPL", "MSFT", "--price", "1"), 2, "fits one symbol"),
        (("AAPL", "MSFT", "--strike", "1"), 2, "fit one symbol"),
        (("--all", "--price", "1"), 2, "symbols that are named"),
        (("../x",), 2, "../x"),
        (("AAPL", "--price", "-1"), 2, "Price of AAPL must be a positive number"),
    ],
)
def test_bad_input_has_the_exit_code_of_a_local_forecast(run, words, code, text):
    got, _, err = run(*words)
    assert got == code, err
    assert text in err
    assert "Traceback" not in err


def test_without_the_key_it_is_told_to_send_one(run, monkeypatch):
    monkeypatch.delenv("TICKGRAPH_API_KEY")
    code, _, err = run("AAPL")
    assert code == 2
    assert "X-API-Key" in err
    assert "TICKGRAPH_API_KEY" in err


def test_nobody_there(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tickgraph", "forecast", "AAPL", "--url", "http://127.0.0.1:9"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 6
    assert "Is the service running?" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("extra", "command"), [("httpx", "forecast"), ("fastapi", "serve")])
def test_without_the_extra_it_is_named(extra, command):
    # In a process of its own: modules imported anew would stay behind as attributes of their packages.
    code = f"import sys; sys.modules[{extra!r}] = None; from tickgraph.cli import main; main()"
    words = [command, *(["AAPL"] if command == "forecast" else [])]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install" in done.stderr


def test_several_each_from_its_own_price(run):
    code, out, _ = run("AAPL", "MSFT", "--price", "AAPL=130", "--price", "MSFT=240", "--json")
    forecasts = json.loads(out)["forecasts"]
    assert code == 0
    assert {symbol: one["price"] for symbol, one in forecasts.items()} == {"AAPL": 130.0, "MSFT": 240.0}


def test_the_address_may_come_from_the_environment(monkeypatch, capsys, service):
    monkeypatch.setenv("TICKGRAPH_API_KEY", KEY)
    monkeypatch.setenv("TICKGRAPH_URL", service.url)
    monkeypatch.setattr(sys, "argv", ["tickgraph", "forecast", "AAPL", "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code in (0, None)
    assert json.loads(capsys.readouterr().out)["symbol"] == "AAPL"


def test_a_strike_beyond_what_is_known_says_so(run):
    _, _, err = run("AAPL", "--strike", "1000")
    assert "lies beyond every move" in err


def test_a_service_without_models_is_told_from_one_with_nothing_to_say(
    monkeypatch, capsys, tmp_path, prices_dir, config
):
    monkeypatch.delenv("TICKGRAPH_API_KEY", raising=False)
    with here(settings_of(tmp_path / "none", prices_dir, config)) as empty:
        monkeypatch.setattr(sys, "argv", ["tickgraph", "forecast", "--all", "--url", empty.url])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 2
    assert "no trained model" in capsys.readouterr().err
