"""All forecasters by horizon, by name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tickgraph.lab.compared import in_order
from tickgraph.lab.horizons.boosted_variance import TREES, BoostedVariance
from tickgraph.lab.horizons.embedded_network import EmbeddedNetwork
from tickgraph.lab.horizons.garch_paths import GarchPaths
from tickgraph.lab.horizons.lognormal import smoothed_volatility, window_volatility
from tickgraph.lab.horizons.method import HorizonForecaster
from tickgraph.lab.horizons.network_forecasts import NetworkForecaster, UniverseFits
from tickgraph.lab.horizons.range_regressions import (
    RangeRegression,
    own_listening,
    own_peers_market,
    own_range,
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
        GarchPaths(asymmetric=False, seed=config.seed),
        GarchPaths(asymmetric=True, seed=config.seed),
        RangeRegression(
            "har-least-squares",
            f"{_HAR} by least squares on log variance.",
            own_range,
            fit="least-squares",
            sums_to_one=False,
        ),
        RangeRegression("har-free", f"{_HAR} by QLIKE, weights free.", own_range, sums_to_one=False),
        RangeRegression("har", f"{_HAR} by QLIKE, weights summing to one.", own_range),
        RangeRegression(
            "graph-har",
            "The HAR with the ten peers', the market's and the downside's averages beside the own.",
            own_peers_market,
        ),
        RangeRegression(
            "graph-har-listening",
            "The HAR that listens to all symbols by correlation, with downside and signed shocks.",
            own_listening,
        ),
        BoostedVariance(trees, config.seed),
        *_networks(config),
    )


@lru_cache(maxsize=1)
def _networks(config: TrainingConfig) -> tuple[HorizonForecaster, ...]:
    """The product's model and its ablations; two parts of an evaluation share what they fit."""
    fits, unconnected = UniverseFits(config), UniverseFits(config, "none")

    def ablation(
        name: str, fits: UniverseFits, description: str, *, nonlinear: bool = True, drawn: bool = True
    ) -> NetworkForecaster:
        return NetworkForecaster(f"{PRODUCT}-{name}", "ablation", description, fits, nonlinear, drawn)

    return (
        ablation(
            "no-edges",
            unconnected,
            "The network without edges: it hears of no peer, of no other and of no market.",
        ),
        ablation(
            "listening",
            UniverseFits(config, "listening"),
            "The network without peers: it hears the whole universe, and has no edge.",
        ),
        ablation(
            "shuffled-edges",
            UniverseFits(config, "shuffled"),
            "The network with edges, and with what it hears, of the wrong symbols.",
        ),
        ablation("linear", fits, "The network without its nonlinear path.", nonlinear=False),
        ablation("alone", fits, "The network of each symbol drawn to nothing.", drawn=False),
        EmbeddedNetwork(unconnected),
        NetworkForecaster(
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
