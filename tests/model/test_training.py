from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import keras
import numpy as np
import pytest

from tickgraph.graph.snapshots import build_snapshots
from tickgraph.model.network import build_network, forward
from tickgraph.model.training import TrainingProgram, residual_targets, shuffles, training_example
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import FEATURE_SCALE, HEAD_BIAS, HEAD_KERNEL, initial_weights, symbol_seed

CONFIG = TrainingConfig(
    architecture="baseline", epochs=3, sessions=125, min_sessions=50
)  # 100 rows: the last batch has 4
NODES = ("AAPL", "MSFT", "JPM", "ABNB")


@pytest.fixture(scope="module")
def snapshots(panel):
    """Training rows in which ABNB is partly absent."""
    window = panel.through(np.datetime64("2021-03-31")).tail(161)
    return build_snapshots(window, NODES, CONFIG)[:100]


@pytest.fixture(scope="module")
def small():
    return TrainingProgram(CONFIG)


def test_the_program_trains_as_keras_does(snapshots, small):
    """The same first weights, batches and Adam through Keras's own train_on_batch give the same model."""
    seed = symbol_seed(0, "AAPL")
    example = training_example(snapshots, CONFIG)
    ours = small.train(example, seed)

    model = build_network(CONFIG)
    first = initial_weights(CONFIG, seed)
    model.set_weights([example.feature_mean, example.feature_scale, *first.values()])
    model.compile(keras.optimizers.Adam(CONFIG.learning_rate), loss=_masked_error)
    losses = []
    for epoch in shuffles(CONFIG, seed):
        squared = counted = 0.0
        for rows in epoch:
            rows = rows[rows < len(snapshots)]
            target = np.stack([example.targets[rows], example.known[rows]], axis=-1)
            loss = model.train_on_batch([snapshots.features[rows], snapshots.adjacency[rows]], target)
            squared += float(loss) * example.known[rows].sum()
            counted += example.known[rows].sum()
            model.reset_metrics()
        losses.append(squared / counted)

    np.testing.assert_allclose(ours.losses, losses, rtol=1e-4)
    theirs = model.predict([snapshots.features, snapshots.adjacency], verbose=0) * example.return_scale
    mine = forward(ours.weights, snapshots.features, snapshots.adjacency)
    np.testing.assert_allclose(mine, theirs, rtol=1e-2, atol=1e-3 * example.return_scale)


def test_the_residual_program_trains_as_keras_does_with_decay(panel):
    """Targets are residuals in units of volatility; AdamW takes the same share of the weights."""
    config = TrainingConfig(epochs=3, sessions=125, min_sessions=50, weight_decay=2.0, horizons=())
    window = panel.through(np.datetime64("2021-03-31")).tail(161)
    snapshots = build_snapshots(window, NODES, config)[:100]
    seed = symbol_seed(0, "AAPL")
    example = training_example(snapshots, config)
    ours = TrainingProgram(config).train(example, seed)

    network = build_network(config)
    in_volatility = keras.Model(network.inputs, network.get_layer("head").output[..., 0])
    network.set_weights(
        [example.feature_mean, example.feature_scale, *initial_weights(config, seed).values()]
    )
    optimizer = keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)
    in_volatility.compile(optimizer, loss=_masked_error)
    for epoch in shuffles(config, seed):
        for rows in epoch:
            rows = rows[rows < len(snapshots)]
            target = np.stack([example.targets[rows], example.known[rows]], axis=-1)
            in_volatility.train_on_batch([snapshots.features[rows], snapshots.adjacency[rows]], target)

    theirs = network.predict([snapshots.features, snapshots.adjacency], verbose=0)
    mine = forward(ours.weights, snapshots.features, snapshots.adjacency)
    np.testing.assert_allclose(mine, theirs, rtol=1e-2, atol=1e-4)
    assert np.abs(mine).max() > 1e-3


def test_residual_targets_are_what_the_neighbours_did_not_do(panel):
    config = TrainingConfig(num_stocks=4, sessions=125, min_sessions=50)
    window = panel.through(np.datetime64("2021-06-30")).tail(170)
    snapshots = build_snapshots(window, NODES, config)
    known = np.isfinite(snapshots.targets) & snapshots.present
    targets, counted = residual_targets(snapshots, known)
    day = 20
    z = np.clip(snapshots.targets[day] / snapshots.features[day, :, 0], -4, 4)
    for node in np.flatnonzero(known[day]):
        weight = snapshots.adjacency[day, node].copy()
        weight[node] = 0.0
        weight[~known[day]] = 0.0
        shared = (weight[known[day]] @ z[known[day]]) / weight.sum() if weight.sum() else 0.0
        np.testing.assert_allclose(targets[day, node], z[node] - shared, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(counted, known)
    assert np.isfinite(targets[known]).all()


def _masked_error(target, forecast):
    wanted, known = target[..., 0], target[..., 1]
    return keras.ops.sum(known * (forecast - wanted) ** 2) / keras.ops.sum(known)


def test_same_seed_same_weights_and_another_seed_others(snapshots, small):
    example = training_example(snapshots, CONFIG)
    one, again, other = (small.train(example, seed).weights for seed in (1, 1, 2))
    for path in one:
        np.testing.assert_array_equal(one[path], again[path])
    assert (one[HEAD_KERNEL] != other[HEAD_KERNEL]).any()


def test_threads_share_one_compilation_and_change_nothing(snapshots):
    program = TrainingProgram(CONFIG)
    example = training_example(snapshots, CONFIG)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: program.train(example, seed).weights, range(6)))
    assert program.compilations == 1
    for seed, weights in enumerate(together):
        alone = program.train(example, seed).weights
        for path, value in alone.items():
            np.testing.assert_allclose(weights[path], value, rtol=1e-6, atol=1e-8)
    assert program.compilations == 1


def test_xla_compiles_once_for_any_number_of_symbols(snapshots):
    from jax import monitoring

    compiled = []
    monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: compiled.append(event) if event.endswith("backend_compile_duration") else None
    )
    program = TrainingProgram(
        TrainingConfig(architecture="baseline", epochs=2, sessions=125, min_sessions=50)
    )
    example = training_example(snapshots, program.config)
    program.train(example, 1)
    after_first = len(compiled)
    for seed in range(2, 6):
        program.train(example, seed)
    assert after_first >= 1
    assert len(compiled) == after_first


def test_a_shorter_history_is_padded_and_padding_teaches_nothing(snapshots, small):
    short = snapshots[40:]
    example = training_example(short, CONFIG)
    assert not example.known[60:].any()
    trained = small.train(example, 1)
    garbage = {
        name: np.concatenate([getattr(example, name)[:60], np.full_like(getattr(example, name)[60:], 7.0)])
        for name in (
            "propagated",
            "propagation",
            "adjacency",
            "targets",
        )  # where nothing counts, anything may stand
    }
    poisoned = replace(example, **garbage)
    for path, value in small.train(poisoned, 1).weights.items():
        np.testing.assert_allclose(value, trained.weights[path], rtol=1e-5, atol=1e-7)


def test_a_longer_history_keeps_its_latest_rows(snapshots):
    config = TrainingConfig(sessions=100, min_sessions=50)
    example = training_example(snapshots, config)
    latest = training_example(snapshots[20:], config)
    for one, other in zip(example.arrays(), latest.arrays(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_lowers_the_loss(snapshots):
    program = TrainingProgram(
        TrainingConfig(architecture="baseline", epochs=40, sessions=125, min_sessions=50)
    )
    losses = program.train(training_example(snapshots, program.config), 1).losses
    assert losses[-1] < 0.9 * losses[0]


def test_weights_are_in_the_units_of_prices(snapshots, small):
    example = training_example(snapshots, CONFIG)
    weights = small.train(example, 1).weights
    np.testing.assert_array_equal(weights[FEATURE_SCALE], example.feature_scale)
    seen = snapshots.features[snapshots.present]
    np.testing.assert_allclose(example.feature_mean, seen.mean(axis=0), rtol=1e-4, atol=1e-6)
    forecasts = forward(weights, snapshots.features, snapshots.adjacency)[:, 0]
    assert 0 < forecasts.std() < 0.02  # daily log returns, not standard deviations
    assert weights[HEAD_BIAS].shape == (1,)


def test_every_epoch_visits_every_row_once():
    order = shuffles(CONFIG, 5)
    assert order.shape == (3, 4, 32)
    for epoch in order.reshape(3, -1):
        assert sorted(epoch[epoch < 100]) == list(range(100))
    assert (order[0] != order[1]).any()


def test_training_goes_on_from_given_weights(snapshots, small):
    """Steps of no length give the start back, in its own units; real steps go on improving it."""
    other = snapshots[:60]  # of another scaling
    start = small.train(training_example(other, CONFIG), 1)
    example = training_example(snapshots, CONFIG, start.weights)
    still = TrainingProgram(CONFIG.model_copy(update={"learning_rate": 1e-12}))
    for path, value in still.train(example, 2, start.weights).weights.items():
        np.testing.assert_allclose(value, start.weights[path], rtol=1e-5, atol=1e-9)
    assert small.train(example, 2, start.weights).losses[0] < small.train(example, 2).losses[0]
    assert small.compilations == 1


def test_a_start_of_another_scaling_is_refused(snapshots, small):
    start = small.train(training_example(snapshots[:60], CONFIG), 1).weights
    with pytest.raises(ValueError, match="feature scaling of the weights"):
        small.train(training_example(snapshots, CONFIG), 1, start)


def test_divergence_is_an_error(snapshots):
    config = TrainingConfig(architecture="baseline", epochs=3, sessions=125, min_sessions=50)
    example = training_example(snapshots, config)
    example.targets[3, 0] = np.inf
    with pytest.raises(FloatingPointError, match="training diverged"):
        TrainingProgram(config).train(example, 1)
