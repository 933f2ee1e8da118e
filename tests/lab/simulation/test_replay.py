"""A replayed provider knows no future, and restates its history on the day a split or dividend did."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from tickgraph.lab.simulation.replay import ReplaySource, known_splits
from tickgraph.market.store import PriceStore


def evening(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T23:00:00+00:00")


class Replayed:
    def __init__(self, bars):
        self.moment = evening("2022-06-03")
        self.source = ReplaySource(bars, lambda: self.moment, known_splits())

    def bars(self, symbol, first="2022-01-03"):
        return self.source.fetch([symbol], date.fromisoformat(first)).bars


@pytest.fixture
def replayed(sample):
    return Replayed(sample.fetch(["AMZN", "AAPL", "UBER"]).bars)


def test_nothing_of_a_session_is_given_before_it_has_closed(replayed):
    replayed.moment = datetime(2022, 6, 3, 19, 59, tzinfo=UTC)  # a minute before 16:00 in New York
    assert replayed.bars("AAPL")["date"].max().date() == date(2022, 6, 2)
    replayed.moment = datetime(2022, 6, 3, 20, 1, tzinfo=UTC)
    assert replayed.bars("AAPL")["date"].max().date() == date(2022, 6, 3)


def test_a_split_restates_the_history_on_its_day(replayed):
    before = replayed.bars("AMZN")
    replayed.moment = evening("2022-06-06")
    after = replayed.bars("AMZN")
    assert before["close"].iloc[-1] == pytest.approx(2447.0, abs=0.5)  # what was quoted that day
    assert after["close"].iloc[-2] == pytest.approx(before["close"].iloc[-1] / 20)
    assert after["volume"].iloc[-2] == pytest.approx(before["volume"].iloc[-1] * 20)
    assert np.diff(np.log(after["adj_close"]))[:-1] == pytest.approx(np.diff(np.log(before["adj_close"])))


def test_a_dividend_restates_the_adjusted_close_alone(replayed):
    replayed.moment = evening("2022-05-05")
    before = replayed.bars("AAPL", "2022-04-01")
    replayed.moment = evening("2022-05-06")  # AAPL went ex-dividend: 23 cents
    after = replayed.bars("AAPL", "2022-04-01")
    assert after["close"].iloc[:-1].tolist() == before["close"].tolist()
    ratio = after["adj_close"].iloc[:-1].to_numpy() / before["adj_close"].to_numpy()
    assert ratio == pytest.approx(1 - 0.23 / before["close"].iloc[-1], rel=1e-4)


def test_close_and_adjusted_close_agree_on_the_last_session(replayed):
    for day in ("2022-02-01", "2022-06-03", "2022-11-10"):
        replayed.moment = evening(day)
        last = replayed.bars("AAPL").iloc[-1]
        assert last["close"] == last["adj_close"]


def test_past_returns_stay_the_same_to_the_last_bits_between_dividends(replayed):
    """So that stored prices, appended day by day, give the returns of a history fetched whole."""
    replayed.moment = evening("2022-06-20")
    first = replayed.bars("AAPL")["adj_close"].to_numpy()
    replayed.moment = evening("2022-07-20")
    later = replayed.bars("AAPL")["adj_close"].to_numpy()[: len(first)]
    assert later == pytest.approx(first, rel=1e-15)


def test_a_symbol_that_has_not_traded_yet_is_unknown(replayed):
    replayed.moment = evening("2019-05-09")
    assert replayed.source.symbols() == ("AAPL", "AMZN")
    assert "UBER" in replayed.source.fetch(["UBER"]).failures
    replayed.moment = evening("2019-05-10")
    assert len(replayed.bars("UBER", "2019-01-02")) == 1


def test_what_was_known_at_a_session_is_what_was_fetched_then(replayed):
    fetched = replayed.bars("AMZN", "2014-01-02")
    replayed.moment = evening("2022-12-30")
    panel = replayed.source.known_at(["AMZN", "AAPL"], np.datetime64("2022-06-03"))
    assert panel.close[:, panel.column("AMZN")].tolist() == fetched["close"].tolist()
    assert panel.sessions[-1] == np.datetime64("2022-06-03")


def test_a_store_notices_the_split(replayed, tmp_path):
    store = PriceStore(tmp_path, lambda: replayed.moment)
    store.update(replayed.source, ["AMZN"])
    replayed.moment = evening("2022-06-06")
    store.update(replayed.source, ["AMZN"])
    stored = store.read("replay", ["AMZN"], date(2022, 6, 2))
    assert stored["close"].tolist() == pytest.approx([125.511, 122.35, 124.79], abs=0.01)


def test_every_known_split_is_of_a_sample_symbol_and_on_a_session(sample):
    sessions = set(sample.fetch(["AAPL"]).bars["date"].dt.date)
    for symbol, splits in known_splits().items():
        assert symbol in sample.symbols()
        for day, ratio in splits:
            assert day in sessions
            assert ratio > 1
