from __future__ import annotations

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from made_outlooks import horizons, outlook, with_horizons
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.simulated_prices import BYTES_A_CELL, simulated_prices

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)
STRIKES = {"AAPL": 130.0, "MSFT": 240.0}


@pytest.fixture
def forecaster(registry, prices_dir):
    return Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)


@pytest.fixture
def ask(forecaster, monkeypatch):
    with_horizons(monkeypatch)
    return lambda *words, **more: forecaster.paths(*words, **{"sessions": 13, "paths": 2000, **more})


def test_paths_of_symbols_are_in_dollars_from_the_prices_that_were_given(ask, forecaster):
    found = ask(["AAPL", "MSFT"], prices={"AAPL": 131.0})
    assert found.symbols == ("AAPL", "MSFT")
    assert found.closes.shape == found.highs.shape == found.lows.shape == (2000, 2, 13)
    assert [str(day) for day in found.sessions[[0, -1]]] == ["2023-01-03", "2023-01-20"]
    assert found.prices[0] == 131.0
    assert found.prices[1] == forecaster.forecast("MSFT").last_close
    one = forecaster.distribution("AAPL", sessions=13, price=131.0)
    for quantile in one.quantiles:
        assert (found.closes[:, 0, -1] < quantile.close).mean() == pytest.approx(
            quantile.probability, abs=0.01
        )


def test_the_same_question_gets_the_same_answer(ask):
    first, again = ask(["AAPL", "MSFT"]), ask(["MSFT", "aapl"], sessions=None, expiry="2023-01-20")
    np.testing.assert_array_equal(first.closes, again.closes[:, ::-1])
    assert first.probability_all_above(STRIKES) == again.probability_all_above(STRIKES)


def test_symbols_that_move_together_are_above_together_oftener_than_two_coins(ask):
    found = ask(["AAPL", "MSFT"])
    both = found.probability_all_above(STRIKES)
    alone = [found.probability_all_above({symbol: strike}) for symbol, strike in STRIKES.items()]
    assert alone[0] * alone[1] + 0.05 < both < min(alone)


@pytest.mark.parametrize(
    ("symbols", "more", "said"),
    [
        ([], {}, "symbols must name at least one"),
        (["AAPL"], {"prices": {"MSFT": 1.0}}, "prices names MSFT"),
        (["AAPL"], {"paths": 0}, "paths must be 1 to"),
        (["AAPL"], {"paths": 10**9}, "paths must be 1 to 1,538,461 of 1 symbols over 13 sessions"),
        (["AAPL"], {"sessions": 64}, "sessions must be 1 to 63"),
    ],
)
def test_what_cannot_be_asked_names_the_field(ask, symbols, more, said):
    with pytest.raises(InputError, match=said):
        ask(symbols, **more)


def test_a_strike_of_a_symbol_that_was_not_simulated_is_refused(ask):
    found = ask(["AAPL"], paths=10)
    with pytest.raises(InputError, match="strikes names MSFT; simulated are AAPL"):
        found.probability_all_above(STRIKES)
    with pytest.raises(InputError, match="must name a symbol"):
        found.probability_all_above({})


def test_symbols_end_at_one_session_and_look_as_far(panel):
    both = [outlook("AAPL", horizons=horizons()), outlook("MSFT", as_of="2022-12-28", horizons=horizons())]
    with pytest.raises(InputError, match="AAPL on 2022-12-29 and MSFT on 2022-12-28 end apart"):
        simulated_prices(both, panel, {}, 10, sessions=2)
    both[1] = replace(outlook("MSFT"), horizons=None)
    with pytest.raises(ModelNotFoundError, match="MSFT has no model"):
        simulated_prices(both, panel, {}, 10, sessions=2)


def test_simulating_takes_no_more_memory_than_its_bound_says(panel):
    asked = [outlook(horizons=horizons())]
    simulated_prices(asked, panel, {}, 10, sessions=63)  # what is made once, such as the calendar
    tracemalloc.start()
    try:
        found = simulated_prices(asked, panel, {}, 8_000, sessions=63)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.3 * BYTES_A_CELL * found.closes.size
