from __future__ import annotations

import pytest

from hand_driven import HandDriven
from tickgraph.market.calendar import system_time
from tickgraph.operations.lease import Lease
from tickgraph.pipeline.background import Background
from tickgraph.pipeline.workplace import Workplace


@pytest.fixture
def workplace(registry, prices_dir, config):
    return Workplace(registry.root, prices_dir, training=config)


@pytest.fixture
def background(workplace, tmp_path):
    made = Background(workplace, tmp_path / "runtime", max_waiting=3)
    yield made
    made.close()


@pytest.fixture
def by_hand(background):
    background._pool = pool = HandDriven(background)
    background._workers = 100  # all that is asked for is begun at once
    return pool


@pytest.fixture
def lost(tmp_path):
    """A permit that has ended: the lease was given back."""
    lease = Lease(tmp_path / "operations", "ours", system_time)
    with lease:
        pass
    return lease
