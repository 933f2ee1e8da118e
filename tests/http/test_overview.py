"""``GET /overview``, and what the page of one symbol is drawn from: its fan, its curve, its prices."""

from __future__ import annotations

import numpy as np
import pytest

from made_outlooks import with_horizons
from real_service import here, settings_of


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    """A service whose models of AAPL, MSFT and JPM forecast every horizon; XOM's forecasts the next session."""
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path_factory.mktemp("runtime"))
    with pytest.MonkeyPatch.context() as patch:
        with_horizons(patch, ("AAPL", "MSFT", "JPM"))
        with here(settings) as running:
            yield running


def test_the_overview_says_what_the_forecasts_say(service):
    answer = service.get("/overview").json()
    assert answer["failures"] == {}
    entries = {entry["symbol"]: entry for entry in answer["symbols"]}
    assert list(entries) == [entry["symbol"] for entry in service.get("/symbols").json()["symbols"]]
    for symbol in ("AAPL", "XOM", "AMZN"):
        entry, forecast = entries[symbol], service.get(f"/forecast/{symbol}").json()
        for name in ("status", "as_of", "last_close", "prediction", "probability_up", "stale", "trained_at"):
            assert entry[name] == forecast[name], (symbol, name)
    horizons = {each["sessions"]: each for each in service.get("/forecast/AAPL").json()["horizons"]}
    for name, sessions in (("week", 5), ("month", 21)):
        move, horizon = entries["AAPL"][name], horizons[sessions]
        interval = next(one for one in horizon["intervals"] if one["level"] == 0.8)
        assert move == {
            "sessions": sessions,
            "expiry": horizon["expiry"],
            "expected_move": horizon["expected_move"],
            "lower": interval["lower"],
            "upper": interval["upper"],
        }
    assert entries["XOM"]["week"] is entries["AMZN"]["month"] is None
    assert entries["AAPL"]["sector"] == "Mega-cap technology"


def test_the_closes_of_the_overview_are_the_stored_ones(service, panel):
    for entry in service.get("/overview").json()["symbols"]:
        stored = panel.close[-63:, panel.column(entry["symbol"])]
        np.testing.assert_allclose(entry["closes"], stored, rtol=1e-6)
        assert entry["last_close"] == stored[-1]
        assert entry["change"] == pytest.approx(stored[-1] / stored[-2] - 1, abs=1e-6)


def test_the_overview_trains_nothing(trained_dir, prices_dir, config, tmp_path, monkeypatch):
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path, train_on_demand=True)
    with here(settings) as own:
        monkeypatch.setattr(own.service.background, "train", None)
        entries = own.get("/overview").json()["symbols"]
        assert sum(entry["status"] == "momentum" for entry in entries) == 38


def test_a_symbol_that_cannot_be_forecast_is_named_with_its_reason(service, monkeypatch):
    real = service.service.forecaster.answer_fields

    def fails(outlook, price):
        if outlook.symbol == "MSFT":
            raise RuntimeError("nobody foresaw this")
        return real(outlook, price)

    monkeypatch.setattr(service.service.forecaster, "answer_fields", fails)
    answer = service.get("/overview").json()
    assert list(answer["failures"]) == ["MSFT"]
    assert len(answer["symbols"]) == 41


def test_the_fan_is_the_distribution_of_every_session(service):
    fan = service.get("/forecast/AAPL/fan?price=130").json()
    assert [session["sessions"] for session in fan["path"]] == list(range(1, 64))
    for sessions in (1, 4, 21, 63):
        there = fan["path"][sessions - 1]
        said = service.get(f"/forecast/AAPL/distribution?price=130&sessions={sessions}").json()
        assert there["expiry"] == said["expiry"]
        assert there["expected_move"] == pytest.approx(said["expected_move"], rel=1e-12)
        assert there["volatility"] == pytest.approx(said["volatility"], rel=1e-12)
        for interval in said["intervals"]:
            level = fan["levels"].index(interval["level"])
            ends = there["lower"][level], there["upper"][level]
            assert ends == pytest.approx((interval["lower"], interval["upper"]), rel=1e-12)
        median = next(one["close"] for one in said["quantiles"] if one["probability"] == 0.5)
        assert there["median"] == pytest.approx(median, rel=1e-12)
    shared = set(said) & set(fan) - {"path"}
    assert {name: fan[name] for name in shared} == {name: said[name] for name in shared}


def test_momentum_has_a_fan_of_the_next_session_alone(service):
    assert len(service.get("/forecast/AMZN/fan").json()["path"]) == 1
    assert service.get("/forecast/AMZN/curve?sessions=2").json()["type"].endswith("no-model")


@pytest.mark.parametrize("sessions", [1, 21])
def test_the_curve_is_the_distribution(service, sessions):
    curve = service.get(f"/forecast/AAPL/curve?sessions={sessions}&price=130").json()
    said = service.get(f"/forecast/AAPL/distribution?sessions={sessions}&price=130").json()
    closes, below = np.array(curve["closes"]), np.array(curve["below"])
    assert len(closes) == 241
    assert np.ptp(np.diff(closes)) < 1e-9
    assert (np.diff(below) >= 0).all()
    for quantile in said["quantiles"]:
        assert np.interp(quantile["close"], closes, below) == pytest.approx(quantile["probability"], abs=2e-3)
    assert below[0] < 0.01 < 0.99 < below[-1]
    for place in (40, 200):
        strike = f"strike={float(closes[place])!r}&sessions={sessions}&price=130"
        odds = service.get(f"/forecast/AAPL/probability?{strike}").json()
        assert odds["probability_below"] == pytest.approx(below[place], rel=1e-9)
        assert odds["probability_touched"] == pytest.approx(curve["touched"][place], rel=1e-9)
    assert curve["expiry"] == said["expiry"]


def test_the_curve_wants_sessions_or_an_expiry(service):
    for query in ("", "?sessions=1&expiry=2023-01-20", "?sessions=64", "?expiry=2023-01-21"):
        assert service.get(f"/forecast/AAPL/curve{query}").status_code == 422


def test_prices_are_the_stored_ones(service, panel):
    prices = service.get("/symbols/AAPL/prices?sessions=30").json()
    column = panel.column("AAPL")
    assert prices["sessions"] == [str(session) for session in panel.sessions[-30:]]
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(prices[name], getattr(panel, name)[-30:, column], rtol=1e-6)
    assert len(service.get("/symbols/AMZN/prices").json()["close"]) == 260


@pytest.mark.parametrize(("path", "status"), [("APPL/prices", 404), ("AAPL/prices?sessions=0", 422)])
def test_prices_that_cannot_be_given_are_refused(service, path, status):
    assert service.get(f"/symbols/{path}").status_code == status
