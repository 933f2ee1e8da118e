from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.lab.horizons.schedule import HorizonWindows, Schedule, make_schedule

DAYS = np.arange("2015-01-01", "2018-01-01", dtype="datetime64[D]")


@given(
    first=st.integers(0, 900),
    length=st.integers(1, 400),
    every=st.integers(1, 130),
    density=st.integers(1, 9),
    train=st.integers(50, 500),
    with_scores=st.booleans(),
)
def test_stretches_follow_each_other_and_fits_see_only_known_targets(
    first, length, every, density, train, with_scores
):
    windows = HorizonWindows(horizons=(1, 5, 63), fit_sessions=train, density_every=density)
    schedule = Schedule(first, first + length, windows)
    stretches = schedule.stretches(every, with_scores=with_scores)
    rows = [row for each in stretches for row in range(each.first, each.stop)]
    assert rows == list(range(schedule.begin(with_scores=with_scores), first + length))
    assert first in [each.first for each in stretches]
    assert all(0 < each.stop - each.first <= every for each in stretches)
    np.testing.assert_array_equal(np.concatenate([each.origins for each in stretches]), schedule.origins)
    for each in stretches:
        for horizon in windows.horizons:
            learned = range(each.first + 2000)[each.fit_rows(horizon)]
            assert all(
                row + horizon < each.first for row in learned
            )  # known at the close before the first forecast
            assert len(learned) <= train


def test_the_range_is_as_long_as_the_prices_allow():
    schedule = make_schedule(DAYS, HorizonWindows(train_sessions=500))
    assert (schedule.first, schedule.stop) == (561, len(DAYS) - 1)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"train_sessions": 5000}, HistoryTooShortError, "Lower --train-sessions"),
        ({"start": "2015-03-01"}, HistoryTooShortError, "at the earliest"),
        ({"start": "2019-01-01"}, InputError, "Empty test range"),
        ({"start": "2017-05-01", "end": "2017-04-01"}, InputError, "Empty test range"),
    ],
)
def test_a_range_without_forecasts_is_refused(settings, error, said):
    with pytest.raises(error, match=said):
        make_schedule(DAYS, HorizonWindows(**{"train_sessions": 500, **settings}))


@pytest.mark.parametrize("horizons", [(), (0, 1), (5, 1), (1, 1)])
def test_horizons_ascend(horizons):
    with pytest.raises(ValidationError):
        HorizonWindows(horizons=horizons)
