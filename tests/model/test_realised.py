from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fuzzing import examples
from tickgraph.model.realised import known_by, sums_ahead

daily = arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(1, 3)),
    elements=st.one_of(st.floats(0, 1e-2), st.just(np.nan)),
)
some_horizons = st.lists(st.integers(1, 35), min_size=1, max_size=4, unique=True).map(sorted)


@given(values=daily, horizons=some_horizons)
@settings(max_examples=examples(60), deadline=None)
def test_a_sum_is_of_the_next_sessions_and_of_no_other(values, horizons):
    sums = sums_ahead(values, horizons)
    assert sums.shape == (*values.shape, len(horizons))
    for session, symbol, place in np.ndindex(sums.shape):
        ahead = values[session + 1 : session + 1 + horizons[place], symbol]
        complete = len(ahead) == horizons[place]
        expected = ahead.sum() if complete else np.nan  # NaN too where one of them is missing
        np.testing.assert_allclose(sums[session, symbol, place], expected, rtol=1e-9, atol=1e-12)


@given(values=daily, horizons=some_horizons, data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_nothing_of_a_session_or_later_is_known_before_it(values, horizons, data):
    """Sums overlap the end: those that are known are the same, whatever comes then."""
    end = data.draw(st.integers(0, len(values)))
    later = data.draw(arrays(np.float64, values.shape, elements=st.floats(10, 1e6)))
    other = np.where((np.arange(len(values)) >= end)[:, None], later, values)
    known = known_by(sums_ahead(values, horizons), end, horizons)
    assert len(known) == end
    np.testing.assert_allclose(
        known, known_by(sums_ahead(other, horizons), end, horizons), rtol=1e-9, atol=1e-12
    )


@given(values=daily, horizons=some_horizons, data=st.data())
@settings(max_examples=examples(60), deadline=None)
def test_what_can_be_known_is_known(values, horizons, data):
    """It is what there would be if the prices ended before the session."""
    end = data.draw(st.integers(1, len(values)))
    known = known_by(sums_ahead(values, horizons), end, horizons)
    np.testing.assert_allclose(known, sums_ahead(values[:end], horizons), rtol=1e-9, atol=1e-12)


def test_sums_that_are_given_stay_as_they_are():
    sums = sums_ahead(np.ones((10, 1)), (1, 3))
    before = sums.copy()
    known_by(sums, 8, (1, 3))
    np.testing.assert_array_equal(sums, before)
