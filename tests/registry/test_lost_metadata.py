"""Metadata that is lost as a whole is a fault; a registry that was emptied by removing its models is not."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tickgraph.errors import StorageError
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry

sys.path.insert(0, str(Path(__file__).parent))
import publisher


def emptied(registry):
    for path in (registry.root / "metadata").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (emptied, "metadata holds no metadata"),
        (lambda registry: shutil.rmtree(registry.root / "metadata"), "metadata is gone"),
        (
            lambda registry: [(emptied(registry), (registry.root / "metadata" / "lost+found").mkdir())],
            "holds no metadata",
        ),
    ],
)
def test_metadata_lost_as_a_whole_is_a_fault_and_names_the_models(registry, lose, said):
    lose(registry)
    with pytest.raises(
        StorageError, match=f"{said}, while the other files of AAPL, JPM, MSFT, XOM are there"
    ) as error:
        registry.symbols()
    assert registry.fault() == str(error.value)
    assert registry.without_metadata() == ("AAPL", "JPM", "MSFT", "XOM")


def test_a_list_that_is_cut_short_says_how_many_more(registry):
    emptied(registry)
    for number in range(10):
        (registry.root / "weights" / f"A{'BCDEFGHIJK'[number]}.weights.h5").touch()
    with pytest.raises(StorageError, match="AAPL, AB, AC, .* AJ and 4 more are there"):
        registry.symbols()


def test_removing_every_model_leaves_an_empty_registry_as_a_fresh_one_is(registry, tmp_path):
    for symbol in registry.symbols():
        registry.remove(symbol)
        assert registry.fault() is None
    assert registry.symbols() == ()
    fresh = ModelRegistry(tmp_path / "none")
    assert (fresh.symbols(), fresh.fault(), fresh.without_metadata()) == ((), None, ())


def test_what_is_lost_in_part_is_told_and_the_rest_goes_on(registry):
    registry.paths("JPM").metadata.unlink()
    assert registry.symbols() == ("AAPL", "MSFT", "XOM")
    assert registry.fault() is None
    assert registry.without_metadata() == ("JPM",)


def test_both_remedies_work(registry):
    template = registry.load("AAPL", weight_shapes)
    emptied(registry)
    registry.publish(*publisher.generation(template, 2))
    assert registry.symbols() == ("AAPL",)
    assert registry.without_metadata() == ("JPM", "MSFT", "XOM")
    for symbol in registry.without_metadata():
        registry.remove(symbol)
    assert registry.without_metadata() == ()
