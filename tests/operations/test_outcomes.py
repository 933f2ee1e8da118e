from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from made_outlooks import record
from tickgraph.errors import PriceDataError
from tickgraph.market.calendar import session_closes, sessions
from tickgraph.market.panel import PricePanel
from tickgraph.operations.outcomes import window_of, with_outcomes
from tickgraph.serving.journal_reading import read_journal

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)


def outcomes(panel, *records, now=EVENING, window=60):
    def stored(source, symbols, first):
        return panel.select(symbols)

    return with_outcomes(pd.DataFrame(list(records)), stored, now, window)


def move(panel, symbol, first, last):
    """Log return of the adjusted close between two sessions."""
    rows = np.searchsorted(panel.sessions, np.array([first, last], dtype="datetime64[D]"))
    start, end = panel.adj_close[rows, panel.column(symbol)]
    return np.log(end / start)


def with_prices(panel, symbol, days, change):
    """The panel with a symbol's prices at some sessions changed."""
    adjusted = panel.adj_close.copy()
    adjusted[days, panel.column(symbol)] = change(adjusted[days, panel.column(symbol)])
    return PricePanel(panel.sessions, panel.symbols, panel.close, adjusted, panel.volume, panel.source)


def test_the_outcome_is_the_return_of_the_target_session(panel):
    (found,) = outcomes(panel, record()).to_dict("records")
    assert found["realised"] == pytest.approx(move(panel, "AAPL", "2022-12-28", "2022-12-29"))
    # 20 sessions before 2022-12-28, over Thanksgiving and Christmas
    assert found["momentum"] == pytest.approx(move(panel, "AAPL", "2022-11-29", "2022-12-28") / 20)


@pytest.mark.parametrize(
    ("logged", "target", "as_of", "counts"),
    [
        ("2022-12-29T20:59:59", "2022-12-29", "2022-12-28", True),  # New York closes at 21:00 UTC in winter
        ("2022-12-29T21:00:00", "2022-12-29", "2022-12-28", False),
        ("2022-11-25T17:59:59", "2022-11-25", "2022-11-23", True),  # half a day
        ("2022-11-25T18:00:01", "2022-11-25", "2022-11-23", False),
        ("2022-10-06T19:59:59", "2022-10-06", "2022-10-05", True),  # summer time
        ("2022-10-06T20:00:01", "2022-10-06", "2022-10-05", False),
    ],
)
def test_only_what_was_logged_before_the_close_counts(panel, logged, target, as_of, counts):
    assert len(outcomes(panel, record(logged=logged, target=target, as_of=as_of))) == counts


def test_of_several_the_last_before_the_close_counts(panel):
    found = outcomes(
        panel,
        record(logged="2022-12-29T11:00", forecast=0.002),
        record(logged="2022-12-29T22:00", forecast=0.004),
        record(logged="2022-12-29T15:00", forecast=0.003),
        record(logged="2022-12-28T22:00", forecast=0.001),
    )
    assert list(found["predicted_return"]) == [0.003]


def test_a_session_that_is_not_over_is_not_scored(panel):
    before_the_close = datetime(2022, 12, 29, 20, tzinfo=UTC)
    assert outcomes(panel, record(), now=before_the_close).empty


def test_only_the_last_sessions_are_scored(panel):
    days = sessions("2022-11-01", "2022-12-30")
    made = [
        record(as_of=str(base), target=str(target), logged=f"{target}T11:00")
        for base, target in pairwise(days)
    ]
    found = outcomes(panel, *made, window=10)
    assert list(found["target_session"].to_numpy().astype("datetime64[D]")) == list(days[-10:])
    assert list(window_of(EVENING, 10)) == list(days[-10:])


def test_later_prices_change_nothing(panel):
    """The future of a forecast is corrupted; what it is scored against is not."""
    after = panel.sessions > np.datetime64("2022-12-29")
    before = panel.sessions < np.datetime64("2022-11-29")
    for rows in (after, before):
        corrupted = with_prices(panel, "AAPL", rows, lambda values: values * 3.0)
        pd.testing.assert_frame_equal(outcomes(corrupted, record()), outcomes(panel, record()))


def test_a_split_since_then_changes_nothing(panel):
    split = with_prices(panel, "AAPL", slice(None), lambda values: values / 4.0)
    found, expected = outcomes(split, record()), outcomes(panel, record())
    np.testing.assert_allclose(found["realised"], expected["realised"], rtol=1e-9)
    np.testing.assert_allclose(found["momentum"], expected["momentum"], rtol=1e-9)


def test_a_symbol_that_did_not_trade_is_not_scored(panel):
    day = panel.sessions == np.datetime64("2022-12-29")
    halted = with_prices(panel, "AAPL", day, lambda values: values * np.nan)
    found = outcomes(halted, record(), record("MSFT"))
    assert list(found["symbol"]) == ["MSFT"]


def test_a_session_that_is_not_stored_yet_is_not_scored(panel):
    assert outcomes(panel.through(np.datetime64("2022-12-28")), record()).empty


def test_prices_that_cannot_be_read_cost_only_their_own_symbol(panel):
    def stored(source, symbols, first):
        if "JPM" in symbols:
            raise PriceDataError("JPM is damaged")
        return panel.select(symbols)

    names = ("AAPL", "MSFT", "JPM", "XOM", "NKE")
    made = pd.DataFrame([record(name) for name in names])
    assert set(with_outcomes(made, stored, EVENING, 60)["symbol"]) == {*names} - {"JPM"}


def test_a_renamed_symbol_is_found_under_its_new_name(panel):
    renamed = panel.select(("AAPL",))
    renamed = PricePanel(
        renamed.sessions, ("XYZ",), renamed.close, renamed.adj_close, renamed.volume, renamed.source
    )
    found = outcomes(renamed, record("SQ"), record("no symbol at all"))
    assert list(found["symbol"]) == ["XYZ"]


def test_each_source_is_asked_for_its_own(panel):
    asked = []

    def stored(source, symbols, first):
        asked.append((source, *symbols))
        return panel.select(symbols)

    with_outcomes(pd.DataFrame([record(), record("MSFT", source="files")]), stored, EVENING, 60)
    assert sorted(asked) == [("files", "MSFT"), ("sample", "AAPL")]


def test_no_forecasts_have_no_outcomes(panel, tmp_path):
    found = with_outcomes(read_journal(tmp_path), panel.select, EVENING, 60)
    assert found.empty
    assert {"realised", "momentum"} <= set(found.columns)


def test_closes_are_those_of_the_exchange():
    days = np.array(["2022-12-30", "2022-11-25", "2022-12-31", "2022-07-01"], dtype="datetime64[D]")
    assert [str(close) for close in session_closes(days)] == [
        "2022-12-30T21:00:00.000000",
        "2022-11-25T18:00:00.000000",
        "NaT",
        "2022-07-01T20:00:00.000000",
    ]
    assert len(session_closes(days[:0])) == 0
