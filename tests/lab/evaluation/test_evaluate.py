from __future__ import annotations

import numpy as np
import pytest

from tickgraph.errors import InputError
from tickgraph.lab.evaluation.evaluate import (
    EvaluationSettings,
    default_retraining,
    evaluate,
    trailing_volatility,
)
from tickgraph.lab.evaluation.forecasters.method_catalogue import ForecasterSettings
from tickgraph.lab.evaluation.windows import WindowSettings
from tickgraph.lab.run import Listener, Run

NAMES = ("zero", "momentum", "reversal", "ridge", "gnn-no-edges", "gnn-per-symbol")


@pytest.fixture(scope="module")
def settings(short):
    return EvaluationSettings(
        windows=WindowSettings(train_sessions=120, retrain_every=120),
        forecasters=ForecasterSettings(training=short),
        names=NAMES,
        resamples=100,
    )


@pytest.fixture(scope="module")
def result(small_panel, settings, tmp_path_factory):
    return evaluate(
        small_panel, settings, Run(tmp_path_factory.mktemp("pieces"), jobs=1), left_out={"SPY": "gone"}
    )


def test_every_forecaster_is_measured_on_the_same_cells(result):
    assert [own.name for own in result.forecasters] == list(NAMES)
    assert len({(own.accuracy.sessions, own.accuracy.forecasts) for own in result.forecasters}) == 1
    assert result.forecasters[0].accuracy.r2_vs_zero.value == 0
    assert all(own.distribution is not None and own.strikes for own in result.forecasters)
    assert {part.by for part in result.forecasters[1].slices} >= {"year", "sector", "symbol"}


def test_models_are_compared_with_yardsticks_and_ablations_with_models(result):
    pairs = {(own.first, own.second) for own in result.comparisons}
    assert pairs == {
        ("gnn-per-symbol", "gnn-no-edges"),
        ("gnn-per-symbol", "zero"),
        ("gnn-per-symbol", "ridge"),
    }
    assert result.reality_check.variants == len(NAMES) - 1


def test_the_result_says_what_was_measured_on_what(result, small_panel, settings):
    assert result.symbols == list(small_panel.symbols)
    assert result.data_version == small_panel.data_version
    assert result.left_out == {"SPY": "gone"}
    assert "still listed" in result.survivorship
    assert result.settings["retrain_every"] == 120
    assert result.settings["epochs"] == settings.forecasters.training.epochs
    assert result.windows[0].embargo == 1
    assert result.windows[0].train_last < result.windows[0].test_first
    assert result.windows[-1].symbols == 6


def test_findings_name_what_the_intervals_tell(result):
    text = " ".join(result.findings)
    for part in (
        "The highest IC of 5",
        "What the edges are worth",
        "Models against ridge by IC",
        "5 basis points",
    ):
        assert part in text
    assert "nan" not in text


def test_the_listener_hears_every_piece(small_panel, settings, tmp_path):
    heard = {"start": [], "pieces": [], "measured": []}
    cheap = settings.model_copy(update={"names": ("zero", "momentum")})
    listener = Listener(heard["start"].append, heard["pieces"].append, heard["measured"].append)
    evaluate(small_panel, cheap, Run(tmp_path, jobs=1, listener=listener))
    assert heard["start"] == [len(heard["pieces"])] == [4]
    assert heard["measured"] == ["zero", "momentum"]


def test_legs_and_symbols_must_fit(small_panel, settings, tmp_path):
    with pytest.raises(InputError, match="Legs of 4 symbols, long and short, need 8; there are 6"):
        evaluate(small_panel, settings.model_copy(update={"k": 4}), Run(tmp_path))
    with pytest.raises(InputError, match="at least 3 symbols, got 2"):
        evaluate(small_panel.select(("AAPL", "JPM")), settings, Run(tmp_path))


def test_volatility_is_known_at_its_session(small_panel):
    returns = small_panel.log_returns()
    np.testing.assert_allclose(
        trailing_volatility(small_panel, 20)[50, 0], returns[31:51, 0].std(ddof=1), rtol=1e-12
    )


def test_a_large_universe_is_trained_once_a_year():
    assert (default_retraining(42), default_retraining(479)) == (63, 252)
