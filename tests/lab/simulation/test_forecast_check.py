"""The check finds what it is there to find: broken on purpose, a simulation fails."""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import made_outlooks
import made_universe
from tickgraph.lab.simulation import world as world_module
from tickgraph.lab.simulation.consistent_horizons import difference_ahead, inconsistency
from tickgraph.lab.simulation.faults import FaultyProvider
from tickgraph.lab.simulation.forecast_check import Checker
from tickgraph.lab.simulation.replay import ReplaySource
from tickgraph.lab.simulation.retrained_forecasts import ExpectedForecasts
from tickgraph.lab.simulation.year import Year
from tickgraph.market.calendar import Clock
from tickgraph.market.store import PriceStore, verdict
from tickgraph.model.measures import LEVELS
from tickgraph.serving.journal_reading import read_journal
from tickgraph.serving.price_ranges import Interval, horizon_forecasts

SPAN = date(2022, 5, 31), date(2022, 6, 10)  # AMZN split on 6 June, and XOM and JPM paid dividends around it


def wrong(world, **kwargs):
    return Year(world, *SPAN, **kwargs).run().wrong


def test_a_provider_that_knows_tomorrow_is_found(make_world, monkeypatch):
    class Leaking(ReplaySource):
        def fetch(self, symbols, first=None, last=None):
            now, self.now = self.now, lambda: now() + timedelta(days=1)
            try:
                return super().fetch(symbols, first)
            finally:
                self.now = now

    def ahead(folder, now):  # a store whose clock is right would not take what is of tomorrow
        return PriceStore(folder, lambda: now() + timedelta(days=1))

    monkeypatch.setattr(world_module, "ReplaySource", Leaking)
    monkeypatch.setattr(world_module, "PriceStore", ahead)
    assert any("had not closed" in problem for problem in wrong(make_world(), verify=False))


def test_a_split_that_is_not_noticed_is_found(make_world, monkeypatch):
    blind = dict.fromkeys(verdict.TOLERANCES, float("inf"))
    monkeypatch.setattr(verdict, "TOLERANCES", blind)
    # The check of implausible prices would notice the split, too.
    monkeypatch.setattr(world_module, "PriceStore", partial(PriceStore, implausible="keep"))
    year = Year(make_world(), *SPAN).run()
    assert year.wrong  # those that have AMZN as a peer
    # AMZN's own model says what its moves do not support: it is refused, and nothing is served of it.
    assert any("model of AMZN is refused" in refusal for refusal in year.refusals)


def test_a_forecast_that_hides_its_age_is_found(make_world, monkeypatch):
    monkeypatch.setattr(Clock, "read", lambda self, as_of, now: (date(2022, 6, 1), 0))
    assert any("missing" in problem or "target" in problem for problem in wrong(make_world(), verify=False))


def test_a_model_trained_on_other_prices_is_found(make_world, monkeypatch):
    fetch = FaultyProvider.fetch

    def off(self, symbols, first=None, last=None):
        found = fetch(self, symbols, first, last)
        jpm = found.bars["symbol"] == "JPM"
        found.bars.loc[jpm & (found.bars["date"] == "2022-03-01"), ["adj_close"]] *= 1.05
        return found

    monkeypatch.setattr(FaultyProvider, "fetch", off)
    assert any(problem.startswith("JPM") for problem in wrong(make_world()))


def test_a_model_that_cannot_be_trained_again_is_wrong_and_the_others_are_checked():
    class Again:
        def model(self, symbol, *_):
            if symbol == "JPM":
                raise ZeroDivisionError("odd prices")

    world = SimpleNamespace(symbols=(), known=lambda *_: None)
    models = {
        s: SimpleNamespace(symbol=s, trained_at=None, trained_through=None, horizons=())
        for s in ("AAPL", "JPM")
    }
    failed = Checker(world, Again(), None)._train_again({**models, "TSLA": None})
    assert set(failed) == {"JPM"}
    assert "could not be made again: JPM: an unforeseen error, ZeroDivisionError" in failed["JPM"]


AHEAD = {
    "horizons": (1, 5, 21),
    "variance_dim": 8,
}  # every symbol of the pool, so that the universe is fitted
JUNE = date(2022, 6, 3), date(2022, 6, 7)  # a Sunday's retraining between


@pytest.fixture
def world_ahead(make_world):
    """A system whose models are drawn to a fit of its universe, and forecast three horizons."""
    with made_universe.short_training():
        yield make_world(**AHEAD)


def test_horizons_equal_those_of_a_universe_that_is_fitted_again(world_ahead):
    result = Year(world_ahead, *JUNE).run()
    assert result.wrong == ()
    assert result.verified == result.total.served == 3 * 2 * 5
    assert result.largest_difference < 1e-3
    journal = read_journal(world_ahead.operations_dir / "journal")
    assert {tuple(ahead) for ahead in journal["ahead"]} == {(1, 5, 21)}
    assert result.quality.horizons["1"].forecasts == 10, "the last session's forecasts have not met theirs"
    assert "5" not in result.quality.horizons


def test_a_universe_that_was_fitted_on_other_sessions_is_found(world_ahead, monkeypatch):
    universe = ExpectedForecasts.universe

    def earlier(self, known):
        return universe(self, replace(known, session=known.session - np.timedelta64(3, "D")))

    monkeypatch.setattr(ExpectedForecasts, "universe", earlier)
    problems = Year(world_ahead, JUNE[0], JUNE[0]).run().wrong
    assert len(problems) == 10
    assert all("horizons are apart by" in problem for problem in problems)


def answer_with(horizons):
    return SimpleNamespace(symbol="AAPL", as_of=date(2022, 12, 29), horizons=horizons)


MODEL = SimpleNamespace(horizons=tuple(made_outlooks.GRID.tolist()))


def test_horizons_that_fit_together_pass_and_others_are_named():
    sound = horizon_forecasts(made_outlooks.horizons(), np.datetime64("2022-12-29"), np.array(MODEL.horizons))
    assert inconsistency(answer_with(sound), MODEL) is None
    assert inconsistency(answer_with(()), None) is None
    narrow = tuple(Interval.of_returns(level, -0.001, 0.001) for level in LEVELS)
    for found, said in (
        (sound[:-1], "its model has"),
        ((), "its model has"),
        ((*sound[:3], replace(sound[3], expiry=date(2023, 1, 9)), *sound[4:]), "is not 2023-01-09"),
        ((*sound[:3], replace(sound[3], intervals=narrow), *sound[4:]), "surer of 5 sessions than of 3"),
        ((*sound[:3], replace(sound[3], volatility=0.01), *sound[4:]), "surer of 5 sessions than of 3"),
        ((*sound[:3], replace(sound[3], intervals=sound[3].intervals[::-1]), *sound[4:]), "does not fit"),
    ):
        assert said in inconsistency(answer_with(found), MODEL)
    assert "its model has []" in inconsistency(answer_with(sound), None)


def test_an_answer_that_changes_afterwards_is_found():
    ahead = np.array(MODEL.horizons)
    first, other = (
        horizon_forecasts(made_outlooks.horizons(volatility=spread), np.datetime64("2022-12-29"), ahead)
        for spread in (0.02, 0.0201)
    )
    assert difference_ahead(first, first) == 0
    assert difference_ahead(other, first) > 0.004
    assert difference_ahead(other[:-1], first) == float("inf")
