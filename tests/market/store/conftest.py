from __future__ import annotations

import pytest

from tickgraph.market.store import PriceStore


@pytest.fixture
def store(tmp_path):
    return PriceStore(tmp_path / "prices")
