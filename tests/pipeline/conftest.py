from __future__ import annotations

import pytest

from hand_driven import HandDriven
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
