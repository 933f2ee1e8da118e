from types import SimpleNamespace

import keras
import numpy as np
import pytest

from benchmarks.ranking.training import DayData, Recipe, correlation_loss, ranking_loss, train

DAYS = {"train": np.arange(40), "validation": np.arange(40, 50), "test": np.arange(50, 60)}


@pytest.fixture
def batch():
    generator = np.random.default_rng(0)
    target, output = generator.normal(0, 0.02, (2, 3, 8))
    scored = (generator.uniform(size=(3, 8)) < 0.8).astype(float)
    return SimpleNamespace(output=output, target=target * scored, scored=scored)


def test_the_ranking_loss_is_squared_error_and_every_pair_ranked_wrongly(batch):
    ours = batch.output
    error = pairs = 0.0
    for b in range(3):
        for i in range(8):
            error += batch.scored[b, i] * (ours[b, i] - batch.target[b, i]) ** 2
            for j in range(8):
                wrong = -(ours[b, i] - ours[b, j]) * (batch.target[b, i] - batch.target[b, j])
                pairs += batch.scored[b, i] * batch.scored[b, j] * max(0.0, wrong)
    got = ranking_loss(batch.output, batch.target, batch.scored, 0.1)
    assert float(got) == pytest.approx(error / 24 + 0.1 * pairs / 192, rel=1e-4)


def test_correlation_loss_is_one_less_the_mean_ic_of_scored_stocks(batch):
    days = []
    for b in range(3):
        counted = batch.scored[b] > 0
        days.append(np.corrcoef(batch.output[b, counted], batch.target[b, counted])[0, 1])
    got = correlation_loss(batch.output, batch.target, batch.scored)
    assert float(got) == pytest.approx(1 - np.mean(days), rel=1e-4)


def test_a_day_without_scored_stocks_has_a_finite_correlation_loss(batch):
    got = correlation_loss(batch.output, batch.target, np.zeros((3, 8)))
    assert float(got) == pytest.approx(1.0)


@pytest.fixture
def data():
    generator = np.random.default_rng(1)
    signal = generator.standard_normal((60, 12, 2)).astype(np.float32)
    target = 0.02 * (signal[..., 0] + generator.standard_normal((60, 12))).astype(np.float32)
    ones = np.ones((60, 12), np.float32)
    return DayData({"signal": signal}, target, ones)


def made_network(dropout=0.0):
    keras.utils.set_random_seed(3)
    signal = keras.Input((12, 2), name="signal")
    hidden = keras.layers.Dropout(dropout)(keras.layers.Dense(4, activation="gelu")(signal))
    return keras.Model({"signal": signal}, keras.layers.Dense(1)(hidden)[..., 0], name="small")


def trained(data, scores=(0.0, 0.0, 0.0), days=DAYS, seed=0, dropout=0.0):
    """Forecasts, epoch, scores, and what every epoch forecast of the validation days."""
    seen, left = [], list(scores)

    def validate(forecast):
        seen.append(forecast)
        return left.pop(0)

    recipe = Recipe("correlation", epochs=len(scores), learning_rate=0.02)
    return (*train(made_network(dropout), data, days, recipe, validate, seed), seen)


def test_the_epoch_of_the_best_validation_score_forecasts_the_test_days(data):
    days = {**DAYS, "test": DAYS["validation"]}  # so that both are the same forecasts
    forecast, epoch, scores, seen = trained(data, (0.1, 0.9, 0.2), days)
    assert epoch == 1
    assert scores == [0.1, 0.9, 0.2]
    np.testing.assert_array_equal(forecast, seen[1])
    assert (seen[1] != seen[2]).any()


def test_an_epoch_that_ranks_nothing_is_not_chosen(data):
    assert trained(data, (np.nan, 0.1, np.nan))[1] == 1
    with pytest.raises(FloatingPointError, match="small: no epoch gave a finite validation score"):
        trained(data, (np.nan, np.nan))


def test_a_seed_gives_the_same_forecasts_and_another_seed_others(data):
    first, again, other = (trained(data, seed=seed, dropout=0.3)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_came_after_a_day_changes_no_forecast_of_it(data):
    """Targets of validation and test days are for scoring; inputs after a day are for later days."""
    forecast, _, _, seen = trained(data)
    target, signal = data.target.copy(), data.inputs["signal"].copy()
    target[40:] = 9
    signal[55:] = 9
    later = DayData({"signal": signal}, target, data.scored)
    after, _, _, seen_after = trained(later)
    np.testing.assert_array_equal(seen, seen_after)
    np.testing.assert_array_equal(forecast[:5], after[:5])
    assert (forecast[5:] != after[5:]).all()


def test_unscored_stocks_teach_nothing(data):
    scored, target = data.scored.copy(), data.target.copy()
    scored[:, 4:6] = 0
    target[:, 4:6] = 0
    first = trained(DayData(data.inputs, target, scored))[0]
    target[:, 4:6] = 5
    np.testing.assert_array_equal(trained(DayData(data.inputs, target, scored))[0], first)


def test_a_refit_learns_from_validation_days_and_never_from_test_days(data):
    recipe = Recipe("correlation", epochs=2, learning_rate=0.02, refit=True)

    def refitted(own):
        return train(made_network(), own, DAYS, recipe, lambda _: 0.5, 0)[0]

    first = refitted(data)
    for changed, same in ((slice(40, 50), False), (slice(50, 60), True)):
        target = data.target.copy()
        target[changed] = target[changed, ::-1]
        other = refitted(DayData(data.inputs, target, data.scored))
        assert np.array_equal(other, first) == same
