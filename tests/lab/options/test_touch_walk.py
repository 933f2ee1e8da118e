from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tickgraph.lab.options import touch_walk
from tickgraph.lab.options.touch_methods import METHODS, PATHS, PRODUCT, TWICE
from tickgraph.lab.options.touch_walk import DISTANCES, forecast_touches
from tickgraph.lab.run import Listener, Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("touch")


@pytest.fixture(scope="module")
def asked(walk):
    return dataclasses.replace(walk, horizons=(5, 10))


@pytest.fixture(scope="module")
def walked(asked, folder):
    return forecast_touches(asked, METHODS, Run(folder), paths_every=3)


def test_a_level_came_if_a_days_high_or_low_got_there(walked, moves, schedule):
    panel, symbol = moves.panel, moves.panel.column("XOM")
    origin = int(schedule.origins[4])
    days = slice(origin + 1, origin + 11)
    start, factor = panel.adj_close[origin, symbol], panel.adj_close / panel.close
    high, low = ((each * factor)[days, symbol] for each in (panel.high, panel.low))
    unit = moves.deviation[origin, symbol] * np.sqrt(10)
    for place, distance in enumerate(DISTANCES):
        level = start * np.exp(distance * unit)
        came = high.max() >= level if distance > 0 else low.min() <= level
        assert walked.touched[4, symbol, 1, place] == came


def test_every_method_says_a_probability_that_falls_with_the_distance(walked):
    for name in METHODS:
        known = walked.said[name][np.isfinite(walked.said[name]).all(axis=(2, 3))]
        assert len(known) > 5
        assert ((known >= 0) & (known <= 1)).all()
        upper = known[..., len(DISTANCES) // 2 :]
        assert (np.diff(upper) <= 1e-12).all()
    together = np.isfinite(walked.said[PATHS])
    assert np.abs(walked.said[PATHS] - walked.said[PRODUCT])[together].mean() < 0.03
    assert (walked.said[PRODUCT] <= walked.said[TWICE] * 1.05)[np.isfinite(walked.said[TWICE])].all()


def test_paths_are_simulated_at_some_sessions_and_a_young_symbol_is_left_out(walked, moves):
    simulated = np.isfinite(walked.said[PATHS][:, moves.panel.column("XOM")]).all(axis=(1, 2))
    assert np.flatnonzero(simulated).tolist() == list(range(0, len(simulated), 3))
    young = moves.panel.column("ABNB")
    assert not np.isfinite(walked.said[PRODUCT][0, young]).any()
    assert np.isfinite(walked.said[PRODUCT][-1, young]).all()


def test_what_lies_beyond_the_last_price_is_not_known(walked, schedule, moves):
    last = schedule.origins + 10 >= len(moves.panel.sessions)
    assert np.isnan(walked.touched[last, :, 1]).all()


def test_nothing_after_a_session_changes_what_is_said_of_it(walked, asked, moves, schedule, tmp_path):
    """The last year is cut off; what was said before stays, but for the sessions that are no longer asked."""
    cut = int(schedule.origins[8]) + 1
    panel = moves.panel.through(moves.panel.sessions[cut])
    shorter = type(moves).of(panel, moves.horizons)
    earlier = type(schedule)(schedule.first, cut, schedule.windows)
    walk = dataclasses.replace(asked, moves=shorter, schedule=earlier)
    again = forecast_touches(walk, METHODS, Run(tmp_path), paths_every=3)
    for name in METHODS:
        np.testing.assert_allclose(again.said[name], walked.said[name][: len(earlier.origins)], atol=1e-12)


def test_what_was_found_is_read_the_next_time(walked, asked, folder, monkeypatch):
    heard = []
    monkeypatch.setattr(touch_walk, "gap_shares", None)
    run = Run(folder, listener=Listener(on_piece=heard.append))
    again = forecast_touches(asked, METHODS, run, paths_every=3)
    assert [each.reused for each in heard] == [True]
    np.testing.assert_allclose(again.said[PRODUCT], walked.said[PRODUCT], atol=1e-6)
    np.testing.assert_array_equal(again.touched, walked.touched)
