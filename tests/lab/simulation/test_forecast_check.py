"""The check finds what it is there to find: broken on purpose, a simulation fails."""

from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace

from tickgraph.lab.simulation import world as world_module
from tickgraph.lab.simulation.faults import FaultyProvider
from tickgraph.lab.simulation.forecast_check import Checker
from tickgraph.lab.simulation.replay import ReplaySource
from tickgraph.lab.simulation.year import Year
from tickgraph.market.calendar import Clock
from tickgraph.market.store import PriceStore, verdict

SPAN = date(2022, 5, 31), date(2022, 6, 10)  # AMZN split on 6 June, and XOM and JPM paid dividends around it


def wrong(world, **kwargs):
    return Year(world, *SPAN, **kwargs).run().wrong


def test_a_sound_system_passes(make_world):
    assert wrong(make_world()) == ()


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

    world = SimpleNamespace(symbols=(), names=lambda _: {}, ends=lambda _: {})
    models = {
        s: SimpleNamespace(symbol=s, trained_at=None, trained_through=None, horizons=())
        for s in ("AAPL", "JPM")
    }
    failed = Checker(world, Again(), None)._train_again({**models, "TSLA": None})
    assert set(failed) == {"JPM"}
    assert "could not be made again: JPM: an unforeseen error, ZeroDivisionError" in failed["JPM"]
