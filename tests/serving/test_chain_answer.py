from __future__ import annotations

import json
from datetime import UTC, date, datetime

import numpy as np
import pytest

from made_outlooks import dividends, horizons, outlook, with_horizons
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.calendar import Clock
from tickgraph.market.store import PriceStore
from tickgraph.options.chain import ChainQuestion
from tickgraph.options.quotes import Quotes, grid
from tickgraph.serving.chain_answer import Chain, chain_arrays
from tickgraph.serving.distribution_answer import distribution_of
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.outlook_answer import OutlookAnswer

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)
CLOCK = Clock(lambda: EVENING)
DAYS, STRIKES = ["2023-01-20", "2023-02-17"], [120.0, 130.0, 140.0]


@pytest.fixture
def forecaster(registry, prices_dir, monkeypatch):
    with_horizons(monkeypatch)
    return Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)


def test_a_chain_says_what_the_distribution_of_each_expiry_says(forecaster):
    chain = forecaster.chain("aapl", expiries=DAYS, strikes=STRIKES, price=130.0)
    for row, day in zip(chain.expiries, DAYS, strict=True):
        one = forecaster.distribution("AAPL", expiry=day, price=130.0)
        assert (row.expiry, row.sessions) == (one.expiry, one.sessions)
        assert row.volatility == pytest.approx(one.volatility)
        made = horizons()
        expected = made.probability_above(np.log(np.array(STRIKES) / 130), one.sessions)
        assert row.probability_above == pytest.approx(expected.tolist(), abs=1e-9)
        assert row.call_values is row.difference is None
        for strike, touched in zip(STRIKES, row.probability_touched, strict=True):
            single = forecaster.probability("AAPL", strike, expiry=day, price=130.0)
            assert touched == pytest.approx(single.probability_touched, abs=1e-9)
    untouched = forecaster.chain("AAPL", expiries=DAYS, strikes=STRIKES, touch=False)
    assert untouched.expiries[0].probability_touched is None
    shared = set(OutlookAnswer.model_fields)
    assert chain.model_dump(include=shared) == one.model_dump(include=shared)


def test_it_is_its_own_json(forecaster):
    quotes = Quotes.of(DAYS[0], STRIKES, implied_volatilities=[0.3, None, 0.3])
    chain = forecaster.chain("AAPL", quotes=[quotes], price=130.0, rate=0.04)
    (row,) = chain.expiries
    assert row.implied_volatilities == [0.3, None, 0.3]
    assert row.risk_neutral_above[1] is row.difference[1] is None
    assert row.difference[0] == pytest.approx(row.probability_above[0] - row.risk_neutral_above[0], abs=1e-9)
    assert Chain.model_validate_json(chain.model_dump_json()) == chain
    assert json.loads(chain.model_dump_json()) == chain.model_dump(mode="json")


def test_values_without_quotes_are_asked_for(forecaster):
    (row,) = forecaster.chain("AAPL", expiries=DAYS[:1], strikes=STRIKES, price=130.0, values=True).expiries
    assert row.call_values == sorted(row.call_values, reverse=True)
    assert row.call_values[0] - row.put_values[0] == pytest.approx(10.0)
    assert row.expected == pytest.approx(130.0, rel=0.01)


def test_dividends_of_the_forecast_lower_the_forward():
    drag = np.where(np.arange(1, 64) >= 20, 0.01, 0.0)
    made = outlook(as_of="2022-12-30", horizons=horizons(drag=drag), dividends=dividends(drag))
    before, after = chain_arrays(made, 130.0, CLOCK, ChainQuestion(grid(DAYS, STRIKES))).expiries
    assert (before["forward"], after["forward"]) == (130.0, pytest.approx(130 * np.exp(-0.01)))


def test_mid_prices_that_are_left_out_are_counted_in_a_note(forecaster):
    quotes = [Quotes.of(day, [100.0], calls=[29.0]) for day in DAYS]
    with pytest.raises(InputError, match="calls of 2023-01-20: no volatility"):
        forecaster.chain("AAPL", quotes=quotes, price=130.0)
    chain = forecaster.chain("AAPL", quotes=quotes, price=130.0, skip_impossible=True)
    assert chain.notes[-1] == "2 mid prices are left out: no volatility gives them"


@pytest.mark.parametrize(
    ("expiry", "said"),
    [
        ("2022-12-30", "expiry 2022-12-30 is not after 2022-12-30"),
        ("2023-01-21", "expiry 2023-01-21 is no session of XNYS.*write 2023-01-20"),
        ("2023-06-16", "expiry must be 2023-04-03 at the latest, 63 sessions"),
    ],
)
def test_an_expiry_that_cannot_be_forecast_is_an_error(forecaster, expiry, said):
    with pytest.raises(InputError, match=said):
        forecaster.chain("AAPL", expiries=[DAYS[0], expiry], strikes=STRIKES)


def test_momentum_knows_the_next_session_only(forecaster):
    (row,) = forecaster.chain("TSLA", expiries=["2023-01-03"], strikes=[100.0]).expiries
    assert row.sessions == 1
    with pytest.raises(ModelNotFoundError, match="TSLA has no model"):
        forecaster.chain("TSLA", expiries=DAYS, strikes=STRIKES)


def test_as_of_an_earlier_day(forecaster):
    chain = forecaster.chain("AAPL", expiries=["2022-12-16"], strikes=STRIKES, as_of=date(2022, 11, 30))
    one = distribution_of(outlook(as_of="2022-11-30", horizons=horizons()), 130.0, CLOCK, expiry="2022-12-16")
    assert (chain.as_of, chain.expiries[0].sessions) == (date(2022, 11, 30), one.sessions)
