"""Models and prices of the test's own, and a forecaster over them whose watcher is driven by hand."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime

import pytest

from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.observer import Observer
from tickgraph.serving.watcher import Watcher

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)


class Heard(Observer):
    def __init__(self):
        self.counts = Counter()

    def loaded(self, symbol, seconds):
        self.counts["loaded", symbol] += 1

    def refused(self, symbol, error):
        self.counts["refused", symbol] += 1

    def computed(self, symbols, seconds):
        self.counts["computed"] += 1

    def correlated(self, symbol, reason):
        self.counts["correlated", reason] += 1

    def fell_back(self, symbol, reason):
        self.counts["fell back"] += 1

    def prices_kept(self, source, error):
        self.counts["prices kept"] += 1


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def store(prices_dir, tmp_path):
    shutil.copytree(prices_dir, tmp_path / "own-prices")
    return PriceStore(tmp_path / "own-prices")


@pytest.fixture
def clock():
    return [EVENING]


@pytest.fixture
def watcher(registry, store, heard, clock):
    """A watcher that has looked once; ``look()`` is its step, so no test waits."""
    forecaster = Forecaster(registry, store, now=lambda: clock[0], observer=heard)
    made = Watcher(forecaster)
    made.look()
    yield made
    forecaster.close()


@pytest.fixture
def live(watcher):
    """The forecaster under that watcher."""
    return watcher.forecaster
