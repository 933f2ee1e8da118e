"""A publish that is interrupted at any instant, by a crash or by the disk, and readers beside it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tickgraph.errors import StorageError
from tickgraph.model.weights import weight_shapes
from tickgraph.registry import generation as generation_module
from tickgraph.registry.correlation_file import decode_correlation
from tickgraph.registry.generation import READ_ATTEMPTS
from tickgraph.registry.registry import ModelRegistry
from tickgraph.registry.weights_file import decode_weights

sys.path.insert(0, str(Path(__file__).parent))
import publisher

SCRIPT = Path(__file__).with_name("publisher.py")


@pytest.fixture
def numbered(registry) -> ModelRegistry:
    """A registry whose AAPL is generation 1 of the publisher."""
    registry.publish(*publisher.generation(registry.load("AAPL", weight_shapes), 1))
    return registry


def assert_finals_are_valid(root) -> None:
    """What stands under the fixed names is a valid file at every instant, of whichever generation."""
    model = ModelRegistry(root)
    paths, training = model.paths("AAPL"), model.metadata("AAPL").training_config
    decode_weights(paths.weights.read_bytes(), weight_shapes(training), name="weights")
    decode_correlation(paths.correlations.read_bytes(), training, name="correlations")


def read(root) -> int:
    return publisher.number_of(ModelRegistry(root).load("AAPL", weight_shapes))


def test_what_a_first_publish_left_is_recovered(registry):
    """Killed before its commit: there is no metadata to find it by."""
    left = [
        registry.root / "weights" / ".NVDA.weights.h5.0123456789abcdef.staged",
        registry.root / "correlations" / "._NVDA.tmp",
        registry.root / "metadata" / ".NVDA_metadata.json.x.tmp",
    ]
    for path in left:
        path.write_bytes(b"half")
    assert registry.recover() == ("NVDA",)
    assert [path.exists() for path in left] == [False, True, False]  # the second is nothing of ours


def test_files_that_wait_for_metadata_of_a_later_version_are_kept(registry):
    metadata = registry.paths("AAPL").metadata
    metadata.write_text(metadata.read_text().replace('"schema_version": 1', '"schema_version": 2'))
    waiting = registry.root / "weights" / ".AAPL.weights.h5.0123456789abcdef.staged"
    waiting.write_bytes(b"of the later version")
    assert registry.recover() == ()
    assert waiting.exists()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "Permission")],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_storage_that_fails_leaves_a_whole_generation(numbered, monkeypatch, code, remedy, call, after):
    template, calls, real = numbered.load("AAPL", weight_shapes), [], getattr(os, call)

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) > after:
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageError, match=remedy):
            numbered.publish(*publisher.generation(template, 2))
    assert read(numbered.root) == 1
    numbered.publish(*publisher.generation(template, 3))
    assert read(numbered.root) == 3
    assert publisher.left_over(numbered.root) == []


def test_a_crash_at_every_step_leaves_the_old_generation_or_the_new(numbered):
    """os._exit at the first, second, ... call that touches the disk, until a publish gets through."""
    seen = set()
    for step in range(1, 60):
        before = read(numbered.root)
        run = subprocess.run(
            [sys.executable, SCRIPT, numbered.root, str(step)], capture_output=True, text=True, check=False
        )
        after = read(numbered.root)
        assert after in (before, before + 1), run.stderr
        assert_finals_are_valid(numbered.root)
        seen.add(after - before)
        if run.returncode == 0:
            assert after == before + 1
            break
        assert run.returncode == 9, run.stderr
    else:
        pytest.fail("no publish got through")
    assert seen == {0, 1}
    assert step > 8  # the steps of the protocol were really walked
    ModelRegistry(numbered.root).recover()
    assert publisher.left_over(numbered.root) == []
    assert read(numbered.root) == after


def test_kill_9_at_any_instant_leaves_a_whole_generation(numbered):
    """A real process publishes in a loop and is killed again and again while a reader watches."""
    generator = np.random.default_rng(0)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    for _ in range(45):
        process = subprocess.Popen(
            [sys.executable, SCRIPT, numbered.root], stdout=subprocess.PIPE, text=True, env=environment
        )
        acknowledged = [int(process.stdout.readline()) for _ in range(int(generator.integers(1, 5)))]
        timer = threading.Timer(generator.uniform(0, 0.02), process.kill)
        timer.start()
        while process.poll() is None:
            assert read(numbered.root) >= acknowledged[-1]
        timer.join()
        acknowledged += [int(line) for line in process.stdout.read().split()]
        process.stdout.close()
        last = acknowledged[-1]
        assert_finals_are_valid(numbered.root)
        assert read(numbered.root) in (last, last + 1)


def test_readers_see_whole_generations_while_others_publish(numbered):
    template = numbered.load("AAPL", weight_shapes)
    errors, stop, seen = [], threading.Event(), set()

    def watch():
        own = ModelRegistry(numbered.root)
        while not stop.is_set():
            try:
                seen.add(publisher.number_of(own.load("AAPL", weight_shapes)))
            except Exception as error:  # noqa: BLE001
                errors.append(error)

    readers = [threading.Thread(target=watch) for _ in range(2)]
    for reader in readers:
        reader.start()
    writers = [ModelRegistry(numbered.root) for _ in range(2)]
    threads = [
        threading.Thread(
            target=lambda w=w, k=k: [
                w.publish(*publisher.generation(template, n)) for n in range(2 + k, 60, 2)
            ]
        )
        for k, w in enumerate(writers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    for reader in readers:
        reader.join()
    assert not errors
    assert len(seen) > 3
    assert read(numbered.root) in (58, 59)


@pytest.fixture
def unplaced(numbered, monkeypatch) -> ModelRegistry:
    """A registry whose AAPL is generation 2, committed when the disk failed: its files wait beside their places."""
    real = os.replace

    def fail(source, target):
        if str(source).endswith(".staged"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(source, target)

    template = numbered.load("AAPL", weight_shapes)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(StorageError):
            numbered.publish(*publisher.generation(template, 2))
    assert len(publisher.left_over(numbered.root)) == 2
    assert read(numbered.root) == 2
    return numbered


def test_a_committed_generation_is_put_into_place_and_kept(unplaced):
    assert unplaced.recover() == ("AAPL",)
    assert publisher.left_over(unplaced.root) == []
    assert read(unplaced.root) == 2
    assert_finals_are_valid(unplaced.root)
    assert unplaced.recover() == ()


def test_a_publish_that_fails_leaves_a_committed_generation_whole(unplaced, monkeypatch):
    """Correlations are published with the weights there are: those that wait are not the failed publish's to remove."""
    real = os.replace

    def fail(source, target):
        if str(target).endswith("_metadata.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(StorageError, match="disk is full"):
            unplaced.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3))
    assert read(unplaced.root) == 2
    assert publisher.left_over(unplaced.root) == []


def test_what_is_left_under_a_name_that_is_no_symbol_is_passed_over(unplaced):
    stray = unplaced.root / "weights" / ".CON.weights.h5.0123456789abcdef.staged"
    stray.touch()
    assert unplaced.recover() == ("AAPL",)
    assert stray.exists()


def test_a_reader_outlasts_any_number_of_publishes(numbered, monkeypatch):
    """Each of its looks finds the weights of one publish later."""
    template, real, number = numbered.load("AAPL", weight_shapes), generation_module.read_verified, 1

    def look(final, sha256):
        nonlocal number
        if final.name.endswith(".weights.h5") and number < 2 + 2 * READ_ATTEMPTS:
            number += 1
            ModelRegistry(numbered.root).publish(*publisher.generation(template, number))
        return real(final, sha256)

    monkeypatch.setattr(generation_module, "read_verified", look)
    assert read(numbered.root) == number > READ_ATTEMPTS + 1
