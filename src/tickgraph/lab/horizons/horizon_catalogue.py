"""All forecasters by horizon, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tickgraph.lab.compared import in_order
from tickgraph.lab.horizons.boosted_variance import TREES, boosted_variance
from tickgraph.lab.horizons.embedded_network import embedded_network
from tickgraph.lab.horizons.garch_paths import garch
from tickgraph.lab.horizons.lognormal import smoothed_volatility, window_volatility
from tickgraph.lab.horizons.method import HorizonForecaster
from tickgraph.lab.horizons.network_forecasts import UniverseFits, network
from tickgraph.lab.horizons.range_regressions import (
    own_listening,
    own_peers_market,
    own_range,
    range_regression,
)
from tickgraph.model.training_config import TrainingConfig

PRODUCT = "network"
"""The product's model."""

_HAR = "HAR of the own log range, one set of coefficients a horizon for all symbols,"


def _catalogue(config: TrainingConfig, trees: int) -> tuple[HorizonForecaster, ...]:
    return (
        window_volatility(20),
        window_volatility(60),
        smoothed_volatility(),
        garch(asymmetric=False, seed=config.seed),
        garch(asymmetric=True, seed=config.seed),
        range_regression(
            "har-least-squares",
            f"{_HAR} by least squares on log variance.",
            own_range,
            fit="least-squares",
            sums_to_one=False,
        ),
        range_regression("har-free", f"{_HAR} by QLIKE, weights free.", own_range, sums_to_one=False),
        range_regression("har", f"{_HAR} by QLIKE, weights summing to one.", own_range),
        range_regression(
            "graph-har",
            "The HAR with the ten peers', the market's and the downside's averages beside the own.",
            own_peers_market,
        ),
        range_regression(
            "graph-har-listening",
            "The HAR that listens to all symbols by correlation, with downside and signed shocks.",
            own_listening,
        ),
        boosted_variance(trees, config.seed),
        *_networks(config),
    )


@lru_cache(maxsize=1)
def _networks(config: TrainingConfig) -> tuple[HorizonForecaster, ...]:
    """The product's model and its ablations; two parts of an evaluation share what they fit."""
    fits, unconnected = UniverseFits(config), UniverseFits(config, "none")

    return (
        network(
            f"{PRODUCT}-no-edges",
            "ablation",
            "The network without edges: it hears of no peer, of no other and of no market.",
            unconnected,
        ),
        network(
            f"{PRODUCT}-listening",
            "ablation",
            "The network without peers: it hears the whole universe, and has no edge.",
            UniverseFits(config, "listening"),
        ),
        network(
            f"{PRODUCT}-shuffled-edges",
            "ablation",
            "The network with edges, and with what it hears, of the wrong symbols.",
            UniverseFits(config, "shuffled"),
        ),
        network(
            f"{PRODUCT}-linear", "ablation", "The network without its nonlinear path.", fits, nonlinear=False
        ),
        network(
            f"{PRODUCT}-alone", "ablation", "The network of each symbol drawn to nothing.", fits, drawn=False
        ),
        embedded_network(unconnected),
        network(
            PRODUCT,
            "model",
            "The product's model: a variance network per symbol, drawn to the universe's.",
            fits,
        ),
    )


HORIZON_FORECASTERS: tuple[str, ...] = tuple(each.name for each in _catalogue(TrainingConfig(), TREES))
"""Names, in the order of reports."""


def make_horizon_forecasters(
    names: Sequence[str], *, config: TrainingConfig | None = None, trees: int = TREES
) -> tuple[HorizonForecaster, ...]:
    """Make forecasters by name.

    Parameters
    ----------
    names
        Of :data:`HORIZON_FORECASTERS`, in any order.
    config
        The product's, whose variance network is walked forward; its seed is that of all that is drawn.
    trees
        Of each boosted model.

    Raises
    ------
    InputError
        A name is unknown.
    """
    chosen = in_order(names, HORIZON_FORECASTERS)
    return tuple(each for each in _catalogue(config or TrainingConfig(), trees) if each.name in chosen)
