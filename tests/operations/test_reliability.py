"""Past forecasts of one symbol against what happened."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from made_outlooks import ahead, record, write_journal
from tickgraph.market.calendar import sessions
from tickgraph.market.panel import PricePanel
from tickgraph.operations.reliability import live_reliability, observed

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)
DAYS = sessions("2022-10-03", "2022-12-30")


def panel_of(symbol, moves):
    """``panel(source, symbols, first)`` of one symbol whose last log returns are these, and none before."""
    closes = 100 * np.exp(np.cumsum([*[0.0] * (len(DAYS) - len(moves)), *moves]))[:, None]
    prices = PricePanel(DAYS, (symbol,), closes, closes, closes, "sample")
    return lambda source, symbols, first: prices.select(symbols)


def logged(symbol, count, *horizons, **others):
    """Records of the last sessions but one, each before its target."""
    return [
        record(
            symbol,
            as_of=str(DAYS[row - 1]),
            target=str(DAYS[row]),
            logged=f"{DAYS[row]}T12:00",
            **(ahead(str(DAYS[row - 1]), *horizons, half_widths=(0.015, 0.04)) if horizons else {}),
            **others,
        )
        for row in range(len(DAYS) - count, len(DAYS))
    ]


def test_shares_are_those_worked_out_by_hand(tmp_path):
    write_journal(tmp_path, *logged("AAPL", 4, 1, 2))
    panel = panel_of("AAPL", [0.0, 0.02, -0.05, 0.012])
    one, two = live_reliability(tmp_path, "AAPL", panel, EVENING)
    assert (one.sessions, one.forecasts, one.first, one.last) == (
        1,
        4,
        date(2022, 12, 27),
        date(2022, 12, 30),
    )
    assert [each.probability for each in one.below] == pytest.approx([0.025, 0.1, 0.9, 0.975])
    assert [each.share for each in one.below] == [0.25, 0.25, 0.75, 1.0]
    assert [(each.probability, each.share) for each in one.inside] == [(0.8, 0.5), (0.95, 0.75)]
    assert (two.sessions, two.forecasts) == (2, 3), "the last forecast of two sessions is not over"
    assert [each.share for each in two.below] == [0.0, 2 / 3, 2 / 3, 1.0]
    assert two.independent < 3, "they overlap"
    assert all(each.low <= each.share <= each.high for each in (*one.below, *one.inside, *two.below))


def test_others_forecasts_and_late_ones_are_left_out(tmp_path):
    late = record("AAPL", as_of=str(DAYS[-2]), target=str(DAYS[-1]), logged=f"{DAYS[-1]}T23:00")
    write_journal(tmp_path, *logged("MSFT", 4, 1), late)
    assert live_reliability(tmp_path, "AAPL", panel_of("AAPL", [0.0]), EVENING) == ()
    assert live_reliability(tmp_path / "nothing", "AAPL", panel_of("AAPL", [0.0]), EVENING) == ()


def test_forecasts_of_the_next_session_alone_are_judged_too(tmp_path):
    write_journal(tmp_path, *logged("AAPL", 2, model="momentum"))
    (one,) = live_reliability(tmp_path, "AAPL", panel_of("AAPL", [0.0, 0.03]), EVENING)
    assert (one.sessions, one.forecasts) == (1, 2)
    assert [each.share for each in one.inside] == [0.5, 1.0]


def test_forecasts_under_a_former_name_are_the_symbols_own(tmp_path):
    write_journal(tmp_path, *logged("FB", 2, 1))
    (one,) = live_reliability(tmp_path, "META", panel_of("META", [0.0, 0.0]), EVENING)
    assert one.forecasts == 2


def test_the_interval_is_wilsons():
    """Figures of statsmodels.stats.proportion.proportion_confint(16, 20, method="wilson")."""
    found = observed(0.8, 0.8, 20)
    assert (found.low, found.high) == pytest.approx((0.583983, 0.919343), abs=1e-5)
    none = observed(0.8, 1.0, 1)
    assert none.low < 0.3
    assert none.high == 1.0
