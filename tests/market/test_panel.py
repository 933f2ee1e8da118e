from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tickgraph.errors import InputError, PriceDataError
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel


def test_the_panel_holds_what_the_bars_say(sample, panel):
    bars = sample.fetch(["TSLA"]).bars
    column = panel.column("TSLA")
    for name in PANEL_COLUMNS:
        np.testing.assert_array_equal(getattr(panel, name)[:, column], bars[name].to_numpy(float))
    assert (panel.high[:, column] > panel.low[:, column]).all()


def test_a_symbol_that_did_not_trade_is_nan(panel):
    column = panel.column("ABNB")
    listed = np.searchsorted(panel.sessions, np.datetime64("2020-12-10"))
    assert np.isnan(panel.close[:listed, column]).all()
    assert np.isfinite(panel.close[listed:, column]).all()


def test_log_returns_are_of_the_adjusted_close(panel):
    returns = panel.log_returns()
    column = panel.column("XOM")
    expected = pd.Series(np.log(panel.adj_close[:, column])).diff()
    np.testing.assert_allclose(returns[:, column], expected)
    assert np.isnan(returns[0]).all()


def test_cuts_keep_prices_with_their_sessions(panel):
    cut = panel.select(("MSFT", "AAPL")).through(np.datetime64("2020-03-01")).tail(3)
    assert cut.symbols == ("MSFT", "AAPL")
    assert cut.sessions.astype(str).tolist() == ["2020-02-26", "2020-02-27", "2020-02-28"]
    row = np.searchsorted(panel.sessions, np.datetime64("2020-02-28"))
    for name in PANEL_COLUMNS:
        assert getattr(cut, name)[-1, 1] == getattr(panel, name)[row, panel.column("AAPL")]


def test_a_missing_symbol_is_named_with_a_suggestion(panel):
    with pytest.raises(PriceDataError, match=r"No prices for APPL .*Did you mean .*AAPL"):
        panel.select(("APPL",))


def test_no_session_up_to_a_date_is_an_error(panel):
    with pytest.raises(InputError, match="Empty date range"):
        panel.through(np.datetime64("1999-01-01"))


@pytest.mark.parametrize("name", PANEL_COLUMNS)
def test_any_number_counts_for_the_version_and_for_whether_prices_are_the_same(panel, name):
    small = panel.tail(5)
    values = getattr(small, name).copy()
    values[2, 3] *= 1 + 1e-12
    changed = dataclasses.replace(small, **{name: values})
    assert small.data_version == panel.tail(5).data_version != changed.data_version
    assert small.same_prices(panel.tail(5))
    assert not small.same_prices(changed)


def test_closes_alone_make_a_panel_whose_other_prices_are_missing(panel):
    small = panel.tail(5)
    closes = PricePanel(
        small.sessions, small.symbols, small.close, small.adj_close, small.volume, small.source
    )
    for part in (closes, closes.select(("AAPL",)), closes.tail(2), closes.joined(closes.tail(3))):
        for values in (part.open, part.high, part.low):
            assert values.shape == part.close.shape
            assert np.isnan(values).all()
    assert closes.open.strides == (0, 0)  # one number in memory
    assert closes.data_version != small.data_version


def test_bars_in_any_order_give_the_same_panel(sample, panel):
    bars = sample.fetch(sample.symbols()).bars.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(PricePanel.from_bars(bars, "sample").close, panel.close)


def test_through_a_date_includes_it_and_the_end_changes_nothing(panel):
    assert panel.through(np.datetime64("2020-02-28")).sessions[-1] == np.datetime64("2020-02-28")
    assert panel.through(np.datetime64("2030-01-01")) is panel


def test_returns_beside_a_missing_close_are_nan(panel):
    close = panel.adj_close[:5, :2].copy()
    close[2, 0] = np.nan
    small = dataclasses.replace(
        panel, sessions=panel.sessions[:5], symbols=panel.symbols[:2], adj_close=close
    )
    missing = np.isnan(small.log_returns())
    assert missing[:, 0].tolist() == [True, False, True, True, False]
    assert missing[:, 1].tolist() == [True, False, False, False, False]


def test_a_symbol_like_no_other_gets_no_suggestion(panel):
    with pytest.raises(PriceDataError, match=r"No prices for QQQQQQ from source 'sample'\.$"):
        panel.column("QQQQQQ")


def test_providers_stay_with_their_symbols(panel):
    from dataclasses import replace

    known = replace(panel, providers={"AAPL": "tiingo", "XOM": "stooq"})
    for part in (
        known.tail(5),
        known.through(panel.sessions[50]),
        known.select(("AAPL", "JPM")),
        known.traded("AAPL"),
    ):
        assert (part.provider("AAPL"), part.provider("JPM")) == ("tiingo", "sample")
    assert dict(known.select(("AAPL", "JPM")).providers) == {"AAPL": "tiingo"}
    joined = known.joined(replace(panel.select(("XOM",)), providers={"XOM": "yahoo"}))
    assert (joined.provider("AAPL"), joined.provider("XOM"), joined.provider("JPM")) == (
        "tiingo",
        "yahoo",
        "sample",
    )
    assert joined.joined(panel.select(("XOM",))).provider("XOM") == "sample"
    assert not known.same_prices(panel)


def test_a_panel_takes_in_later_sessions_and_is_itself_where_there_are_none(panel):
    before = panel.through(panel.sessions[-3])
    assert (
        before.extended(panel.select(("AAPL", "XOM")).tail(5))
        .select(("AAPL", "XOM"))
        .same_prices(panel.select(("AAPL", "XOM")))
    )
    assert panel.extended(panel.tail(5)) is panel
    grown = before.extended(panel.select(("AAPL",)).tail(1))
    assert np.isnan(grown.select(("XOM",)).close[-1, 0])
    assert grown.lineage is not before.lineage
