"""The universe's artefacts on disk: replaced whole, read once, never served damaged."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from placed import KINDS, put
from tickgraph import storage
from tickgraph.errors import ArtefactError, InputError, OtherExchangeError, StorageError
from tickgraph.market.calendar import use_exchange
from tickgraph.model.universe_state import universe_state
from tickgraph.registry import universe_folder as universe_folder_module
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.registry import ModelRegistry


@pytest.fixture
def folder(tmp_path):
    return ModelRegistry(tmp_path / "gnn", lambda: datetime(2023, 1, 3, tzinfo=UTC)).universe


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gnn" / "universe" / "sample_fit.npz"


def numbered(number):
    """A fit that says its number in every place."""
    fit = default_universe()
    weights = {path: np.full_like(value, number / 1000) for path, value in fit.weights.items()}
    return dataclasses.replace(fit, weights=weights, qlike=np.full_like(fit.qlike, number))


def number_of(fit):
    number = int(fit.qlike[0, 0])
    assert (fit.qlike == number).all()
    assert all((value == np.float32(number / 1000)).all() for value in fit.weights.values())
    return number


def left_over(path):
    return [each.name for each in path.parent.iterdir() if each.suffix == ".tmp"]


def test_nothing_is_there_before_it_is_published(folder, path):
    assert folder.fit("sample") is None
    assert folder.state("sample") is None
    assert folder.files("sample") == (None, None)
    assert folder.sources() == ()
    assert not path.parent.exists()


def test_a_fit_and_a_state_are_found_by_their_source(folder, panel):
    folder.publish_fit(numbered(1))
    folder.publish_state(dataclasses.replace(universe_state(panel, (1, 5)), source="files"))
    assert folder.fit("sample").version == numbered(1).version
    assert folder.state("files").session == panel.sessions[-1]
    assert folder.fit("files") is folder.state("sample") is None
    assert folder.sources() == ("files", "sample")
    assert ModelRegistry(folder._root).universe.fit("sample").version == numbered(1).version


def test_a_file_is_read_once_until_it_is_replaced(folder, monkeypatch):
    folder.publish_fit(numbered(1))
    first = folder.fit("sample")
    assert folder.fit("sample") is first
    ModelRegistry(folder._root).universe.publish_fit(numbered(2))
    assert number_of(folder.fit("sample")) == 2


@pytest.mark.parametrize("source", ["../sample", "Sample", "", "a/b", "sample\n", "x" * 40])
def test_a_source_that_is_no_word_is_no_path(folder, source):
    for call in (folder.fit, folder.state, folder.files):
        with pytest.raises(InputError, match="not the name of a source"):
            call(source)
    with pytest.raises(InputError, match="not the name of a source"):
        folder.publish_fit(dataclasses.replace(default_universe(), source=source))


def test_a_damaged_file_is_refused_each_time_and_replaced_by_publishing(folder, path):
    folder.publish_fit(numbered(1))
    path.write_bytes(path.read_bytes()[:-1000])
    for _ in range(2):
        with pytest.raises(
            ArtefactError, match=r"sample_fit\.npz is refused: .*cut short.* Run: tickgraph train"
        ):
            folder.fit("sample")
    folder.publish_fit(numbered(2))
    assert number_of(folder.fit("sample")) == 2


def test_what_could_not_be_read_back_is_not_published(folder):
    folder.publish_fit(numbered(1))
    spoilt = numbered(2)
    next(iter(spoilt.weights.values()))[0] = np.nan
    with pytest.raises(ArtefactError, match="not yet written, is refused: .*not finite"):
        folder.publish_fit(spoilt)
    assert number_of(folder.fit("sample")) == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
@pytest.mark.parametrize("kind", KINDS)
def test_something_else_in_its_place_is_refused_and_replaced(folder, path, kind):
    folder.publish_fit(numbered(1))
    put(kind, path)
    if kind == "a link to nothing":
        assert folder.fit("sample") is None
    else:
        with pytest.raises(ArtefactError, match=r"sample_fit\.npz (is refused|leads outside)"):
            folder.fit("sample")
    folder.publish_fit(numbered(2))
    assert number_of(folder.fit("sample")) == 2
    assert not path.is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_a_folder_that_is_a_link_to_elsewhere_is_neither_read_nor_written(folder, path, tmp_path):
    folder.publish_fit(numbered(1))
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="leads outside the model folder"):
        folder.fit("sample")
    with pytest.raises(ArtefactError, match="leads outside the model folder"):
        folder.publish_fit(numbered(2))


def test_a_fit_of_another_exchange_is_not_served_and_one_of_ours_is_again(folder):
    folder.publish_fit(numbered(1))
    use_exchange("XLON")
    with pytest.raises(OtherExchangeError, match="of the exchange XNYS"):
        folder.fit("sample")
    use_exchange("XNYS")
    assert number_of(folder.fit("sample")) == 1


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_old_one(folder, path, monkeypatch, call):
    folder.publish_fit(numbered(1))

    def fail(*arguments):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageError, match="disk is full"):
            folder.publish_fit(numbered(2))
    assert number_of(folder.fit("sample")) == 1
    assert left_over(path) == []


CRASH = """
import os, sys
from pathlib import Path
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.registry import ModelRegistry
os.replace = lambda *arguments: os._exit(9)
ModelRegistry(Path(sys.argv[1])).universe.publish_fit(default_universe())
"""


def test_a_crash_before_the_rename_leaves_the_old_one_and_the_next_publish_clears_up(folder, path):
    folder.publish_fit(numbered(1))
    assert subprocess.run([sys.executable, "-c", CRASH, folder._root], check=False).returncode == 9
    assert len(left_over(path)) == 1
    assert number_of(folder.fit("sample")) == 1
    folder.publish_fit(numbered(2))  # its lock is free
    assert left_over(path) == []
    assert number_of(folder.fit("sample")) == 2


def test_publishers_at_once_take_turns_and_readers_see_whole_ones(folder, path):
    folder.publish_fit(numbered(0))
    others = [ModelRegistry(folder._root).universe for _ in range(3)]
    failures = []

    def publish(own, first):
        try:
            for number in range(first, first + 5):
                own.publish_fit(numbered(number))
        except Exception as error:  # noqa: BLE001  whatever it is, the test must fail
            failures.append(error)

    threads = [threading.Thread(target=publish, args=(own, 10 * place)) for place, own in enumerate(others)]
    for thread in threads:
        thread.start()
    seen = {number_of(folder.fit("sample"))}
    while any(thread.is_alive() for thread in threads):
        seen.add(number_of(folder.fit("sample")))
    for thread in threads:
        thread.join()
    assert failures == []
    assert number_of(folder.fit("sample")) in (4, 14, 24)
    assert left_over(path) == []


def test_a_lock_that_is_held_too_long_is_named(folder, monkeypatch):
    folder.publish_fit(numbered(1))
    monkeypatch.setattr(storage, "WAIT_SECONDS", 0.05)
    other, met = ModelRegistry(folder._root).universe, []
    real = universe_folder_module.write_atomically

    def write(*arguments):
        with pytest.raises(StorageError, match="held by another writer"):
            other.publish_fit(numbered(3))
        met.append(arguments)
        real(*arguments)

    monkeypatch.setattr(universe_folder_module, "write_atomically", write)
    folder.publish_fit(numbered(2))
    assert met
    assert number_of(folder.fit("sample")) == 2
