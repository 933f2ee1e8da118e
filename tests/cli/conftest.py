from __future__ import annotations

import pytest

from made_outlooks import with_horizons


@pytest.fixture
def run(command, monkeypatch, trained_dir, prices_dir):
    """Models of AAPL and MSFT forecast every horizon; those of JPM and XOM the next session."""
    with_horizons(monkeypatch, ("AAPL", "MSFT"))
    monkeypatch.setenv("TICKGRAPH_MODELS_DIR", str(trained_dir))
    monkeypatch.setenv("TICKGRAPH_PRICES_DIR", str(prices_dir))
    return command
