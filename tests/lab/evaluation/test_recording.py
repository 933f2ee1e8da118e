from __future__ import annotations

import pytest

from made_evaluation import made_evaluation
from made_horizons import made_evaluation_by_horizon
from tickgraph import storage
from tickgraph.errors import InputError
from tickgraph.lab.evaluation.evaluate import EvaluationSettings, evaluate
from tickgraph.lab.evaluation.forecasters.method_catalogue import ForecasterSettings
from tickgraph.lab.evaluation.recording import (
    horizon_walk_forward_by_symbol,
    record_evaluation,
    training_config,
    walk_forward_by_symbol,
)
from tickgraph.lab.evaluation.windows import WindowSettings
from tickgraph.lab.horizons.evaluate_horizons import trained_by_horizon
from tickgraph.lab.run import Run
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry

KIND = "of the next return"
TRAINED = ("AAPL", "JPM", "XOM")


@pytest.fixture(scope="module")
def result(small_panel, short, tmp_path_factory):
    settings = EvaluationSettings(
        windows=WindowSettings(train_sessions=short.sessions, retrain_every=120),
        forecasters=ForecasterSettings(training=short),
        names=("zero", "momentum", "reversal", "gnn-per-symbol"),
        resamples=100,
    )
    return evaluate(small_panel, settings, Run(tmp_path_factory.mktemp("pieces"), jobs=1))


@pytest.fixture
def models(small_panel, short, tmp_path) -> ModelRegistry:
    """Three models, trained as they are evaluated."""
    registry = ModelRegistry(tmp_path / "models")
    train_symbols(small_panel, TRAINED, registry, config=short)
    assert registry.symbols() == TRAINED
    return registry


def test_figures_are_the_products_own_with_what_they_were_measured_on(result, short, small_panel):
    blocks = walk_forward_by_symbol(result)
    assert set(blocks) == set(small_panel.symbols)
    product = result.forecasters[-1]
    block = blocks["JPM"]
    (part,) = [own for own in product.slices if (own.by, own.name) == ("symbol", "JPM")]
    for name in ("ic", "rank_ic", "hit_rate", "r2_vs_zero"):
        assert getattr(block.figures, name).model_dump() == getattr(part, name).model_dump()
    assert block.figures.ic.low < block.figures.ic.value < block.figures.ic.high
    assert set(block.figures.coverage) == {"0.8", "0.95"}
    assert block.figures.coverage["0.8"].value == part.coverage["0.8"].value
    assert block.figures.forecasts == part.sessions
    assert block.training_config.model_dump() == short.model_dump()
    assert (block.windows, block.scheme, block.retrain_every, block.embargo) == (2, "rolling", 120, 1)
    assert block.first_session == product.daily.sessions[0]
    assert block.last_session == product.daily.sessions[-1]
    assert (block.source, block.data_version) == ("sample", small_panel.data_version)
    assert block.symbols == small_panel.symbols
    assert (block.survivorship, block.version) == (result.survivorship, result.version)
    assert block.measured_at == result.created


def test_the_panel_and_the_best_baseline_stand_beside_it(result):
    block = walk_forward_by_symbol(result)["AAPL"]
    assert block.panel.forecaster == "gnn-per-symbol"
    assert block.panel.ic.value == result.forecasters[-1].accuracy.ic.value
    baselines = {own.name: own.accuracy for own in result.forecasters if own.name in ("momentum", "reversal")}
    best = max(baselines, key=lambda name: baselines[name].ic.value)
    assert block.best_baseline.forecaster == best
    assert block.best_baseline.r2_vs_zero.value == baselines[best].r2_vs_zero.value
    alone = result.model_copy(update={"forecasters": [result.forecasters[0], result.forecasters[-1]]})
    assert walk_forward_by_symbol(alone)["AAPL"].best_baseline is None  # zero has no IC


def test_models_trained_as_they_were_evaluated_get_their_figures(result, models):
    before = {symbol: models.load(symbol, weight_shapes) for symbol in TRAINED}
    done = record_evaluation(result, models)[KIND]
    assert (done.recorded, done.skipped, done.failed) == (list(TRAINED), {}, None)
    for symbol, block in walk_forward_by_symbol(result).items():
        if symbol in TRAINED:
            assert models.load(symbol, weight_shapes).metadata.evaluation == block
            after, had = models.metadata(symbol).checksums, before[symbol].metadata.checksums
            assert (after.weights, after.correlations) == (had.weights, had.correlations)


def test_others_are_left_with_a_reason(result, models, panel, small_panel, short):
    train_symbols(small_panel, ["JPM"], models, config=short.model_copy(update={"epochs": 2}))
    train_symbols(panel, ["GS"], models, config=short)  # not evaluated
    models.paths("XOM").metadata.write_text("{}")
    done = record_evaluation(result, models)[KIND]
    assert done.recorded == ["AAPL"]
    assert done.skipped["JPM"] == "trained with other settings (epochs 2, evaluated 1)"
    assert "XOM_metadata.json is damaged or foreign" in done.skipped["XOM"]
    assert set(done.skipped) == {"JPM", "XOM"}
    assert models.metadata("JPM").evaluation is models.metadata("GS").evaluation is None


def test_a_symbol_that_was_never_forecast_has_no_figures(result, models):
    product = result.forecasters[-1]
    fewer = [own for own in product.slices if own.name != "AAPL"]
    partly = result.model_copy(update={"forecasters": [product.model_copy(update={"slices": fewer})]})
    done = record_evaluation(partly, models)[KIND]
    assert done.skipped == {"AAPL": "has no forecast in these windows"}
    assert done.recorded == ["JPM", "XOM"]


def test_a_folder_that_cannot_be_written_ends_the_recording_and_says_why(result, models, monkeypatch):
    monkeypatch.setattr(storage, "WAIT_SECONDS", 0.05)
    with ModelRegistry(models.root)._shelf.alone("JPM"):
        done = record_evaluation(result, models)[KIND]
    assert done.recorded == ["AAPL"]
    assert "JPM.lock is held by another writer" in done.failed
    assert models.metadata("XOM").evaluation is None


def test_without_the_product_there_is_nothing_to_record(result, models):
    assert record_evaluation(result.model_copy(update={"forecasters": result.forecasters[:-1]}), models) == {}


def test_settings_that_are_not_told_are_not_guessed(result):
    with pytest.raises(InputError, match=r"epochs.* missing"):
        training_config(made_evaluation(sessions=60))


def test_models_get_their_figures_by_horizon(drawn):
    training = trained_by_horizon(
        TrainingConfig.model_validate(
            drawn.metadata("AAPL").training_config.model_dump(exclude={"correlated_symbols", "symbol_seed"})
        ),
        (1, 5),
    )
    evaluation = made_evaluation_by_horizon(
        *drawn.universe.fit("sample").symbols, training=training, horizons=(1, 5)
    )
    done = record_evaluation(evaluation, drawn)
    assert list(done) == ["by horizon"]
    assert (done["by horizon"].recorded, done["by horizon"].skipped) == (["AAPL", "JPM"], {})
    assert drawn.metadata("JPM").evaluation_by_horizon == horizon_walk_forward_by_symbol(evaluation)["JPM"]
