"""Something else in the place of a model's file: its symbol alone fails, and what the error advises works."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from placed import KINDS, put
from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError
from tickgraph.model.weights import weight_shapes
from tickgraph.registry import generation as generation_module
from tickgraph.registry.registry import ModelRegistry

sys.path.insert(0, str(Path(__file__).parent))
import publisher

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX files")

PARTS = ("weights", "correlations", "metadata")


@pytest.fixture(params=[(kind, part) for kind in KINDS for part in PARTS], ids=" as ".join)
def spoilt(request, registry):
    """A registry with something of each kind in the place of each of AAPL's files, and the model that was there."""
    kind, part = request.param
    before, path = registry.load("AAPL", weight_shapes), getattr(registry.paths("AAPL"), part)
    put(kind, path)
    return ModelRegistry(registry.root), before, path


def test_it_is_named_with_the_remedy_and_the_others_are_served(spoilt):
    registry, _, path = spoilt
    assert registry.symbols() == ("AAPL", "JPM", "MSFT", "XOM")
    registry.generation("AAPL")
    for call in (lambda: registry.load("AAPL", weight_shapes), lambda: registry.verified("AAPL")):
        with pytest.raises(
            ArtefactError, match="Run: tickgraph train --symbols AAPL|run: tickgraph train"
        ) as error:
            call()
        assert path.name in str(error.value) or isinstance(error.value, ModelNotFoundError)
    assert registry.load("MSFT", weight_shapes).symbol == "MSFT"
    assert registry.renamed() == {}
    assert registry.recover() == ()


def test_training_replaces_it(spoilt):
    registry, before, path = spoilt
    registry.publish(*publisher.generation(before, 2), keep_evaluation=True)
    assert publisher.number_of(registry.load("AAPL", weight_shapes)) == 2
    assert path.is_file()
    assert not path.is_symlink()
    assert publisher.left_over(registry.root) == []


def test_it_can_be_removed(spoilt):
    registry, _, _ = spoilt
    registry.remove("AAPL")
    assert not registry.holds("AAPL")
    assert [p.name for p in registry.root.rglob("*AAPL*")] == ["AAPL.lock"]
    assert list(registry.root.parent.glob("elsewhere-*")) == list(
        registry.root.parent.glob("elsewhere-AAPL*")
    )


@pytest.mark.parametrize("code", ["EACCES", "ESTALE"])
def test_a_file_that_may_not_be_opened_fails_its_symbol_and_a_failing_disk_all(registry, monkeypatch, code):
    import errno

    real, failing = os.open, [getattr(errno, code)]

    def refuse(path, *rest):
        if str(path).endswith("AAPL.weights.h5"):
            raise OSError(failing[0], os.strerror(failing[0]))
        return real(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(
        ArtefactError, match=r"AAPL\.weights\.h5 is damaged or foreign: it cannot be opened: "
    ):
        registry.load("AAPL", weight_shapes)
    failing[0] = errno.EIO
    with pytest.raises(StorageError, match="The disk reports an error"):
        registry.load("AAPL", weight_shapes)


@pytest.mark.parametrize("kind", ["a named pipe", "a folder", "a link to itself"])
def test_waiting_files_of_an_interrupted_publish_are_discarded_whatever_they_are(registry, kind):
    left = registry.root / "weights" / ".AAPL.weights.h5.0123456789abcdef.staged"
    left.write_text("half")
    put(kind, left)
    assert registry.recover() == ("AAPL",)
    assert publisher.left_over(registry.root) == []
    assert registry.load("AAPL", weight_shapes).symbol == "AAPL"


@pytest.mark.parametrize("kind", ["a named pipe", "a folder", "a link to itself", "a link to nothing"])
def test_a_lock_that_is_no_file_fails_its_symbol_and_is_not_followed(registry, kind, tmp_path):
    template, lock = registry.load("AAPL", weight_shapes), registry.root / ".locks" / "AAPL.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("")
    put(kind, lock)
    with pytest.raises(
        ArtefactError, match=r"AAPL\.lock is a (named pipe|folder|link), where a lock file belongs"
    ):
        registry.publish(*publisher.generation(template, 2))
    registry.remove("JPM")
    assert not (lock.parent / "nowhere").exists()


def test_a_crash_while_a_model_is_removed_leaves_it_whole_or_gone(registry, monkeypatch):
    """Weights without metadata would look as if the metadata had been lost."""
    real, template = generation_module.discard, registry.load("AAPL", weight_shapes)
    for steps in range(10):
        calls = []

        def crash(path, calls=calls, steps=steps):
            calls.append(path)
            if len(calls) > steps:
                raise KeyboardInterrupt
            real(path)

        registry.publish(template.metadata, template.weights, template.correlation)
        with monkeypatch.context() as patch:
            patch.setattr(generation_module, "discard", crash)
            try:
                registry.remove("AAPL")
            except KeyboardInterrupt:
                pass
            else:
                break
        assert registry.without_metadata() == ()
        there = "AAPL" in registry.symbols()
        assert not there or registry.load("AAPL", weight_shapes).symbol == "AAPL"
        registry.recover()
        assert registry.holds("AAPL") == there
    assert steps > 2
