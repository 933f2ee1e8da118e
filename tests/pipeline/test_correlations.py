from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tickgraph.graph.correlation import rolling_correlation
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.pipeline.train import train_symbols


@pytest.fixture
def older(panel, program, registry):
    """AAPL's model as of the end of November."""
    train_symbols(panel.through(np.datetime64("2022-11-30")), ["AAPL"], registry, program=program)
    assert registry.metadata("AAPL").correlations.as_of == date(2022, 11, 30)
    return registry


def test_correlations_of_the_newest_session_are_published(older, panel, prices_dir):
    before = older.load("AAPL", weight_shapes)
    report = publish_correlations(older, PriceStore(prices_dir).panel, older.symbols())
    assert report.published == {"AAPL": date(2022, 12, 30)}
    assert set(report.unchanged) == {"JPM", "MSFT", "XOM"}
    after = older.load("AAPL", weight_shapes)
    assert after.metadata.correlations.as_of == date(2022, 12, 30)
    nodes = ("AAPL", *after.metadata.training_config.correlated_symbols)
    expected = rolling_correlation(panel.select(nodes).tail(61).log_returns(), 60)[-1]
    np.testing.assert_allclose(after.correlation, expected, atol=1e-12)
    assert after.metadata.checksums.weights == before.metadata.checksums.weights


def test_a_second_refresh_changes_nothing(older, prices_dir):
    panels = PriceStore(prices_dir).panel
    publish_correlations(older, panels, older.symbols())
    generations = {symbol: older.generation(symbol) for symbol in older.symbols()}
    assert not publish_correlations(older, panels, older.symbols()).published
    assert generations == {symbol: older.generation(symbol) for symbol in older.symbols()}
    assert set(publish_correlations(older, panels, ["JPM"], force=True).published) == {"JPM"}


def test_a_model_that_cannot_be_refreshed_is_named_and_the_others_go_on(older, prices_dir):
    older.paths("JPM").metadata.write_text("{}")
    report = publish_correlations(older, PriceStore(prices_dir).panel, ["JPM", "AAPL", "TSLA"])
    assert set(report.published) == {"AAPL"}
    assert "JPM_metadata.json is damaged" in report.failed["JPM"]
    assert "No model of TSLA" in report.failed["TSLA"]


def test_a_symbol_that_stopped_trading_is_refreshed_as_of_its_own_last_session(older, panel):
    """Its peers trade on; their later prices are none of its correlations."""
    adj_close = panel.adj_close.copy()
    adj_close[panel.sessions > np.datetime64("2022-12-20"), panel.column("AAPL")] = np.nan
    stopped = replace(panel, adj_close=adj_close)
    report = publish_correlations(older, lambda _, symbols: stopped.select(symbols), ["AAPL"])
    assert report.published == {"AAPL": date(2022, 12, 20)}
    stored = older.load("AAPL", weight_shapes)
    assert stored.metadata.correlations.as_of == date(2022, 12, 20)
    nodes = ("AAPL", *stored.metadata.training_config.correlated_symbols)
    until = panel.through(np.datetime64("2022-12-20")).select(nodes).tail(61)
    np.testing.assert_allclose(
        stored.correlation, rolling_correlation(until.log_returns(), 60)[-1], atol=1e-12
    )


def test_a_model_retrained_during_its_refresh_is_kept_as_it_is(older, panel):
    def panels(_, symbols):
        stored = older.load("AAPL", weight_shapes)
        weights = {path: 2 * value for path, value in stored.weights.items()}
        older.publish(stored.metadata, weights, stored.correlation)
        retrained.append(older.generation("AAPL"))
        return panel.select(symbols)

    retrained = []
    report = publish_correlations(older, panels, ["AAPL"])
    assert "retrained while its correlations were computed" in report.failed["AAPL"]
    assert [older.generation("AAPL")] == retrained


def test_prices_of_a_peer_that_come_late_are_not_left_out_until_tomorrow(older, panel):
    """One symbol may fail in the morning and be there an hour later: the session is the same, the matrix is not."""
    peer = older.metadata("AAPL").training_config.correlated_symbols[0]
    adj_close = panel.adj_close.copy()
    adj_close[-1, panel.column(peer)] = np.nan
    late = replace(panel, adj_close=adj_close)
    publish_correlations(older, lambda _, symbols: late.select(symbols), ["AAPL"])
    report = publish_correlations(older, lambda _, symbols: panel.select(symbols), ["AAPL"])
    assert report.published == {"AAPL": date(2022, 12, 30)}
    nodes = ("AAPL", *older.metadata("AAPL").training_config.correlated_symbols)
    expected = rolling_correlation(panel.select(nodes).tail(61).log_returns(), 60)[-1]
    np.testing.assert_allclose(older.correlation("AAPL"), expected, atol=1e-12)
