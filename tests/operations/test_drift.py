from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from tickgraph.model.calibration import conformal_scores, score_quantiles
from tickgraph.model.measures import LEVELS
from tickgraph.model.volatility import UNFITTED, forecast_volatility
from tickgraph.operations.drift import FALSE_ALARMS, MIN_FORECASTS, flag, p_values

TRAINED = datetime(2022, 9, 18, 6, tzinfo=UTC)
HELD, AHEAD = 200, 60


@pytest.fixture(scope="module")
def outcomes(panel):
    """Sixty sessions of real returns, and the distributions of models calibrated on the 200 before."""
    returns = panel.log_returns()[1:]
    volatility = forecast_volatility(returns, UNFITTED)[-AHEAD - HELD - 1 : -1]
    came = returns[-AHEAD - HELD :]
    held = slice(0, HELD)
    scores = conformal_scores(np.zeros_like(came[held]), came[held], volatility[held])
    tails = score_quantiles(
        scores.values, np.array([p for at in LEVELS for p in ((1 - at) / 2, (1 + at) / 2)])
    )
    parts = []
    for column, symbol in enumerate(panel.symbols):
        spread = volatility[HELD:, column]
        ends = {
            f"{end}_{level}": spread * tails[2 * place + side]
            for place, level in enumerate(LEVELS)
            for side, end in enumerate(("lower", "upper"))
        }
        own = {"realised": came[HELD:, column], "centre": 0.0, "volatility": spread, **ends}
        parts.append(pd.DataFrame({"symbol": symbol, "mean_score": np.abs(scores.values).mean(), **own}))
        parts[-1]["logged_at"] = pd.to_datetime(panel.sessions[-AHEAD - 1 : -1]).tz_localize("UTC")
    return pd.concat(parts, ignore_index=True).assign(trained_at=pd.Timestamp(TRAINED))


def with_volatility(outcomes, symbol, factor, rows=slice(None)):
    """A model whose volatility, and with it every interval, is multiplied."""
    changed = outcomes.copy()
    columns = ["volatility", *(f"{end}_{level}" for level in LEVELS for end in ("lower", "upper"))]
    index = changed.index[changed["symbol"] == symbol][rows]
    changed.loc[index, columns] *= factor
    return changed


def current(symbol):
    return TRAINED


def test_sound_models_are_not_flagged(outcomes):
    assert outcomes["symbol"].nunique() == 42
    assert flag(outcomes, current) == {}


def test_a_model_whose_volatility_is_halved_is_flagged_in_words(outcomes):
    found = flag(with_volatility(outcomes, "AAPL", 0.5), current)
    assert set(found) == {"AAPL"}
    assert "of 60 forecasts since 2022-09-18" in found["AAPL"]
    assert "80% interval held" in found["AAPL"]
    assert "is usual" in found["AAPL"]
    assert "times what it promises" in found["AAPL"]


def test_a_model_whose_intervals_are_far_too_wide_is_flagged(outcomes):
    found = flag(with_volatility(outcomes, "AAPL", 4.0), current)
    assert set(found) == {"AAPL"}
    assert "80% interval held 100%" in found["AAPL"]
    assert "times what it promises" not in found["AAPL"]


def test_a_model_retrained_since_is_not_flagged_for_its_predecessor(outcomes):
    bad = with_volatility(outcomes, "AAPL", 0.4)
    assert flag(bad, lambda symbol: TRAINED + timedelta(days=30)) == {}, "it has forecast nothing yet"
    assert flag(bad, lambda symbol: None) == {}, "it was withdrawn"

    bad = with_volatility(outcomes, "AAPL", 0.4, slice(0, 50))
    retrained = TRAINED + timedelta(days=70)
    own = bad.index[bad["symbol"] == "AAPL"][50:]
    bad.loc[own, "trained_at"] = pd.Timestamp(retrained)
    assert flag(bad, lambda symbol: retrained if symbol == "AAPL" else TRAINED) == {}


def test_a_retrained_model_that_is_as_bad_is_flagged_again(outcomes):
    bad = with_volatility(outcomes, "AAPL", 0.25)
    retrained = TRAINED + timedelta(days=40)
    own = bad.index[bad["symbol"] == "AAPL"][-25:]
    bad.loc[own, "trained_at"] = pd.Timestamp(retrained)
    found = flag(bad, lambda symbol: retrained if symbol == "AAPL" else TRAINED)
    assert set(found) == {"AAPL"}
    assert "of 25 forecasts" in found["AAPL"]


def test_too_few_forecasts_say_nothing(outcomes):
    wild = with_volatility(outcomes, "AAPL", 0.001)
    few = wild.groupby("symbol").head(MIN_FORECASTS - 1)
    assert flag(few, current) == {}
    assert set(flag(wild.groupby("symbol").head(MIN_FORECASTS), current)) == {"AAPL"}


def test_momentum_has_no_weights_to_train_again(outcomes):
    wild = with_volatility(outcomes, "AAPL", 0.1)
    wild.loc[wild["symbol"] == "AAPL", "trained_at"] = pd.NaT
    assert flag(wild, current) == {}


def test_only_suspects_have_their_model_looked_up(outcomes):
    asked = []

    def looked_up(symbol):
        asked.append(symbol)
        return TRAINED

    flag(with_volatility(outcomes, "AAPL", 0.5), looked_up)
    assert asked == ["AAPL"]


@pytest.mark.parametrize("count", [5, 20, 60])
def test_false_alarms_are_as_rare_as_promised(count):
    """Many scorings of fifty sound models whose returns are independent."""
    generator = np.random.default_rng(count)
    scorings, models = 200, 50
    z = generator.standard_normal((scorings * models, count))
    tallies = {
        "forecasts": np.full(len(z), count),
        "outside_0.8": (np.abs(z) > 1.2816).sum(axis=1),
        "outside_0.95": (np.abs(z) > 1.96).sum(axis=1),
        "error_ratio": np.abs(z).mean(axis=1) / np.sqrt(2 / np.pi),
    }
    p = p_values(pd.DataFrame(tallies)).reshape(scorings, models)
    alarms = np.mean([(false_discovery_control(one) <= FALSE_ALARMS).any() for one in p])
    assert alarms <= FALSE_ALARMS
