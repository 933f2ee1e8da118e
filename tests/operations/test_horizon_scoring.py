from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from made_outlooks import horizons as made_horizons
from made_outlooks import with_horizons
from made_prices import StoreOf
from tickgraph.market.calendar import next_sessions, session_closes, sessions
from tickgraph.market.store import PriceStore
from tickgraph.model.measures import LEVELS
from tickgraph.operations.horizon_scoring import horizon_figures, in_words
from tickgraph.operations.scoring import live_quality
from tickgraph.serving.journal import ForecastJournal


def outcomes(ahead, moves, half_widths=(0.015, 0.04), variance=4e-4, came=4e-4):
    """Outcomes of one symbol on sessions in a row."""
    days = sessions("2022-06-01", "2022-12-30")[: len(moves)]
    ends = {
        f"{end}_{level}": sign * half
        for level, half in zip(LEVELS, half_widths, strict=True)
        for end, sign in (("lower", -1), ("upper", 1))
    }
    columns = {"ahead": ahead, "expiry": pd.to_datetime(days), "realised": moves, **ends}
    return pd.DataFrame({**columns, "variance": variance, "realised_variance": came})


def test_figures_are_those_worked_out_by_hand():
    came = np.array([8e-4, 4e-4, np.nan, 0.0])  # one is not known, one is no variance
    found = horizon_figures(
        pd.concat([outcomes(21, [0.0] * 3), outcomes(5, [0.03, -0.01, 0.0, -0.05], came=came)])
    )
    assert list(found) == ["5", "21"]
    five = found["5"]
    assert (five.forecasts, five.first, five.last) == (4, date(2022, 6, 1), date(2022, 6, 6))
    assert five.coverage == {"0.8": 0.5, "0.95": 0.75}
    assert five.qlike == pytest.approx((2 - np.log(2) - 1) / 2)
    assert found["21"].qlike == 0.0
    assert 1 <= found["21"].stretches < 1.2
    assert five.usual == five.out_of_band == {}, "four sessions give no verdict"
    assert in_words("5", five) == []


def test_intervals_that_hold_too_little_are_named_and_sound_ones_are_not():
    moves = np.full(60, 0.02)
    moves[:12], moves[-3:] = 0.0, 0.05
    five = horizon_figures(outcomes(5, moves))["5"]
    assert five.coverage == {"0.8": 0.2, "0.95": 0.95}
    assert five.out_of_band == {"0.8": True, "0.95": False}
    (text,) = in_words("5", five)
    assert text.startswith("intervals of 80% over 5 sessions held 20% of 60 closes (")


def test_too_few_independent_stretches_are_reported_without_a_verdict():
    month = horizon_figures(outcomes(21, np.full(60, 9.0)))["21"]
    assert month.coverage == {"0.8": 0.0, "0.95": 0.0}
    assert month.usual == month.out_of_band == {}
    assert in_words("21", month) == []


def test_without_outcomes_there_are_no_figures():
    assert horizon_figures(outcomes(1, [])) == {}


def test_what_was_served_is_scored_at_each_horizon_when_that_is_over(
    prices_dir, registry, tmp_path, monkeypatch
):
    """From the forecaster through the journal to the figures, in a store that knows all that came."""
    from tickgraph.serving.forecaster import Forecaster

    with_horizons(monkeypatch, volatility=0.02)
    store, state = PriceStore(prices_dir), tmp_path / "state"
    as_of, clock = date(2022, 11, 14), [datetime(2022, 11, 14, 22, tzinfo=UTC)]

    def panels(source, symbols):
        return store.panel(source, symbols, last=as_of)

    journal = ForecastJournal(state / "journal", lambda: clock[0])
    served = Forecaster(registry, StoreOf(panels), now=lambda: clock[0], journal=journal).forecast_all()
    assert set(served.forecasts) == {"AAPL", "MSFT", "JPM", "XOM"}

    closes, scored = session_closes(next_sessions(as_of, 21)), []
    for close in closes[[0, 1, 2, 4, 9, 20]]:
        now = close.item().replace(tzinfo=UTC)
        before = live_quality(state, store, registry, now - timedelta(seconds=1))
        assert list(before.horizons) == scored
        after = live_quality(state, store, registry, now)
        scored = list(after.horizons)
    assert scored == ["1", "2", "3", "5", "10", "21"]
    for ahead, figures in after.horizons.items():
        assert figures.forecasts == 4
        assert figures.first == figures.last == next_sessions(as_of, int(ahead))[-1].item()
        for level in LEVELS:
            low, high = made_horizons(volatility=0.02).interval(level, int(ahead))
            inside = []
            for symbol in served.forecasts:
                prices = store.panel("sample", (symbol,), first=as_of).close[:, 0]
                inside.append(low <= np.log(prices[int(ahead)] / prices[0]) <= high)
            assert figures.coverage[str(level)] == np.mean(inside)
