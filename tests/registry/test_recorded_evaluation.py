"""Walk-forward figures in a model's metadata: recorded whole or not, and only where they are the model's."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
from datetime import date
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edited_metadata import edit
from made_walk_forward import made_horizon_walk_forward, made_walk_forward
from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.metadata import metadata_json_schema
from tickgraph.registry.registry import ModelRegistry

sys.path.insert(0, str(Path(__file__).parent))
import publisher


@pytest.fixture
def figures(config, panel):
    """Figures of the procedure that the registry's models were trained by."""
    return made_walk_forward(config, panel.symbols)


def test_figures_are_recorded_and_the_other_files_stay(registry, figures):
    before = registry.load("AAPL", weight_shapes)
    paths = registry.paths("AAPL")
    files = {path: (path.stat().st_ino, path.read_bytes()) for path in (paths.weights, paths.correlations)}
    assert registry.record_evaluation("AAPL", figures) is None
    after = registry.load("AAPL", weight_shapes)
    apart = {"evaluation", "checksums"}
    assert after.metadata.model_dump(exclude=apart) == before.metadata.model_dump(exclude=apart)
    assert after.metadata.evaluation == figures
    assert after.metadata.checksums.weights == before.metadata.checksums.weights
    assert after.metadata.checksums.metadata != before.metadata.checksums.metadata
    assert after.generation != before.generation
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in files} == files
    assert publisher.left_over(registry.root) == []
    jsonschema.validate(json.loads(paths.metadata.read_text()), metadata_json_schema())


def test_metadata_without_the_block_loads_as_before(registry):
    edit(registry.paths("AAPL").metadata, lambda content: content.pop("evaluation"))
    assert registry.load("AAPL", weight_shapes).metadata.evaluation is None


@pytest.mark.parametrize(
    ("settings", "changes", "said"),
    [
        ({"epochs": 20}, {}, "trained with other settings (epochs 2, evaluated 20)"),
        (
            {"sessions": 1000, "threshold": 0.5},
            {},
            "(threshold 0.3, evaluated 0.5; sessions 300, evaluated 1000)",
        ),
        ({}, {"scheme": "expanding"}, "evaluated on expanding windows"),
        ({}, {"symbols": ("AAPL", "JPM", "MSFT", "XOM")}, "has peers that were not evaluated ("),
    ],
)
def test_figures_of_another_procedure_are_not_recorded(registry, config, figures, settings, changes, said):
    before = registry.paths("AAPL").metadata.read_bytes()
    other = {"training_config": config.model_copy(update=settings), **changes}
    assert said in registry.record_evaluation("AAPL", figures.model_copy(update=other))
    assert registry.paths("AAPL").metadata.read_bytes() == before


def test_seeds_and_the_minimum_of_sessions_are_free(registry, config, figures):
    drawn = config.model_copy(update={"seed": 5, "min_sessions": 100})
    assert registry.record_evaluation("AAPL", figures.model_copy(update={"training_config": drawn})) is None


def test_without_a_model_nothing_is_recorded(registry, figures):
    with pytest.raises(ModelNotFoundError, match="No model of TSLA"):
        registry.record_evaluation("TSLA", figures)
    registry.paths("AAPL").metadata.write_text("{}")
    with pytest.raises(ArtefactError, match="damaged or foreign"):
        registry.record_evaluation("AAPL", figures)


@pytest.mark.parametrize("epochs", [2, 3])
def test_a_model_retrained_in_between_is_the_one_that_is_looked_at(registry, figures, epochs):
    """The figures go to the newer model if they are of its procedure; its weights are never undone."""
    template = registry.load("AAPL", weight_shapes)
    other, about_to_lock, said = ModelRegistry(registry.root), threading.Event(), []
    writing = other._shelf.alone

    def tell(symbol):
        about_to_lock.set()
        return writing(symbol)

    other._shelf.alone = tell
    recording = threading.Thread(
        target=lambda: said.append(other.record_evaluation("AAPL", figures)), daemon=True
    )
    with registry._shelf.alone("AAPL"):
        recording.start()
        assert about_to_lock.wait(20)
        metadata, weights, correlation = publisher.generation(template, 7)
        training = metadata.training_config.model_copy(update={"epochs": epochs})
        retrained = metadata.model_copy(update={"training_config": training})
        registry._commit(retrained, *publisher.encoded(weights, correlation))
    recording.join(20)
    after = registry.load("AAPL", weight_shapes)
    assert publisher.number_of(after) == 7
    if epochs == 2:
        assert (said, after.metadata.evaluation) == ([None], figures)
    else:
        assert said == ["trained with other settings (epochs 3, evaluated 2)"]
        assert after.metadata.evaluation is None


def test_a_full_disk_leaves_the_metadata_as_it_was(registry, figures, monkeypatch):
    before = registry.load("AAPL", weight_shapes)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", full)
        with pytest.raises(StorageError, match="disk is full"):
            registry.record_evaluation("AAPL", figures)
    assert registry.load("AAPL", weight_shapes).generation == before.generation
    assert publisher.left_over(registry.root) == []


def test_new_correlations_keep_the_figures(registry, figures):
    registry.record_evaluation("AAPL", figures)
    registry.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3))
    assert registry.metadata("AAPL").evaluation == figures


@pytest.mark.parametrize("keep", [True, False])
def test_another_model_keeps_the_figures_only_where_that_is_asked_for(registry, figures, keep):
    metadata, weights, correlation = publisher.generation(registry.load("AAPL", weight_shapes), 7)
    registry.record_evaluation("AAPL", figures)
    published = registry.publish(metadata, weights, correlation, keep_evaluation=keep)
    assert registry.metadata("AAPL") == published
    assert published.evaluation == (figures if keep else None)


def test_a_model_is_published_over_damaged_metadata(registry, figures):
    metadata, weights, correlation = publisher.generation(registry.load("AAPL", weight_shapes), 7)
    registry.paths("AAPL").metadata.write_text("{}")
    registry.publish(metadata, weights, correlation, keep_evaluation=True)
    assert publisher.number_of(registry.load("AAPL", weight_shapes)) == 7


@pytest.fixture
def by_horizon(drawn, few):
    """Figures by horizon of the procedure that the models of ``drawn`` were trained by."""
    return made_horizon_walk_forward(drawn.metadata("AAPL").training_config, few.symbols)


def test_figures_by_horizon_stand_beside_those_of_the_next_return(drawn, few, by_horizon):
    before = drawn.metadata("AAPL")
    one = made_walk_forward(before.training_config.model_copy(update={"horizons": ()}), few.symbols)
    assert drawn.record_evaluation("AAPL", one) is None
    assert drawn.record_evaluation("AAPL", by_horizon) is None
    after = drawn.load("AAPL", weight_shapes).metadata
    assert (after.evaluation, after.evaluation_by_horizon) == (one, by_horizon)
    assert after.checksums.weights == before.checksums.weights
    jsonschema.validate(json.loads(drawn.paths("AAPL").metadata.read_text()), metadata_json_schema())


def test_metadata_from_before_figures_by_horizon_loads(drawn):
    edit(drawn.paths("AAPL").metadata, lambda content: content.pop("evaluation_by_horizon"))
    assert drawn.load("AAPL", weight_shapes).metadata.evaluation_by_horizon is None


@pytest.mark.parametrize(
    ("settings", "changes", "said"),
    [
        ({"horizons": (1, 2, 5)}, {}, "(horizons (1, 5), evaluated (1, 2, 5))"),
        ({"variance_dim": 32}, {}, "(variance_dim 8, evaluated 32)"),
        ({}, {"symbols": ("AAPL", "JPM")}, "has peers that were not evaluated ("),
        ({}, {"symbols": "twice"}, "trained with a fit of the universe on 8 symbols, evaluated on 16"),
    ],
)
def test_figures_by_horizon_of_another_procedure_are_not_recorded(
    drawn, few, by_horizon, settings, changes, said
):
    if changes.get("symbols") == "twice":
        changes = {"symbols": (*few.symbols, *(f"A{letter}" for letter in "BCDEFGHI"))}
    other = by_horizon.training_config.model_copy(update=settings)
    figures = by_horizon.model_copy(update={"training_config": other, **changes})
    before = drawn.paths("AAPL").metadata.read_bytes()
    assert said in drawn.record_evaluation("AAPL", figures)
    assert drawn.paths("AAPL").metadata.read_bytes() == before


def test_what_only_the_return_is_trained_by_is_free(drawn, by_horizon):
    other = by_horizon.training_config.model_copy(update={"epochs": 77, "sessions": 500, "hidden_dim": 16})
    assert drawn.record_evaluation("AAPL", by_horizon.model_copy(update={"training_config": other})) is None


def test_a_model_of_the_next_return_has_no_figures_by_horizon(registry, config, panel):
    figures = made_horizon_walk_forward(config, panel.symbols)
    assert registry.record_evaluation("AAPL", figures) == "does not forecast by horizon"


@pytest.mark.parametrize(("source", "recorded"), [("sample", True), ("files prices.parquet", False)])
def test_a_model_drawn_to_the_fit_that_ships_has_figures_of_its_prices_alone(
    drawn, by_horizon, source, recorded
):
    edit(drawn.paths("AAPL").metadata, lambda content: content["variance"].update(universe_is_default=True))
    reason = drawn.record_evaluation("AAPL", by_horizon.model_copy(update={"source": source}))
    assert reason is None if recorded else "which is not of the evaluated prices" in reason


def test_a_retrained_model_keeps_only_the_figures_that_are_still_of_its_procedure(drawn, few, by_horizon):
    model = drawn.load("AAPL", weight_shapes)
    one = made_walk_forward(model.metadata.training_config.model_copy(update={"horizons": ()}), few.symbols)
    drawn.record_evaluation("AAPL", one)
    drawn.record_evaluation("AAPL", by_horizon)
    training = model.metadata.training_config.model_copy(update={"epochs": 77})
    again = model.metadata.model_copy(update={"training_config": training})
    published = drawn.publish(again, model.weights, model.correlation, keep_evaluation=True)
    assert (published.evaluation, published.evaluation_by_horizon) == (None, by_horizon)
