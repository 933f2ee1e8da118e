"""What an outlook says of horizons of more than one session."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest
from pydantic_core import to_json

from made_outlooks import GRID, dividends, horizons, outlook, with_horizons
from made_prices import StoreOf
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market import calendar
from tickgraph.market.calendar import Clock, next_sessions, use_exchange
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.serving.answer import answer_fields, forecast_of
from tickgraph.serving.answer_json import answer_json
from tickgraph.serving.distribution_answer import distribution_of
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.loaded_model import LoadedModel

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)
AS_OF = "2022-12-30"
CLOCK = Clock(lambda: EVENING)


@pytest.fixture
def forecaster(registry, prices_dir):
    return Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)


def test_a_forecast_has_a_range_for_each_horizon_of_the_grid(forecaster, monkeypatch):
    with_horizons(monkeypatch)
    answer = forecaster.forecast("AAPL", 130)
    assert [each.sessions for each in answer.horizons] == GRID.tolist()
    assert [each.expiry for each in answer.horizons] == [
        day.astype(date) for day in next_sessions(AS_OF, 63)[GRID - 1]
    ]
    assert answer.horizons[0].expiry == answer.target_session
    one, *_, month, two_months, quarter = answer.horizons
    assert one.volatility == pytest.approx(0.02 * np.sqrt(252))
    assert quarter.volatility == pytest.approx(one.volatility)
    assert one.expected_move < month.expected_move < two_months.expected_move < quarter.expected_move
    for each in answer.horizons:
        narrow, wide = each.intervals
        assert wide.lower < narrow.lower < 130 < narrow.upper < wide.upper
        assert wide.upper == pytest.approx(130 * np.exp(wide.upper_return))


def test_without_a_model_of_many_horizons_there_are_none(forecaster, monkeypatch):
    with_horizons(monkeypatch, ())
    assert forecaster.forecast("TSLA").horizons == ()  # momentum
    assert forecaster.forecast("AAPL").horizons == ()  # a model that forecasts one session


def test_horizons_that_the_exchange_has_not_published_yet_are_left_out(monkeypatch):
    known = calendar._all_sessions
    monkeypatch.setattr(
        calendar, "_all_sessions", lambda day: known(day)[known(day) <= np.datetime64("2023-01-31")]
    )
    said = forecast_of(answer_fields(outlook(horizons=horizons()), 130.0, CLOCK)).horizons
    assert [each.sessions for each in said] == [1, 2, 3, 5, 10, 21]


@pytest.mark.parametrize("price", [None, 130.0, 99.99, 1e-7, 1e9])
@pytest.mark.parametrize("source", ["sample", '100 % \\ "quoted" %b'])
def test_the_json_with_gaps_is_that_of_the_answers_fields(price, source):
    drag = np.linspace(0, 0.02, 63)
    made = outlook(horizons=horizons(drag=drag), dividends=dividends(drag), source=source)
    for _ in range(2):  # made, and from memory
        assert answer_json(made, price, CLOCK) == to_json(answer_fields(made, price, CLOCK))
    said = forecast_of(answer_fields(made, price, CLOCK))
    assert json.loads(answer_json(made, price, CLOCK)) == said.model_dump(mode="json")


def test_the_json_of_momentum_has_no_horizons():
    assert json.loads(answer_json(outlook(), 130.0, CLOCK))["horizons"] == []


def test_the_json_follows_the_clock_and_the_model():
    made, now = outlook(horizons=horizons()), [EVENING]
    clock = Clock(lambda: now[0])
    before = json.loads(answer_json(made, 130.0, clock))
    now[0] = datetime(2023, 1, 4, 22, tzinfo=UTC)
    after = json.loads(answer_json(made, 130.0, clock, refused=ValueError("damaged")))
    assert (before["stale"], after["stale"]) == (True, True)
    assert (before["sessions_behind"], after["sessions_behind"]) == (1, 3)
    assert "damaged" in after["notes"][-1]


class TestOneHorizon:
    def test_sessions_and_expiry_are_two_names_of_one_day(self, forecaster, monkeypatch):
        with_horizons(monkeypatch)
        by_day = forecaster.distribution("aapl", expiry="2023-01-20", price=130.0)
        assert by_day == forecaster.distribution("AAPL", sessions=13, price=130.0)
        assert (by_day.sessions, by_day.expiry, by_day.as_of) == (
            13,
            date(2023, 1, 20),
            date(2022, 12, 30),
        )
        assert (by_day.status, by_day.price, by_day.price_source) == ("pre-trained", 130.0, "request")
        assert forecaster.distribution("AAPL", sessions=13).price_source == "last close"

    def test_it_is_the_distribution_at_that_horizon(self):
        answer = distribution_of(outlook(horizons=horizons()), 100.0, CLOCK, sessions=21)
        made = horizons()
        assert answer.volatility == pytest.approx(0.02 * np.sqrt(252))
        assert answer.expected_move == pytest.approx(100 * made.expected_move(21))
        assert answer.mean == pytest.approx(100 * made.mean(21))
        for quantile in answer.quantiles:
            assert quantile.close == pytest.approx(100 * np.exp(quantile.log_return))
            assert 1 - made.probability_above(quantile.log_return, 21) == pytest.approx(quantile.probability)
        assert [quantile.close for quantile in answer.quantiles] == sorted(q.close for q in answer.quantiles)
        for interval in answer.intervals:
            assert (interval.lower_return, interval.upper_return) == tuple(made.interval(interval.level, 21))
            assert interval.lower == pytest.approx(100 * np.exp(interval.lower_return))

    def test_at_a_horizon_of_the_grid_it_says_what_the_forecast_says(self):
        made = outlook(horizons=horizons())
        for horizon in forecast_of(answer_fields(made, 130.0, CLOCK)).horizons:
            answer = distribution_of(made, 130.0, CLOCK, sessions=horizon.sessions)
            assert answer.intervals == horizon.intervals
            assert (answer.volatility, answer.expiry) == (horizon.volatility, horizon.expiry)
            assert answer.expected_move == pytest.approx(horizon.expected_move)

    def test_dividends_that_go_ex_before_the_expiry_are_taken_off(self):
        drag = np.where(np.arange(1, 64) >= 10, 0.01, 0.0)
        plain = outlook(horizons=horizons())
        paying = outlook(
            horizons=horizons(drag=drag), dividends=dividends(drag, ex_dates=["2023-01-13", "2023-03-31"])
        )
        before, after = (distribution_of(paying, 100.0, CLOCK, sessions=ahead) for ahead in (9, 10))
        assert before.dividend == 0
        assert before.quantiles == distribution_of(plain, 100.0, CLOCK, sessions=9).quantiles
        assert after.dividend == pytest.approx(100 * (1 - np.exp(-0.01)))
        assert (before.ex_dates, after.ex_dates) == ((), (date(2023, 1, 13),))
        assert after.dividends == "past ex-dates"
        assert forecast_of(answer_fields(paying, 100.0, CLOCK)).dividends == "past ex-dates"
        lower = (
            distribution_of(plain, 100.0, CLOCK, sessions=10).quantiles[4].close - after.quantiles[4].close
        )
        assert lower == pytest.approx(after.dividend, rel=0.01)

    def test_volatility_is_annualised_with_the_exchanges_sessions(self):
        use_exchange("24/7")
        answer = distribution_of(outlook(horizons=horizons()), 100.0, CLOCK, sessions=21)
        assert answer.volatility == pytest.approx(0.02 * np.sqrt(365))

    @pytest.mark.parametrize("symbol", ["TSLA", "AAPL"])
    def test_what_forecasts_one_session_answers_for_one_and_says_how_to_get_more(
        self, forecaster, monkeypatch, symbol
    ):
        """TSLA has no model; AAPL's is of an architecture that forecasts the next session."""
        with_horizons(monkeypatch, ())
        forecast = forecaster.forecast(symbol)
        answer = forecaster.distribution(symbol, sessions=1)
        assert answer == forecaster.distribution(symbol, expiry=forecast.target_session)
        for one, other in zip(answer.intervals, forecast.intervals, strict=True):
            assert one.lower == pytest.approx(other.lower)
            assert one.upper == pytest.approx(other.upper)
        for ahead in ({"sessions": 2}, {"expiry": "2023-01-20"}):
            with pytest.raises(ModelNotFoundError, match=f"tickgraph train --symbols {symbol}"):
                forecaster.distribution(symbol, **ahead)

    def test_what_cannot_be_forecast_is_refused_and_named(self, forecaster):
        for words, message in (
            ({}, "either sessions"),
            ({"sessions": 3, "expiry": "2023-01-20"}, "both came"),
            ({"sessions": 64}, "sessions must be 1 to 63, got 64"),
            ({"expiry": "2022-12-16"}, "expiry 2022-12-16 is not after 2022-12-30"),
            ({"expiry": "2023-01-21"}, "settles on the session before: write 2023-01-20"),
            ({"expiry": "tomorrow"}, "is not a date"),
            ({"sessions": 3, "price": -1}, "Price of AAPL"),
        ):
            with pytest.raises(InputError, match=message):
                forecaster.distribution("AAPL", **words)

    def test_as_of_a_day_the_sessions_are_counted_from_it(self, forecaster, monkeypatch):
        with_horizons(monkeypatch)
        answer = forecaster.distribution("AAPL", sessions=21, as_of=date(2022, 6, 18))
        assert (answer.as_of, answer.expiry) == (date(2022, 6, 17), date(2022, 7, 20))


class TestANetworkOfTwoHorizons:
    """A model trained on real prices, for 1 and 5 sessions."""

    @pytest.fixture
    def forecaster(self, drawn, few):
        return Forecaster(drawn, StoreOf(lambda source, symbols: few), now=lambda: EVENING)

    def test_it_answers_for_every_number_of_sessions_up_to_the_longest(self, forecaster):
        answers = [forecaster.distribution("JPM", sessions=ahead, price=100.0) for ahead in range(1, 6)]
        for shorter, longer in pairwise(answers):
            assert shorter.volatility**2 * shorter.sessions <= longer.volatility**2 * longer.sessions
            for less, more in zip(shorter.intervals, longer.intervals, strict=True):
                width = np.log(less.upper / less.lower)
                assert width <= np.log(more.upper / more.lower) + 1e-12
        assert [each.sessions for each in answers[3].path] == [1, 4]
        # JPMorgan's dividend went ex on 2023-01-05, the third session.
        assert [bool(answer.dividend) for answer in answers] == [False, False, True, True, True]
        assert answers[4].ex_dates == (date(2023, 1, 5),)

    def test_its_forecast_has_both_and_the_first_is_the_forecasts_own(self, forecaster):
        answer = forecaster.forecast("JPM", 100.0)
        assert [each.sessions for each in answer.horizons] == [1, 5]
        for one, other in zip(answer.intervals, answer.horizons[0].intervals, strict=True):
            assert (one.lower, one.upper) == pytest.approx((other.lower, other.upper))
        assert answer.dividends == "past ex-dates"

    def test_beyond_its_longest_it_says_why(self, forecaster):
        for words in ({"sessions": 6}, {"expiry": "2023-01-20"}):
            with pytest.raises(InputError, match="trained to forecast 5 sessions at most"):
                forecaster.distribution("JPM", **words)

    def test_models_drawn_to_one_fit_have_their_scores_in_memory_once(self, drawn, forecaster):
        assert forecaster.models.get("AAPL").horizon_scores is forecaster.models.get("JPM").horizon_scores
        stored = drawn.load("JPM", weight_shapes)
        variance = stored.metadata.variance.model_copy(update={"scores": ((-1.0, 1.0), (-1.0, 1.5))})
        changed = replace(stored, metadata=stored.metadata.model_copy(update={"variance": variance}))
        assert LoadedModel.from_stored(changed).horizon_scores.tolist() == [[-1.0, 1.0], [-1.0, 1.5]]
