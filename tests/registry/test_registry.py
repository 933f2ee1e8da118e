from __future__ import annotations

import io
import json
import os
import shutil
import sys
from datetime import date
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from edited_metadata import edit
from made_walk_forward import made_walk_forward
from tickgraph.errors import ArtefactError, ModelNotFoundError, SymbolError
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import weight_shapes
from tickgraph.registry import artefact_file
from tickgraph.registry.correlation_file import encode_correlation
from tickgraph.registry.evaluation_record import WalkForward
from tickgraph.registry.metadata import ModelMetadata, metadata_json_schema
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES
from tickgraph.registry.training_record import TrainingRecord
from tickgraph.storage import FileRefused

sys.path.insert(0, str(Path(__file__).parent))
import publisher

ROOT = Path(__file__).parents[2]


def test_a_published_model_is_loaded_back(registry, trained_dir):
    model = registry.load("AAPL", weight_shapes)
    assert model.symbol == "AAPL"
    assert set(model.weights) == set(weight_shapes(model.metadata.training_config))
    assert model.generation == registry.generation("AAPL")
    assert registry.symbols() == ("AAPL", "JPM", "MSFT", "XOM")
    names = sorted(
        p.relative_to(trained_dir).as_posix() for p in trained_dir.rglob("AAPL*") if p.suffix != ".lock"
    )
    assert names == ["correlations/AAPL_corr.npy", "metadata/AAPL_metadata.json", "weights/AAPL.weights.h5"]


def test_metadata_keeps_every_field_of_the_first_design(registry):
    metadata = json.loads(registry.paths("AAPL").metadata.read_text())
    assert {
        "symbol",
        "training_date",
        "data_version",
        "training_config",
        "performance_metrics",
        "data_stats",
    } <= set(metadata)
    assert {
        "epochs",
        "num_stocks",
        "hidden_dim",
        "num_gcn_layers",
        "num_gat_heads",
        "learning_rate",
        "lookback",
        "threshold",
        "seed",
        "correlated_symbols",
    } <= set(metadata["training_config"])
    assert {"final_loss", "training_time_seconds", "num_params"} <= set(metadata["performance_metrics"])
    assert {"historical_days", "avg_correlation", "num_edges"} <= set(metadata["data_stats"])
    jsonschema.validate(metadata, metadata_json_schema())


def test_the_published_json_schema_is_current():
    published = json.loads((ROOT / "docs" / "metadata.schema.json").read_text())
    assert published == metadata_json_schema(), (
        "run: python -m tickgraph.registry.metadata > docs/metadata.schema.json"
    )


def test_numbers_that_are_not_finite_have_no_place_in_metadata(registry):
    content = json.loads(registry.paths("AAPL").metadata.read_text())
    content["performance_metrics"]["final_loss"] = float("nan")
    with pytest.raises(ValueError, match="final_loss"):
        ModelMetadata.model_validate_json(json.dumps(content))


def test_correlations_are_published_with_the_weights_as_they_are(registry):
    before = registry.load("AAPL", weight_shapes)
    fresh = np.eye(len(before.correlation))
    registry.publish_correlation("AAPL", fresh, date(2023, 1, 3))
    after = registry.load("AAPL", weight_shapes)
    np.testing.assert_array_equal(after.correlation, fresh)
    assert after.metadata.correlations.as_of == date(2023, 1, 3)
    assert after.metadata.checksums.weights == before.metadata.checksums.weights
    assert after.generation != before.generation


@pytest.mark.parametrize("symbol", ["../../etc/passwd", "..", "a/../b", "CON", "aapl", "BRK.B"])
@pytest.mark.parametrize("call", ["load", "metadata", "generation", "remove", "paths", "holds"])
def test_only_a_symbols_one_spelling_becomes_part_of_a_path(registry, symbol, call):
    arguments = (symbol, weight_shapes) if call == "load" else (symbol,)
    with pytest.raises(SymbolError):
        getattr(registry, call)(*arguments)


def test_a_link_out_of_the_model_folder_is_refused(registry, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.move(registry.root / "weights", elsewhere)
    (registry.root / "weights").symlink_to(elsewhere)
    with pytest.raises(ArtefactError, match="leads outside the model folder"):
        registry.load("AAPL", weight_shapes)


def test_a_missing_model_is_named_with_the_remedy(registry):
    with pytest.raises(ModelNotFoundError, match="No model of APPL .*tickgraph train --symbols APPL"):
        registry.load("APPL", weight_shapes)
    assert registry.generation("APPL") is None


@pytest.mark.parametrize("part", ["weights", "correlations"])
@pytest.mark.parametrize("damage", ["cut", "flip", "other", "missing"])
def test_damaged_files_are_named_and_not_served(registry, part, damage):
    path = getattr(registry.paths("AAPL"), part)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        other = getattr(registry.paths("MSFT"), part).read_bytes()
        flipped = data[:200] + bytes([data[200] ^ 1]) + data[201:]
        path.write_bytes({"cut": data[: len(data) // 2], "flip": flipped, "other": other}[damage])
    with pytest.raises(
        ArtefactError, match=rf"{path.name} is (damaged|missing).*tickgraph train --symbols AAPL"
    ):
        registry.load("AAPL", weight_shapes)
    assert registry.load("MSFT", weight_shapes).symbol == "MSFT"


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[1, 2]",
        lambda text: text.replace('"schema_version": 1', '"schema_version": 0'),
        lambda text: text.replace('"symbol": "AAPL"', '"symbol": "MSFT"'),
        lambda text: text.replace('"epochs": 2', '"epochs": 2, "extra": 1'),
        lambda text: text.replace('"hidden_dim": 64', '"hidden_dim": 65'),
    ],
)
def test_damaged_or_foreign_metadata_is_named(registry, edit):
    path = registry.paths("AAPL").metadata
    path.write_text(edit(path.read_text()))
    with pytest.raises(ArtefactError, match="AAPL_metadata.json is (damaged or )?foreign"):
        registry.load("AAPL", weight_shapes)


def test_weights_of_another_architecture_are_refused(registry):
    edit(registry.paths("AAPL").metadata, lambda content: content["training_config"].update(hidden_dim=32))
    with pytest.raises(ArtefactError, match=r"AAPL\.weights\.h5 is refused: .*expected float32"):
        registry.load("AAPL", weight_shapes)


@pytest.mark.parametrize("matrix", [np.full((11, 11), 2.0), np.full((11, 11), np.nan), np.eye(5)])
def test_a_correlation_file_that_is_no_correlation_matrix_is_refused(registry, matrix):
    model = registry.load("AAPL", weight_shapes)
    registry._commit(model.metadata, registry.paths("AAPL").weights.read_bytes(), encode_correlation(matrix))
    with pytest.raises(ArtefactError, match=r"AAPL_corr.npy is refused.*tickgraph train --symbols AAPL"):
        registry.load("AAPL", weight_shapes)


def not_finite(model):
    return model.metadata, {p: np.full_like(v, np.nan) for p, v in model.weights.items()}, model.correlation


def no_matrix(model):
    return model.metadata, model.weights, np.eye(5)


def loss_of_nan(model):
    metrics = model.metadata.performance_metrics.model_copy(update={"final_loss": float("nan")})
    changed = model.metadata.model_copy(update={"performance_metrics": metrics})
    return changed, model.weights, model.correlation


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (not_finite, r"AAPL\.weights\.h5"),
        (no_matrix, "AAPL_corr.npy"),
        (loss_of_nan, "final_loss"),
    ],
)
def test_what_could_not_be_read_back_is_never_published(registry, spoil, named):
    before = registry.load("AAPL", weight_shapes)
    with pytest.raises(ArtefactError, match=f"{named}.*"):
        registry.publish(*spoil(before))
    assert registry.load("AAPL", weight_shapes).generation == before.generation


def test_correlations_of_other_peers_than_the_models_are_not_published(registry):
    """Training ends between a refresh's look at the peers and its publishing."""
    seen = registry.metadata("AAPL")
    registry.publish(*publisher.generation(registry.load("AAPL", weight_shapes), 2))
    with pytest.raises(ArtefactError, match=r"AAPL was retrained .* tickgraph refresh AAPL"):
        registry.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3), basis=seen)
    assert publisher.number_of(registry.load("AAPL", weight_shapes)) == 2
    registry.publish_correlation("AAPL", np.eye(11), date(2023, 1, 3), basis=registry.metadata("AAPL"))


@pytest.mark.parametrize("peers", [["MSFT", "MSFT"], ["AAPL"], [f"A{n}" for n in range(11)]])
def test_peers_that_do_not_fit_the_graph_are_refused(registry, peers):
    path = registry.paths("AAPL").metadata
    content = json.loads(path.read_text())
    content["training_config"]["correlated_symbols"] = peers
    path.write_text(json.dumps(content))
    with pytest.raises(ArtefactError, match="AAPL_metadata.json is damaged or foreign.*correlated_symbols"):
        registry.load("AAPL", weight_shapes)


def test_the_training_date_is_kept_in_utc(registry):
    content = json.loads(registry.paths("AAPL").metadata.read_text())
    content["training_date"] = "2024-03-01T09:00:00+05:30"
    metadata = ModelMetadata.model_validate_json(json.dumps(content))
    assert metadata.training_date.isoformat() == "2024-03-01T03:30:00+00:00"


def test_files_that_are_not_named_after_a_symbol_are_left_alone(registry):
    strays = [registry.root / "metadata" / f"{n}_metadata.json" for n in ("old copy", "aapl2", "CON")]
    strays.append(registry.root / "weights" / ".aapl2.weights.h5.0.staged")
    for stray in strays:
        stray.write_text("{}")
    assert registry.symbols() == ("AAPL", "JPM", "MSFT", "XOM")
    assert registry.recover() == ()
    assert all(stray.exists() for stray in strays)


def test_a_publish_lists_no_folder(registry, monkeypatch):
    """Thousands of models share a folder, and each is published every day."""
    template, listed = registry.load("AAPL", weight_shapes), []
    for name in ("scandir", "listdir"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *path, real=real: (listed.append(path), real(*path))[1])
    registry.publish_correlation("AAPL", template.correlation, date(2023, 1, 3))
    registry.publish(*publisher.generation(template, 2), keep_evaluation=True)
    first = template.metadata.model_copy(update={"symbol": "KO"})
    registry.publish(first, template.weights, template.correlation, keep_evaluation=True)
    assert listed == []
    assert registry.load("KO", weight_shapes).weights.keys() == template.weights.keys()


@pytest.mark.parametrize("part", ["weights", "correlations", "metadata"])
def test_a_folder_in_the_place_of_a_file_is_named(registry, part):
    path = getattr(registry.paths("AAPL"), part)
    path.unlink()
    path.mkdir()
    with pytest.raises(ArtefactError, match=path.name):
        registry.load("AAPL", weight_shapes)
    assert registry.generation("AAPL")


def test_a_giant_in_the_place_of_a_file_is_never_read(registry, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    assert artefact_file.read_bounded(path, 100_000) == b"x" * 100_000
    with pytest.raises(FileRefused, match="100,000 bytes or more, and at most 99,999"):
        artefact_file.read_bounded(path, 99_999)
    metadata = registry.paths("AAPL").metadata
    metadata.write_text(metadata.read_text().ljust(MAX_METADATA_BYTES + 1))  # valid but for its size
    with pytest.raises(
        ArtefactError, match=r"AAPL_metadata\.json is damaged or foreign: it has 2,097,153 bytes"
    ):
        registry.load("AAPL", weight_shapes)


def test_pickles_are_never_read(registry):
    class Trap:
        def __reduce__(self):
            return os.abort, ()

    model = registry.load("AAPL", weight_shapes)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap()], dtype=object), allow_pickle=True)
    registry._commit(model.metadata, registry.paths("AAPL").weights.read_bytes(), buffer.getvalue())
    with pytest.raises(ArtefactError, match=r"AAPL_corr.npy is refused: it is \|O"):
        registry.load("AAPL", weight_shapes)


def test_removing_leaves_nothing(registry):
    registry.remove("AAPL")
    assert "AAPL" not in registry.symbols()
    assert [p.name for p in registry.root.rglob("*AAPL*")] in ([], ["AAPL.lock"])


def test_metadata_of_a_release_that_knew_one_architecture_is_of_the_baseline():
    recorded = TrainingRecord(**TrainingConfig(architecture="baseline").model_dump(), **OWN)
    old = recorded.model_dump(exclude={"architecture", "weight_decay"})
    assert TrainingRecord.model_validate(old) == recorded


def test_figures_of_a_release_that_knew_one_architecture_are_of_the_baseline():
    figures = made_walk_forward(TrainingConfig(architecture="baseline"), ("AAPL", "MSFT"))
    old = figures.model_dump()
    del old["training_config"]["architecture"], old["training_config"]["weight_decay"]
    assert WalkForward.model_validate(old) == figures


def test_the_baseline_has_no_weight_decay_unless_it_is_given():
    assert TrainingConfig(architecture="baseline").weight_decay == 0
    assert TrainingConfig(architecture="baseline", weight_decay=1.0).weight_decay == 1
    assert TrainingConfig().weight_decay > 0


def test_a_step_may_not_take_away_the_whole_weights():
    with pytest.raises(ValueError, match="learning_rate 0.5 times weight_decay 3.0 must be below 1"):
        TrainingConfig(learning_rate=0.5)
    assert TrainingConfig(architecture="baseline", learning_rate=0.5).weight_decay == 0


OWN = {"correlated_symbols": ("MSFT",), "symbol_seed": 1}
