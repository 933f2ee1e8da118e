"""All forecasters by horizon, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tickgraph.errors import InputError
from tickgraph.lab.horizons.boosted_variance import TREES, BoostedVariance
from tickgraph.lab.horizons.garch_paths import GarchPaths
from tickgraph.lab.horizons.lognormal import smoothed_volatility, window_volatility
from tickgraph.lab.horizons.method import HorizonForecaster
from tickgraph.lab.horizons.range_regressions import (
    RangeRegression,
    own_listening,
    own_peers_market,
    own_range,
)

PRODUCT = "network"
"""The product's model."""

_HAR = "HAR of the own log range, one set of coefficients a horizon for all symbols,"


def _catalogue(seed: int, trees: int) -> dict[str, Callable[[], HorizonForecaster]]:
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
        "garch-fhs": lambda: GarchPaths(asymmetric=False, seed=seed),
        "gjr-fhs": lambda: GarchPaths(asymmetric=True, seed=seed),
        **{each.name: partial(_itself, each) for each in regressions},
        "lightgbm-variance": lambda: BoostedVariance(trees, seed),
    }


def _itself(forecaster: HorizonForecaster) -> HorizonForecaster:
    return forecaster


HORIZON_FORECASTERS: tuple[str, ...] = tuple(_catalogue(0, TREES))
"""Names, in the order of reports."""


def make_horizon_forecasters(
    names: Sequence[str], *, seed: int = 0, trees: int = TREES
) -> tuple[HorizonForecaster, ...]:
    """Make forecasters by name.

    Parameters
    ----------
    names
        Of :data:`HORIZON_FORECASTERS`, in any order.
    seed
        Of all that is drawn.
    trees
        Of each boosted model.

    Raises
    ------
    InputError
        A name is unknown.
    """
    unknown = [name for name in names if name not in HORIZON_FORECASTERS]
    if unknown:
        raise InputError(
            f"Unknown forecaster {', '.join(unknown)}. Choose among: {', '.join(HORIZON_FORECASTERS)}."
        )
    catalogue = _catalogue(seed, trees)
    return tuple(catalogue[name]() for name in HORIZON_FORECASTERS if name in names)
