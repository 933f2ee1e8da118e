"""All forecasters by horizon, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

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


def _catalogue(config: TrainingConfig, trees: int) -> dict[str, Callable[[], HorizonForecaster]]:
    regressions = (
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
    )
    return {
        "lognormal-20": lambda: window_volatility(20),
        "lognormal-60": lambda: window_volatility(60),
        "ewma": smoothed_volatility,
        "garch-fhs": lambda: GarchPaths(asymmetric=False, seed=config.seed),
        "gjr-fhs": lambda: GarchPaths(asymmetric=True, seed=config.seed),
        **{each.name: partial(_itself, each) for each in regressions},
        "lightgbm-variance": lambda: BoostedVariance(trees, config.seed),
        **{each.name: partial(_itself, each) for each in _networks(config)},
    }


@lru_cache(maxsize=1)
def _networks(config: TrainingConfig) -> tuple[HorizonForecaster, ...]:
    """The product's model and its ablations; two parts of an evaluation share what they fit."""
    fits, unconnected = UniverseFits(config), UniverseFits(config, "none")

    def other(name: str, fits: UniverseFits, description: str) -> NetworkForecaster:
        return NetworkForecaster(f"{PRODUCT}-{name}", "ablation", description, fits)

    return (
        other(
            "no-edges",
            unconnected,
            "The network without edges: it hears of no peer, of no other and of no market.",
        ),
        other(
            "listening",
            UniverseFits(config, "listening"),
            "The network without peers: it hears the whole universe, and has no edge.",
        ),
        other(
            "shuffled-edges",
            UniverseFits(config, "shuffled"),
            "The network with edges, and with what it hears, of the wrong symbols.",
        ),
        NetworkForecaster(
            f"{PRODUCT}-linear", "ablation", "The network without its nonlinear path.", fits, nonlinear=False
        ),
        NetworkForecaster(
            f"{PRODUCT}-alone", "ablation", "The network of each symbol drawn to nothing.", fits, drawn=False
        ),
        EmbeddedNetwork(unconnected),
        NetworkForecaster(
            PRODUCT,
            "model",
            "The product's model: a variance network per symbol, drawn to the universe's.",
            fits,
        ),
    )


def _itself(forecaster: HorizonForecaster) -> HorizonForecaster:
    return forecaster


HORIZON_FORECASTERS: tuple[str, ...] = tuple(_catalogue(TrainingConfig(), TREES))
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
    catalogue = _catalogue(config or TrainingConfig(), trees)
    return tuple(catalogue[name]() for name in in_order(names, HORIZON_FORECASTERS))
