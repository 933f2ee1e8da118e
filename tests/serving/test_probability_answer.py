from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_outlooks import dividends, horizons, outlook
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.calendar import Clock
from tickgraph.serving.probability_answer import probability_of

CLOCK = Clock(lambda: datetime(2022, 12, 30, 22, tzinfo=UTC))
DRAG = np.where(np.arange(1, 64) >= 10, 0.004, 0.0)
OUTLOOK = outlook(horizons=horizons(drag=DRAG), dividends=dividends(DRAG), gap=0.18)
strikes = st.floats(1, 1000)
ahead = st.integers(1, 63)
some = settings(deadline=None, max_examples=examples(40))


def at(strike, sessions=None, price=130.0, **more):
    return probability_of(OUTLOOK, price, CLOCK, strike=strike, sessions=sessions, **more)


@some
@given(strikes, strikes, st.none() | ahead)
def test_what_is_said_of_two_strikes_fits_together(one, other, sessions):
    low, high = sorted((one, other))
    if low == high:
        return
    answer = at(low, sessions, upper_strike=high)
    assert answer.probability_above + answer.probability_below == pytest.approx(1)
    assert answer.probability_between == pytest.approx(
        answer.probability_above - answer.probability_above_upper, abs=1e-15
    )
    assert answer.probability_between >= 0
    alone = at(high, sessions)
    assert answer.probability_above_upper == alone.probability_above
    assert answer.probability_upper_touched == alone.probability_touched


@some
@given(strikes, st.none() | ahead)
def test_a_touch_is_at_least_as_likely_as_an_end_beyond_the_strike(strike, sessions):
    answer = at(strike, sessions)
    beyond = answer.probability_above if strike > 130 else answer.probability_below
    assert strike == 130 or answer.probability_touched >= beyond - 1e-12


@some
@given(strikes, st.floats(1, 3), st.integers(1, 62))
def test_a_touch_becomes_likelier_with_sessions_and_less_likely_with_the_distance(strike, times, sessions):
    answer = at(strike, sessions).probability_touched
    assert at(strike, sessions + 1).probability_touched >= answer - 1e-12
    farther = 130 * (strike / 130) ** times
    assert at(farther, sessions).probability_touched <= answer + 1e-12


def test_without_an_expiry_it_is_about_the_next_session_as_the_forecast_is():
    answer = at(133.0)
    move = np.log(133 / 130)
    assert (answer.sessions, str(answer.expiry)) == (1, "2022-12-30")
    assert answer.probability_above == pytest.approx(OUTLOOK.distribution.probability_above(move))
    assert not answer.beyond_calibration
    for quantile in answer.quantiles:
        assert at(quantile.close).probability_below == pytest.approx(quantile.probability, abs=0.01)
    assert at(1000.0).beyond_calibration
    assert at(1000.0).probability_touched >= at(1000.0).probability_above > 0


def test_at_an_expiry_it_is_that_of_the_distribution_there():
    by_day, by_sessions = at(140.0, expiry="2023-01-20"), at(140.0, 14)
    assert by_day == by_sessions
    move = np.log(140 / 130)
    assert by_day.probability_above == pytest.approx(float(OUTLOOK.horizons.probability_above(move, 14)))
    assert by_day.probability_touched == pytest.approx(float(OUTLOOK.touch.probability_touched(move, 14)))
    middle = next(each for each in by_day.quantiles if each.probability == 0.5)
    assert at(middle.close, 14).probability_above == pytest.approx(0.5, abs=0.01)
    assert (by_day.upper_strike, by_day.probability_between, by_day.probability_upper_touched) == (None,) * 3


def test_a_strike_at_the_price_is_touched_already():
    assert at(130.0, 5).probability_touched == 1


def test_what_cannot_be_asked_is_named():
    with pytest.raises(InputError, match="upper_strike must be above strike 140, got 130"):
        at(140.0, upper_strike=130.0)
    with pytest.raises(InputError, match="both came"):
        at(140.0, 5, expiry="2023-01-20")
    with pytest.raises(ModelNotFoundError, match="momentum forecasts the next session only"):
        probability_of(outlook(), None, CLOCK, strike=140.0, sessions=5)


def test_momentum_answers_for_the_next_session():
    answer = probability_of(outlook(), None, CLOCK, strike=131.0)
    assert (answer.price, answer.price_source, answer.model) == (130.0, "last close", "momentum")
    assert 0 < answer.probability_above < answer.probability_touched < 1
