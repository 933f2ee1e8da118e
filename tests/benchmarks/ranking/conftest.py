from __future__ import annotations

from pathlib import Path

import pytest

from made_market import read_made, write_market

TRUE_FILE = Path(__file__).parents[4] / "shared/data/rsr_nasdaq.npz"


@pytest.fixture(scope="session")
def market(tmp_path_factory):
    """40 stocks, 199 whole days: noise and one common factor."""
    return read_made(write_market(tmp_path_factory.mktemp("market") / "made.npz"))


@pytest.fixture(scope="session")
def reverting(tmp_path_factory):
    """Most of every move is undone the day after: something to learn."""
    return read_made(write_market(tmp_path_factory.mktemp("market") / "reverting.npz", reversal=0.7))


@pytest.fixture(scope="session")
def nasdaq():
    """The file of the published table, where it is at hand."""
    from benchmarks.ranking.market import read_market

    if not TRUE_FILE.exists():
        pytest.skip(f"{TRUE_FILE} is not here")
    return read_market(TRUE_FILE)
