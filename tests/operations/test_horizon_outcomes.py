"""What became of forecasts by horizon: of real prices, and never earlier than it was known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_outlooks import ahead, record
from tickgraph.market.calendar import next_session, session_closes, sessions
from tickgraph.market.panel import PANEL_COLUMNS
from tickgraph.market.range_variance import range_variance
from tickgraph.operations.horizon_outcomes import horizon_outcomes
from tickgraph.serving.journal_reading import read_journal

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)
AS_OF = "2022-10-28"  # XOM goes ex on 14 November
DAYS = sessions("2022-07-01", "2022-12-30")
SECOND = timedelta(seconds=1)


def made(symbol="XOM", as_of=AS_OF, horizons=(1, 5, 21), **others):
    target = next_session(as_of)
    words = {"target": str(target), "logged": f"{target}T11:00", **others}
    return record(symbol, as_of=as_of, **words) | ahead(as_of, *horizons)


def outcomes(panel, *records, now=EVENING, window=60):
    return horizon_outcomes(
        pd.DataFrame(list(records)), lambda source, symbols, first: panel.select(symbols), now, window
    )


def changed(panel, rows, change, columns=PANEL_COLUMNS):
    """The panel with some sessions' prices of XOM changed."""

    def anew(values):
        values = values.copy()
        values[rows, panel.column("XOM")] = change(values[rows, panel.column("XOM")])
        return values

    return replace(panel, **{name: anew(getattr(panel, name)) for name in columns})


def span(panel, first, last):
    """Rows of the sessions after one and up to another."""
    return (panel.sessions > np.datetime64(first)) & (panel.sessions <= np.datetime64(last))


def test_the_outcome_is_the_move_of_the_price_which_dividends_lower(panel):
    found = outcomes(panel, made()).set_index("ahead")
    column = panel.column("XOM")
    start = np.searchsorted(panel.sessions, np.datetime64(AS_OF))
    for sessions_ahead in (1, 5, 21):
        end = start + sessions_ahead
        row = found.loc[sessions_ahead]
        assert row["expiry"] == pd.Timestamp(panel.sessions[end])
        assert row["realised"] == pytest.approx(np.log(panel.close[end, column] / panel.close[start, column]))
    total = np.log(panel.adj_close[start + 21, column] / panel.adj_close[start, column])
    assert total - found.loc[21, "realised"] > 0.005, "a dividend of 91 cents lies between"


def test_the_variance_is_the_sum_of_the_sessions_between(panel):
    found = outcomes(panel, made()).set_index("ahead")
    variance = range_variance(panel)[:, panel.column("XOM")]
    start = np.searchsorted(panel.sessions, np.datetime64(AS_OF))
    for sessions_ahead in (1, 5, 21):
        came = variance[start + 1 : start + 1 + sessions_ahead].sum()
        assert found.loc[sessions_ahead, "realised_variance"] == pytest.approx(came)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, len(DAYS) - 64),
    st.sets(st.integers(1, 63), min_size=1),
    st.integers(1, 63),
    st.sampled_from([-SECOND, timedelta(0), SECOND]),
)
def test_an_outcome_appears_when_its_last_session_has_closed_and_never_earlier(
    panel, start, horizons, later, apart
):
    """The panel knows everything that came: only the clock holds it back."""
    as_of, horizons = str(DAYS[start]), sorted(horizons)
    now = session_closes(DAYS[[start + later]])[0].item().replace(tzinfo=UTC) + apart
    found = outcomes(panel, made(as_of=as_of, horizons=horizons), now=now, window=70)
    over = [each for each in horizons if each < later or (each == later and apart >= timedelta(0))]
    assert found["ahead"].tolist() == over


def test_nothing_after_the_last_session_changes_an_outcome(panel):
    before = outcomes(panel, made())
    for sessions_ahead, own in before.groupby("ahead"):
        later = panel.sessions > own["expiry"].to_numpy().astype("datetime64[D]")[0]
        corrupt = outcomes(changed(panel, later, lambda values: values * 3.0), made())
        pd.testing.assert_frame_equal(corrupt[corrupt["ahead"] == sessions_ahead], own)
    within = span(panel, AS_OF, "2022-11-04")
    corrupt = outcomes(changed(panel, within, lambda values: values * 3.0), made())
    assert (corrupt["realised_variance"] != before["realised_variance"]).all(), "this test can fail"


@pytest.mark.parametrize(
    ("logged", "counts"), [("2022-10-31T19:59:59", True), ("2022-10-31T20:00:00", False)]
)
def test_what_was_logged_when_a_part_of_its_stretch_was_known_counts_at_no_horizon(panel, logged, counts):
    assert len(outcomes(panel, made(logged=logged))) == 3 * counts


def test_of_several_the_last_before_the_close_counts(panel):
    early = made(logged="2022-10-31T11:00") | {"variances": [1.0, 2.0, 3.0]}
    late = made(logged="2022-10-31T21:00") | {"variances": [7.0, 8.0, 9.0]}
    assert outcomes(panel, early, made(logged="2022-10-28T22:00"), late)["variance"].tolist() == [
        1.0,
        2.0,
        3.0,
    ]


def test_only_the_last_sessions_are_scored(panel):
    assert outcomes(panel, made(), window=40)["ahead"].tolist() == [5, 21]
    assert outcomes(panel, made(), window=10).empty


def test_a_split_since_then_changes_nothing(panel):
    split = changed(panel, slice(None), lambda values: values / 4.0)
    pd.testing.assert_frame_equal(outcomes(split, made()), outcomes(panel, made()))


def test_a_session_without_a_price_costs_what_ends_there_and_the_variance_across_it(panel):
    day = panel.sessions == np.datetime64("2022-11-04")  # the fifth
    found = outcomes(changed(panel, day, lambda values: values * np.nan), made()).set_index("ahead")
    assert list(found.index) == [1, 21]
    assert np.isfinite(found.loc[21, "realised"])
    assert np.isnan(found.loc[21, "realised_variance"])


def test_a_session_that_the_store_lacks_costs_the_variance_across_it(panel):
    keep = panel.sessions != np.datetime64("2022-11-02")
    short = replace(
        panel, sessions=panel.sessions[keep], **{name: getattr(panel, name)[keep] for name in PANEL_COLUMNS}
    )
    found = outcomes(short, made()).set_index("ahead")
    assert np.isfinite(found["realised"]).all()
    assert found["realised_variance"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    "damage",
    [
        {"variances": [0.1, 0.2]},
        {"expiries": None},
        {"lower_0.8_ahead": [np.nan] * 3},
        {"ahead": []},
        {"ahead": [0, -5, 0]},
        {"expiries": [pd.Timestamp(AS_OF)] * 3},
    ],
)
def test_a_record_whose_lists_are_damaged_is_left_out_and_spoils_no_others(panel, damage):
    found = outcomes(panel, made() | damage, made("AAPL"))
    pd.testing.assert_frame_equal(found, outcomes(panel, made("AAPL")))
    assert len(found) == 3


def test_records_without_horizons_have_no_outcomes(panel, tmp_path):
    for none in (outcomes(panel, record()), outcomes(panel, made(), record("MSFT")).iloc[3:]):
        assert none.empty
    found = horizon_outcomes(read_journal(tmp_path), panel.select, EVENING, 60)
    assert found.empty
    assert {"ahead", "realised", "realised_variance"} <= set(found.columns)


def test_a_renamed_symbol_is_found_under_its_new_name(panel):
    renamed = replace(panel.select(("XOM",)), symbols=("XYZ",))
    assert set(outcomes(renamed, made("SQ"))["symbol"]) == {"XYZ"}
