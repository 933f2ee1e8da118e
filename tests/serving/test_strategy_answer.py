"""What an outlook says of a strategy."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from made_outlooks import dividends, horizons, outlook, with_horizons
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.calendar import Clock
from tickgraph.market.store import PriceStore
from tickgraph.options.legs import Leg
from tickgraph.options.strategy_question import ask_strategy
from tickgraph.options.terminal_price import TerminalPrice
from tickgraph.serving.distribution_answer import distribution_of
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.strategy_answer import strategy_of

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)
CLOCK = Clock(lambda: EVENING)
NEAR, LATER = "2023-01-20", "2023-02-17"
CONDOR = {"strikes": [115.0, 120.0, 140.0, 145.0], "expiries": NEAR}


def said(template=None, price=130.0, made=None, **words):
    made = made or outlook(as_of="2022-12-30", horizons=horizons())
    return strategy_of(made, price, CLOCK, ask_strategy(template, **words))


def test_an_iron_condor_is_answered_with_all_of_its_figures():
    answer = said("iron-condor", **CONDOR, premium=2.1)
    assert (answer.template, answer.on, answer.sessions) == ("iron-condor", date(2023, 1, 20), 13)
    assert answer.cost == pytest.approx(210.0)
    assert answer.break_evens == pytest.approx((117.9, 142.1))
    assert (answer.maximum_gain, answer.maximum_loss) == pytest.approx((210.0, -290.0))
    above = horizons().probability_above(np.log(np.array([117.9001, 142.0999]) / 130.0), 13)
    assert answer.probability_of_profit == pytest.approx(above[0] - above[1], abs=1e-4)
    assert (
        answer.maximum_loss
        <= answer.quantiles[0].profit
        <= answer.quantiles[-1].profit
        <= answer.maximum_gain
    )
    assert len(answer.curve.prices) == len(answer.curve.profits) == len(answer.curve.densities)
    assert [leg.premium_source for leg in answer.legs] == ["net premium"] * 4
    assert not any("premium" in text for text in answer.notes)


def test_an_answer_is_as_good_as_its_json():
    answer = said("calendar", strikes=[130.0], expiries=[NEAR, LATER])
    assert type(answer).model_validate_json(answer.model_dump_json()) == answer


def test_the_stock_alone_earns_what_the_distribution_says():
    answer = said(legs=[Leg("stock", "buy")], on=NEAR)
    made = outlook(as_of="2022-12-30", horizons=horizons())
    close = distribution_of(made, 130.0, CLOCK, expiry=NEAR)
    mean = TerminalPrice.of(made.horizons, 13).mean
    assert answer.expected_profit == pytest.approx(13_000 * (mean - 1), rel=1e-3)
    assert answer.legs[0].premium_source == "price"
    inside = slice(1, -1)  # the outermost ones lie beside the outermost ranks
    assert [each.profit for each in answer.quantiles[inside]] == pytest.approx(
        [100 * (each.close - 130.0) for each in close.quantiles[inside]], abs=2.0
    )
    assert answer.maximum_gain is None
    assert answer.maximum_loss == pytest.approx(-13_000.0)


def test_notes_say_what_was_assumed():
    fair = said("straddle", strikes=[130.0], expiries=NEAR)
    assert "2 premiums of the legs are the forecast's fair value" in fair.notes[-1]
    (held,) = said("cash-secured-put", strikes=[120.0], expiries=NEAR).notes[-1:]
    assert held.startswith("1 premium of the legs is the forecast's fair value")
    later = said("calendar", strikes=[130.0], expiries=[NEAR, LATER], premium=2.0)
    assert "what goes on after 2023-01-20 is valued at the forecast's own volatility" in later.notes[-1]
    stated = said("calendar", strikes=[130.0], expiries=[NEAR, LATER], premium=2.0, volatility=0.3)
    assert not any("volatility" in text for text in stated.notes)
    assert (
        said("iron-condor", **CONDOR, premium=6.0)
        .notes[-1]
        .startswith("at these premiums no close makes a loss")
    )


def test_early_it_is_closer_to_nothing():
    """A straddle that is sold off after a few sessions has lost less than one that is held without a move."""
    words = {"strikes": [130.0], "expiries": NEAR, "premium": 7.0}
    early, held = said("straddle", **words, on="2023-01-06"), said("straddle", **words)
    assert early.sessions < held.sessions
    assert early.maximum_loss > held.maximum_loss
    assert early.legs[0].volatility is not None
    assert held.legs[0].volatility is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"expiries": "2022-12-30"}, "expiries.0 2022-12-30 is not after 2022-12-30"),
        ({"expiries": "2023-01-21"}, "expiries.0 2023-01-21 is no session of XNYS.*write 2023-01-20"),
        ({"expiries": "2023-06-16"}, "expiries.0 must be 2023-04-03 at the latest.*independent stretches"),
        ({"expiries": NEAR, "on": "2023-01-08"}, "on 2023-01-08 is no session"),
        ({"expiries": NEAR, "on": "2022-12-01"}, "on 2022-12-01 is not after"),
    ],
)
def test_a_day_that_cannot_be_forecast_is_named(words, message):
    with pytest.raises(InputError, match=message):
        said("straddle", strikes=[130.0], **words)


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ("2023-02-18", "expiries.1 2023-02-18 is no session of XNYS.*write 2023-02-17"),
        ("2023-06-17", "expiries.1 2023-06-17 is no session of XNYS.*write 2023-06-16"),
        ("2023-06-16", "premium is missing: expiries.1 2023-06-16 is further ahead than 63 sessions"),
    ],
)
def test_a_later_expiry_is_checked_too(later, message):
    with pytest.raises(InputError, match=message):
        said("calendar", strikes=[130.0], expiries=[NEAR, later])


def test_dividends_are_taken_off():
    drag = np.full(63, 0.02)
    paying = outlook(as_of="2022-12-30", horizons=horizons(drag=drag), dividends=dividends(drag))
    words = {"legs": [Leg("stock", "buy")], "on": NEAR}
    assert said(made=paying, **words).expected_profit < said(**words).expected_profit - 200


def test_the_forecaster_answers_with_its_models(registry, prices_dir, monkeypatch):
    with_horizons(monkeypatch, ("AAPL",))
    forecaster = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)
    answer = forecaster.strategy("aapl", "iron-condor", **CONDOR, premium=2.1, price=130.0)
    assert answer.symbol == "AAPL"
    assert answer.probability_of_profit == said("iron-condor", **CONDOR, premium=2.1).probability_of_profit
    assert forecaster.strategy("AAPL", "iron-condor", **CONDOR).price_source == "last close"
    with pytest.raises(ModelNotFoundError, match="tickgraph train --symbols XOM"):
        forecaster.strategy("XOM", "iron-condor", **CONDOR)
    with pytest.raises(InputError, match="strikes must ascend"):
        forecaster.strategy("AAPL", "iron-condor", strikes=[120.0, 115.0, 140.0, 145.0], expiries=NEAR)
    next_session = forecaster.strategy("XOM", "straddle", strikes=[110.0], expiries="2023-01-03")
    assert next_session.sessions == 1
