"""The fit that ships in the package."""

from __future__ import annotations

import pytest

from tickgraph.errors import HistoryTooShortError
from tickgraph.market.calendar import use_exchange
from tickgraph.model.training_config import TrainingConfig
from tickgraph.registry.default_universe import default_for, default_universe


def test_it_is_of_the_sample_and_the_default_configuration(panel):
    fit = default_universe()
    assert fit.suits(TrainingConfig())
    assert fit.symbols == panel.symbols
    assert fit.data_version == panel.data_version
    assert fit.last_session == panel.sessions[-1]
    assert default_for(TrainingConfig(hidden_dim=32, lookback=40, epochs=1)) is fit


def test_it_forecasts_better_than_the_average_of_a_month(panel):
    network, linear, today = default_universe().qlike
    place = TrainingConfig().horizons.index(10)
    assert (network[:place] < today[:place]).all()
    assert (network <= linear).all()


@pytest.mark.parametrize("other", [{"horizons": (1, 5)}, {"variance_dim": 64}, {"num_gcn_layers": 3}])
def test_other_sizes_need_a_fit_of_their_own(other):
    with pytest.raises(
        HistoryTooShortError, match="There is no fit of the universe for horizons 1, .*which gives a fit"
    ):
        default_for(TrainingConfig(**other))


def test_it_serves_other_exchanges():
    use_exchange("XLON")
    default_universe.cache_clear()
    assert default_universe().source == "sample"
