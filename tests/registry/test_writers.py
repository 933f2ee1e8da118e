"""Writers take turns: within a process, between processes, and with one that was killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tickgraph import storage
from tickgraph.errors import StorageError
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry

sys.path.insert(0, str(Path(__file__).parent))
import publisher

SCRIPT = Path(__file__).with_name("publisher.py")


def test_a_refresh_builds_on_the_training_run_that_ended_while_it_waited(registry):
    """The refresh reads under the lock; weights read before would undo the training run."""
    template = registry.load("AAPL", weight_shapes)
    other, about_to_lock = ModelRegistry(registry.root), threading.Event()
    writing = other._shelf.alone

    def tell(symbol):
        about_to_lock.set()
        return writing(symbol)

    other._shelf.alone = tell
    refresh = threading.Thread(
        target=other.publish_correlation, args=("AAPL", np.eye(11), date(2023, 1, 3)), daemon=True
    )
    with registry._shelf.alone("AAPL"):
        refresh.start()
        assert about_to_lock.wait(20)
        metadata, weights, correlation = publisher.generation(template, 7)
        registry._commit(metadata, *publisher.encoded(weights, correlation))
    refresh.join(20)
    after = registry.load("AAPL", weight_shapes)
    assert all((value == 7).all() for value in after.weights.values())
    assert after.metadata.performance_metrics.final_loss == 7
    np.testing.assert_array_equal(after.correlation, np.eye(11))


def test_two_processes_that_publish_at_once_take_turns(registry):
    registry.publish(*publisher.generation(registry.load("AAPL", weight_shapes), 1))
    command = [sys.executable, SCRIPT, registry.root]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for _ in range(25):
            for process in processes:
                assert process.stdout.readline().strip(), "a publisher failed"
            publisher.number_of(registry.load("AAPL", weight_shapes))
        assert [process.poll() for process in processes] == [None, None]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    publisher.number_of(registry.load("AAPL", weight_shapes))
    registry.publish(*publisher.generation(registry.load("AAPL", weight_shapes), 2))  # their locks are free
    assert publisher.number_of(registry.load("AAPL", weight_shapes)) == 2
    registry.recover()  # both were killed
    assert publisher.left_over(registry.root) == []


@pytest.mark.parametrize("same", [True, False])
def test_a_lock_that_is_held_too_long_is_named_and_nothing_changes(registry, monkeypatch, same):
    template = registry.load("AAPL", weight_shapes)
    monkeypatch.setattr(storage, "WAIT_SECONDS", 0.05)
    holder = registry if same else ModelRegistry(registry.root)
    with (
        holder._shelf.alone("AAPL"),
        pytest.raises(StorageError, match=r"AAPL\.lock is held by another writer"),
    ):
        registry.publish(*publisher.generation(template, 2))
    assert registry.load("AAPL", weight_shapes).generation == template.generation
    registry.publish(*publisher.generation(template, 2))
    with holder._shelf.alone("MSFT"):  # another symbol's writer is in nobody's way
        registry.publish(*publisher.generation(template, 3))
    assert publisher.number_of(registry.load("AAPL", weight_shapes)) == 3
