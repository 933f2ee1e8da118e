from __future__ import annotations

import pytest

from made_horizons import made_evaluation_by_horizon
from tickgraph.lab.evaluation.recording import horizon_walk_forward_by_symbol
from tickgraph.lab.horizons.evaluate_horizons import trained_by_horizon
from tickgraph.model.training_config import TrainingConfig


@pytest.fixture
def training():
    return trained_by_horizon(TrainingConfig(), (1, 21))


def test_figures_are_the_networks_with_what_they_were_measured_on(training):
    evaluation = made_evaluation_by_horizon("AAPL", "JPM", training=training)
    blocks = horizon_walk_forward_by_symbol(evaluation)
    assert set(blocks) == {"AAPL", "JPM"}
    block = blocks["JPM"]
    network = evaluation.horizons.forecasters[-1]
    assert block.figures == network.by_symbol["JPM"]
    assert block.panel["21"].qlike == network.horizons[1].qlike
    assert block.panel["21"].qlike_bar.value == 0.45
    assert block.panel["1"].crps_lognormal.value == 0.006
    assert (block.forecaster, block.refit_every, block.density_every) == ("network", 21, 3)
    assert (block.first_session, block.last_session) == (
        evaluation.horizons.first_session,
        evaluation.horizons.last_session,
    )
    assert (block.source, block.data_version, block.symbols) == ("sample", "3f9c2a71", ("AAPL", "JPM"))
    assert (block.measured_at, block.version) == (evaluation.created, "0.3.0")
    assert block.training_config.model_dump() == training.model_dump()


def test_the_configuration_has_all_horizons_that_were_asked_for():
    assert trained_by_horizon(TrainingConfig(horizons=(1, 5)), (5, 30)).horizons == (1, 5, 30)
    assert trained_by_horizon(TrainingConfig(architecture="baseline"), (1, 5)) is None


def test_without_the_network_there_is_nothing_to_record(training):
    evaluation = made_evaluation_by_horizon("AAPL", training=training)
    by_horizon = evaluation.horizons
    without = by_horizon.model_copy(update={"forecasters": by_horizon.forecasters[:-1]})
    unsaid = by_horizon.model_copy(update={"training": None})
    for horizons in (None, without, unsaid):
        assert horizon_walk_forward_by_symbol(evaluation.model_copy(update={"horizons": horizons})) == {}
