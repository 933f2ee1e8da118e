from __future__ import annotations

import pytest

from made_prices import Scripted, made_bars
from tickgraph.market.store import PriceStore


@pytest.fixture
def store(tmp_path):
    return PriceStore(tmp_path / "prices")


@pytest.fixture
def source(request):
    """A source of 41 sessions of the symbols that the test's module names."""
    return Scripted(made_bars(request.module.NAMES, 41))


@pytest.fixture
def held(store, source, request):
    """Histories of 40 sessions and one more appended to each, of the symbols that the test's module names."""
    store.write("scripted", made_bars(request.module.NAMES, 40))
    store.update(source, request.module.NAMES)
    return store
