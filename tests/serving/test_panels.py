from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest

from tickgraph.errors import PriceDataError
from tickgraph.market.panel import PricePanel
from tickgraph.market.source import Fetched, select_bars
from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.panels import PanelCache
from tickgraph.threads import Threads


@pytest.fixture
def reads(store, monkeypatch):
    seen, real = [], store.panel
    monkeypatch.setattr(store, "panel", lambda source, symbols: seen.append(symbols) or real(source, symbols))
    return seen


def test_prices_are_read_once_for_many_forecasts(store, reads, registry):
    forecaster = Forecaster(registry, store)
    first = forecaster.forecast("AAPL")
    for _ in range(5):
        assert forecaster.forecast("AAPL").predicted_return == first.predicted_return
    assert len(reads) == 1


def test_another_symbol_widens_the_panel_and_changes_no_forecast(store, reads, registry):
    forecaster = Forecaster(registry, store)
    alone = forecaster.forecast("AAPL").predicted_return
    forecaster.forecast_all()
    assert len(reads) == 2
    assert forecaster.forecast("AAPL").predicted_return == pytest.approx(alone, rel=1e-5, abs=1e-9)
    assert len(reads) == 2


def test_new_prices_are_seen_without_restart(store, reads, sample, registry):
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    forecaster = Forecaster(registry, store)
    assert forecaster.forecast("AAPL").as_of == date(2022, 12, 29)
    store.write("sample", bars)
    assert forecaster.forecast("AAPL").as_of == date(2022, 12, 30)
    assert len(reads) == 2


def test_a_file_that_is_gone_is_an_error_and_not_a_memory(store, registry):
    cache = PanelCache(store)
    cache("sample", ["AAPL", "MSFT"])
    (store.root / "sample" / "AAPL.parquet").unlink()
    with pytest.raises(PriceDataError, match="No prices of AAPL"):
        cache("sample", ["AAPL"])
    assert np.isfinite(cache("sample", ["MSFT"]).select(("MSFT",)).close).all()


class WatchedThreads(Threads):
    """The thread that reads, which says when a second call wants it."""

    def __init__(self):
        super().__init__(1, "test")
        self.wanted, self._calls = threading.Event(), 0

    def submit(self, call, *words):
        future = super().submit(call, *words)
        self._calls += 1
        if self._calls > 1:
            self.wanted.set()
        return future


@pytest.fixture
def beside(store, monkeypatch):
    """Have a call made by another thread while prices are read; gives its result."""

    def arranged(cache, call):
        cache._reading = watched = WatchedThreads()
        real, threads, results = store.panel, ThreadPoolExecutor(1), []

        def panel(source, symbols):
            if not results:
                results.append(threads.submit(call))
                results[0].add_done_callback(lambda _: watched.wanted.set())
                assert watched.wanted.wait(30)
            return real(source, symbols)

        monkeypatch.setattr(store, "panel", panel)
        return results

    return arranged


def test_what_is_missing_is_read_once_however_many_ask(store, reads, beside):
    cache = PanelCache(store)
    other = beside(cache, lambda: cache.covering("sample", ["AAPL"]))
    mine = cache.covering("sample", ["AAPL"])
    assert other[0].result(30) is mine
    assert len(reads) == 1


def test_clearing_while_prices_are_read_costs_none_that_were_asked_for(store, beside):
    cache = PanelCache(store)
    cache.covering("sample", ["AAPL", "MSFT"])
    cleared = beside(cache, cache.clear)
    assert {"AAPL", "XOM"} <= set(cache.covering("sample", ["AAPL", "XOM"]).symbols)
    cleared[0].result(30)
    assert cache.peek("sample") is None


def test_a_file_replaced_while_it_is_read_is_read_again(store, sample, monkeypatch):
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    cache, real = PanelCache(store), store.panel

    def replaced(source, symbols):
        panel = real(source, symbols)
        store.write("sample", bars)
        return panel

    with monkeypatch.context() as update:
        update.setattr(store, "panel", replaced)
        assert cache.covering("sample", ["AAPL"]).sessions[-1] == np.datetime64("2022-12-29")
    cache.refresh()
    cache.refresh()
    assert cache.peek("sample").sessions[-1] == np.datetime64("2022-12-30")


def appended(store, bars):
    """Sessions after those stored, as an update from another process appends them."""

    class Source:
        name, editable = "sample", False

        def symbols(self):
            return tuple(sorted(set(bars["symbol"])))

        def fetch(self, symbols, first=None, last=None):
            return Fetched(select_bars(bars, symbols, first, last))

    other = PriceStore(store.root)
    other.update(Source(), other.symbols("sample"))


@pytest.fixture
def a_session_short(store, sample):
    """Bars of the sample; the store lacks their last session."""
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    return bars


def test_an_appended_session_is_taken_in_at_the_first_look_without_reading_a_history(
    store, reads, a_session_short
):
    cache = PanelCache(store)
    before = cache("sample", ["AAPL", "XOM"])
    appended(store, a_session_short)
    cache.refresh()
    after = cache.peek("sample")
    assert len(reads) == 1
    assert after.lineage is not before.lineage
    assert after.same_prices(PriceStore(store.root).panel("sample", ["AAPL", "XOM"]))
    assert cache("sample", ["AAPL"]) is after


def test_who_asks_anew_gets_an_appended_session_at_once(store, reads, a_session_short):
    cache = PanelCache(store)
    cache("sample", ["AAPL", "XOM"])
    appended(store, a_session_short)
    assert cache("sample", ["AAPL"]).sessions[-1] == np.datetime64("2022-12-30")
    assert len(reads) == 1


def test_prices_that_were_only_folded_change_nothing_that_was_computed(store, a_session_short):
    cache = PanelCache(store)
    appended(store, a_session_short)
    before = cache("sample", ["AAPL", "XOM"])
    PriceStore(store.root).fold("sample", always=True)
    cache.refresh()
    cache.refresh()
    assert cache.peek("sample") is before
    stamps = {symbol: store.stamp("sample", symbol) for symbol in ("AAPL", "XOM")}
    assert cache._sources["sample"].stamps == stamps


def test_another_symbols_session_changes_nothing_that_was_computed(store, a_session_short):
    cache = PanelCache(store)
    before = cache("sample", ["AAPL"])
    appended(store, a_session_short[a_session_short["symbol"] == "XOM"])
    cache.refresh()
    assert cache.peek("sample") is before


def test_a_restated_history_and_an_appended_session_are_taken_in_together(store, a_session_short):
    cache = PanelCache(store)
    cache("sample", ["AAPL", "XOM"])
    bars = a_session_short.copy()
    bars.loc[bars["symbol"] == "XOM", "adj_close"] *= 0.9
    appended(store, bars)
    cache.refresh()
    assert cache.peek("sample").sessions[-1] == np.datetime64("2022-12-29")
    cache.refresh()
    assert cache.peek("sample").same_prices(PriceStore(store.root).panel("sample", ["AAPL", "XOM"]))


def test_a_history_restated_while_new_sessions_are_read_is_not_mixed_with_what_is_in_memory(
    store, a_session_short, monkeypatch
):
    cache, real = PanelCache(store), store.recent
    cache("sample", ["AAPL", "XOM"])
    appended(store, a_session_short)
    halved = a_session_short.assign(adj_close=a_session_short["adj_close"] / 2)

    def restated(source, symbols):
        store.write("sample", halved[halved["symbol"] == "XOM"])
        return real(source, symbols)

    monkeypatch.setattr(store, "recent", restated)
    cache.refresh()
    assert cache.peek("sample").same_prices(PriceStore(store.root).panel("sample", ["AAPL", "XOM"]))


def test_a_forecast_names_the_provider_behind_its_symbols_prices(store, registry, a_session_short):
    with store.writing("sample") as writer:
        writer.replace("AAPL", a_session_short[a_session_short["symbol"] == "AAPL"], "tiingo")
    forecaster = Forecaster(registry, store)
    answers = forecaster.forecast_many(["AAPL", "JPM"]).forecasts
    assert (answers["AAPL"].prices_source, answers["AAPL"].prices_provider) == ("sample", "tiingo")
    assert answers["JPM"].prices_provider == "sample"


def test_a_history_that_is_gone_costs_the_others_no_reading_and_no_panel_of_their_own(
    store, reads, a_session_short, monkeypatch
):
    cache, names = PanelCache(store), store.symbols("sample")
    cache("sample", names)
    reads.clear()
    made, real = [], PricePanel.extended
    monkeypatch.setattr(PricePanel, "extended", lambda *panels: made.append(panels) or real(*panels))
    appended(store, a_session_short)
    (store.root / "sample" / "JPM.parquet").unlink()
    cache.refresh()
    cache.refresh()
    kept, others = cache.peek("sample"), tuple(name for name in names if name != "JPM")
    assert kept.select(others).same_prices(PriceStore(store.root).panel("sample", others))
    assert kept.traded("JPM").sessions[-1] == np.datetime64("2022-12-29")
    halvings = np.ceil(np.log2(len(names)))
    assert len(reads) <= 1 + halvings
    assert len(made) <= halvings


def test_one_that_ended_before_the_sessions_that_are_kept_is_read_apart(store, sample):
    """Read with others, it has no price among their last sessions."""
    bars = sample.fetch(("AAPL", "JPM")).bars
    ended = bars["symbol"].eq("JPM") & (bars["date"] >= "2021-06-01")
    store.write("sample", bars[~ended])
    cache = PanelCache(store, sessions=100)
    panel = cache("sample", ["AAPL", "JPM"])
    assert np.isfinite(panel.select(("JPM",)).close).sum() == 100
    assert np.isfinite(panel.select(("AAPL",)).close).sum() == 100


def test_a_cold_symbol_after_a_session_costs_the_others_no_reading(store, reads, a_session_short):
    cache = PanelCache(store)
    cache("sample", ["AAPL", "JPM"])
    appended(store, a_session_short)
    cache.covering("sample", ["MSFT"])
    assert reads == [("AAPL", "JPM"), ("MSFT",)]
    assert cache.peek("sample").traded("AAPL").sessions[-1] == np.datetime64("2022-12-30")


def test_all_sessions_are_those_in_memory_where_files_are_gone(store):
    cache = PanelCache(store, sessions=100)
    cache("sample", ["AAPL"])
    assert len(cache.whole("sample", ["AAPL"]).sessions) > 100
    (store.root / "sample" / "AAPL.parquet").unlink()
    assert len(cache.whole("sample", ["AAPL"]).sessions) == 100
    with pytest.raises(PriceDataError):
        cache.whole("sample", ["MSFT", "NONE"])
