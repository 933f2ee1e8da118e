from __future__ import annotations

import shutil
from datetime import date

import numpy as np
import pytest

from tickgraph.errors import PriceDataError
from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.prices import PanelCache


@pytest.fixture
def store(prices_dir, tmp_path):
    shutil.copytree(prices_dir, tmp_path / "prices")
    return PriceStore(tmp_path / "prices")


@pytest.fixture
def reads(store, monkeypatch):
    seen, real = [], store.panel
    monkeypatch.setattr(store, "panel", lambda source, symbols: seen.append(symbols) or real(source, symbols))
    return seen


def test_prices_are_read_once_for_many_forecasts(store, reads, registry):
    forecaster = Forecaster(registry, PanelCache(store))
    first = forecaster.forecast("AAPL")
    for _ in range(5):
        assert forecaster.forecast("AAPL").predicted_return == first.predicted_return
    assert len(reads) == 1


def test_another_symbol_widens_the_panel_and_changes_no_forecast(store, reads, registry):
    forecaster = Forecaster(registry, PanelCache(store))
    alone = forecaster.forecast("AAPL").predicted_return
    forecaster.forecast_all()
    assert len(reads) == 2
    assert forecaster.forecast("AAPL").predicted_return == pytest.approx(alone, rel=1e-5, abs=1e-9)
    assert len(reads) == 2


def test_new_prices_are_seen_without_restart(store, reads, sample, registry):
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    cache = PanelCache(store)
    forecaster = Forecaster(registry, cache)
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
