"""How far targets will move: from the universe's state of the day, or from their own peers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_universe import CONFIG, changed, corrupted_after
from tickgraph.graph.snapshots import latest_correlation
from tickgraph.graph.variance_features import variance_features
from tickgraph.market.spelling import Symbol
from tickgraph.model.stack import alone
from tickgraph.model.universe_state import universe_state
from tickgraph.model.variance_examples import universe_of
from tickgraph.model.variance_fit import fit_variance
from tickgraph.serving.latest_variance import latest_variances
from tickgraph.serving.loaded_model import LoadedModel

NODES = {"AAPL": ("AAPL", "MSFT", "NVDA"), "JPM": ("JPM", "BAC", "XOM", "AAPL"), "XOM": ("XOM",)}


@pytest.fixture(scope="module")
def models(small_universe, small_fit):
    """Three models of different graphs, one with fewer peers than there is room for and one with none."""
    prices = universe_of(small_universe, CONFIG)
    made = []
    for symbol, nodes in NODES.items():
        weights = alone(fit_variance(small_fit, prices, nodes, small_universe.sessions[-1], CONFIG))
        names = tuple(map(Symbol, nodes))
        fields = dict.fromkeys(LoadedModel.__dataclass_fields__)
        fields |= {"symbol": Symbol(symbol), "nodes": names, "graph": CONFIG, "weights": weights}
        made.append(LoadedModel(**fields | {"horizons": CONFIG.horizons, "horizon_scores": small_fit.scores}))
    return made


@pytest.fixture(scope="module")
def state(small_universe):
    return universe_state(small_universe, CONFIG.horizons)


def said(panel, models, state):
    correlations = [latest_correlation(panel, model.nodes, CONFIG) for model in models]
    return latest_variances(panel, models, correlations, state)


def test_the_state_is_the_features_of_the_last_session(small_universe, state):
    assert state.session == small_universe.sessions[-1]
    assert list(state.rows) == list(small_universe.symbols)
    features = variance_features(small_universe, CONFIG.horizons, last=1)
    np.testing.assert_array_equal(state.known, features.known[0])
    np.testing.assert_allclose(state.values, features.values[0], atol=0.03)  # from 800 sessions of 900
    np.testing.assert_array_equal(state.close, small_universe.close[-1])


def test_the_variances_are_of_the_next_sessions(small_universe, models, state):
    variances, heard = said(small_universe, models, state)
    assert variances.shape == (3, 3)
    assert heard == [True] * 3
    assert (np.diff(variances, axis=1) > 0).all()  # of 1, 5 and 21 sessions
    daily = np.sqrt(variances / CONFIG.horizons)
    assert ((daily > 0.005) & (daily < 0.05)).all()


def test_the_state_says_what_the_whole_universe_would(small_universe, models, state):
    """A model whose nodes are all symbols hears the same from its own prices as from the state."""
    everyone = tuple(map(Symbol, small_universe.symbols))[:5]
    model = replace(models[0], nodes=everyone)
    panel = small_universe.select(everyone)
    own, alone = said(panel, [model], None)
    other, whole = said(panel, [model], universe_state(panel, CONFIG.horizons))
    assert (alone, whole) == ([False], [True])
    np.testing.assert_allclose(own, other, rtol=1e-4)


def test_without_a_state_the_models_nodes_are_all_that_is_heard(small_universe, models, state):
    whole, _ = said(small_universe, models, state)
    variances, heard = said(small_universe, models, None)
    assert heard == [False] * 3
    assert (variances != whole).all()
    np.testing.assert_allclose(variances, whole, rtol=0.5)
    strangers = [symbol for symbol in small_universe.symbols if symbol not in NODES["AAPL"]]
    other = np.isin(small_universe.symbols, strangers)
    louder = changed(small_universe, lambda values: np.where(other, values * 1.1, values), ["high"])
    np.testing.assert_array_equal(said(louder, models[:1], None)[0], variances[:1])


class TestStatesThatAreNotUsed:
    def unused(self, panel, models, state, whose=(False, False, False)):
        """Who has not heard the universe gets the answer without a state."""
        variances, heard = said(panel, models, state)
        assert tuple(heard) == whose
        without, _ = said(panel, models, None)
        for row, whole in enumerate(whose):
            assert (variances[row] == without[row]).all() == (not whole)

    def test_of_another_session(self, small_universe, models, state):
        self.unused(small_universe, models, replace(state, session=state.session - 1))
        self.unused(small_universe.through(state.session - 1), models, state)

    def test_of_other_horizons(self, small_universe, models):
        self.unused(small_universe, models, universe_state(small_universe, (1, 5, 10)))

    def test_without_a_node(self, small_universe, models):
        """The others hear it."""
        known = [symbol for symbol in small_universe.symbols if symbol != "NVDA"]
        fewer = universe_state(small_universe.select(known), CONFIG.horizons)
        self.unused(small_universe, models, fewer, (False, True, True))

    def test_of_a_close_that_was_corrected_since(self, small_universe, models, state):
        corrected = small_universe.close.copy()
        corrected[-1, small_universe.columns["BAC"]] *= 1 + 1e-6
        panel = replace(small_universe, close=corrected, adj_close=small_universe.adj_close.copy())
        self.unused(panel, models, state, (True, False, True))

    def test_a_close_that_differs_in_rounding_is_the_same(self, small_universe, models, state):
        rounded = replace(state, close=state.close * (1 + 1e-12))
        assert said(small_universe, models, rounded)[1] == [True] * 3


@pytest.mark.parametrize("hears", [True, False])
def test_many_models_in_one_call_are_each_by_itself(small_universe, models, state, hears):
    given = state if hears else None
    together, heard = said(small_universe, models, given)
    for row, model in enumerate(models):
        alone, one_heard = said(small_universe, [model], given)
        np.testing.assert_allclose(together[row], alone[0], rtol=1e-5)
        assert one_heard == [heard[row]]


@pytest.mark.parametrize("hears", [True, False])
def test_a_target_that_is_not_known_has_none(small_universe, models, hears):
    """Here JPM lacks the last session: no number for it, and AAPL, whose peer it is not, has one."""
    gone = np.zeros(small_universe.close.shape, bool)
    gone[-1, small_universe.columns["JPM"]] = True
    panel = changed(small_universe, lambda values: np.where(gone, np.nan, values))
    given = universe_state(panel, CONFIG.horizons) if hears else None
    variances, heard = said(panel, models, given)
    assert np.isnan(variances[1]).all()
    assert np.isfinite(variances[[0, 2]]).all()
    assert heard == [hears] * 3


def test_nothing_after_the_session_counts(small_universe, models):
    cut = small_universe.sessions[-30]
    real = said(small_universe.through(cut), models, None)[0]
    corrupt = said(corrupted_after(small_universe, cut).through(cut), models, None)[0]
    np.testing.assert_array_equal(real, corrupt)
