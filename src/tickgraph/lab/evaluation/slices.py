"""The same figures on parts of the panel: by year, regime, sector and symbol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.lab.evaluation.accuracy import hits, mean_sums, r2, squared_errors
from tickgraph.lab.evaluation.cross_section import (
    daily_correlation,
    daily_rank_correlation,
    has_spread,
    jointly_known,
    ranks,
)
from tickgraph.lab.evaluation.distributions import covered
from tickgraph.lab.evaluation.evaluation_result import Slice
from tickgraph.lab.evaluation.forecast_panel import DistributionPanel, ForecastPanel
from tickgraph.lab.evaluation.resampling import SessionBootstrap, Statistic, correlation, ratio
from tickgraph.model.measures import LEVELS

Array = NDArray[np.float64]
By = Literal["year", "sector", "regime", "symbol"]
_Place = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""Which sessions ``[T]`` and symbols ``[S]`` a part is made of."""
REGIMES: tuple[str, ...] = ("calm", "normal", "stressed")


@dataclass(frozen=True)
class _Parts:
    """Sums of G parts of the panel, each ``[T, G, M]``."""

    by: By
    names: list[str]
    sessions: list[int]
    symbols: list[int]
    ic: Array
    rank_ic: Array
    ic_statistic: Statistic
    hit_rate: Array
    errors: Array
    coverage: dict[str, Array]


def measure_slices(
    panel: ForecastPanel,
    distribution: DistributionPanel | None = None,
    *,
    sectors: Mapping[str, str] | None = None,
    regimes: NDArray[np.str_] | None = None,
    bootstrap: SessionBootstrap,
) -> list[Slice]:
    """Figures by year, then regime, sector and symbol. Parts without a known cell are left out.

    A single symbol has no cross-section, so its IC is the correlation over time of its forecasts and its returns. Its
    rank IC takes the ranks over all its sessions once, also in the resamples.

    Parameters
    ----------
    panel
        Forecasts of T sessions and S symbols.
    distribution
        Beside the panel, for the coverage of the slices.
    sectors
        Sector by symbol; a symbol may have none.
    regimes
        ``[T]`` names from :func:`regimes`, ``""`` where unknown.
    bootstrap
        Of the panel's T sessions.
    """
    forecast, realised = jointly_known(panel.forecast, panel.realised)
    inside = covered(panel, distribution) if distribution is not None else {}
    everyone, always = np.full(len(panel.symbols), True), np.full(len(panel.sessions), True)
    years = np.datetime_as_string(panel.sessions.astype("datetime64[D]"), unit="Y")
    places: dict[By, dict[str, _Place]] = {
        "year": {year: (years == year, everyone) for year in sorted(set(years))}
    }
    if regimes is not None:
        places["regime"] = {name: (regimes == name, everyone) for name in REGIMES}
    if sectors is not None:
        own = np.array([sectors.get(symbol, "") for symbol in panel.symbols])
        places["sector"] = {name: (always, own == name) for name in sorted(set(own) - {""})}
    parts = [_by_place(by, named, forecast, realised, inside) for by, named in places.items()]
    parts.append(_by_symbol(panel.symbols, forecast, realised, inside))
    return [part for each in parts for part in _slices(each, bootstrap)]


def regimes(market_returns: NDArray[np.float64], *, window: int = 20, past: int = 252) -> NDArray[np.str_]:
    """Regime of each session, by the thirds of the market's trailing volatility.

    The volatility of session t is the standard deviation of the market's last ``window`` returns up to t. The thirds
    are those of all volatilities up to t, so nothing later than t enters.

    Parameters
    ----------
    market_returns
        ``[T]`` float64, return of the market from t - 1 to t, of the whole history: the thirds need a past before
        the sessions that are evaluated.
    window
        Sessions of a volatility.
    past
        Volatilities that must be known before there are thirds.

    Returns
    -------
    ndarray
        ``[T]`` of ``"calm"``, ``"normal"``, ``"stressed"``, or ``""`` where the past is too short.
    """
    volatility = pd.Series(market_returns).rolling(window).std()
    thirds = volatility.expanding(min_periods=past)
    low, high = thirds.quantile(1 / 3), thirds.quantile(2 / 3)
    known = volatility.notna() & low.notna()
    return np.select(
        [~known, volatility <= low, volatility <= high], ["", "calm", "normal"], default="stressed"
    ).astype(np.str_)


def _by_place(
    by: By, places: Mapping[str, _Place], forecast: Array, realised: Array, inside: Mapping[str, Array]
) -> _Parts:
    """Sums of parts that are some sessions or some symbols of the panel."""
    known = np.isfinite(forecast)
    hit, errors = hits(forecast, realised), squared_errors(forecast, realised)

    def daily(sums: Callable[[Array, Array], Array]) -> Array:
        """Sums ``[t, M]`` of each part's own forecasts and returns, 0 in the sessions of other parts."""
        total = np.zeros((len(forecast), len(places), 2))
        for i, (rows, columns) in enumerate(places.values()):
            total[rows, i] = sums(forecast[rows][:, columns], realised[rows][:, columns])
        return total

    def split(cells: Array) -> Array:
        """Sums over the symbols of each part, from ``[T, S, 2]``."""
        total = np.zeros((len(forecast), len(places), 2))
        for i, (rows, columns) in enumerate(places.values()):
            total[rows, i] = cells[rows][:, columns].sum(axis=1)
        return total

    return _Parts(
        by=by,
        names=list(places),
        sessions=[int(known[rows][:, columns].any(axis=1).sum()) for rows, columns in places.values()],
        symbols=[int(known[rows][:, columns].any(axis=0).sum()) for rows, columns in places.values()],
        ic=daily(lambda f, r: mean_sums(daily_correlation(f, r))),
        rank_ic=daily(lambda f, r: mean_sums(daily_rank_correlation(f, r))),
        ic_statistic=ratio,
        hit_rate=split(hit),
        errors=split(errors),
        coverage={level: split(values) for level, values in inside.items()},
    )


def _by_symbol(
    symbols: tuple[str, ...], forecast: Array, realised: Array, inside: dict[str, Array]
) -> _Parts:
    known = np.isfinite(forecast)
    vary = has_spread(forecast.T) & has_spread(realised.T)  # [S]
    x, y = np.where(vary, forecast, np.nan), np.where(vary, realised, np.nan)
    return _Parts(
        by="symbol",
        names=list(symbols),
        sessions=known.sum(axis=0).tolist(),
        symbols=[1] * len(symbols),
        ic=_product_sums(x, y),
        rank_ic=_product_sums(ranks(x.T).T, ranks(y.T).T),
        ic_statistic=correlation,
        hit_rate=hits(forecast, realised),
        errors=squared_errors(forecast, realised),
        coverage=inside,
    )


def _product_sums(x: Array, y: Array) -> Array:
    """Sums that ``correlation`` takes, of each column over time, ``[T, S, 6]``."""
    known = np.isfinite(x)
    x, y = _deviations(x, known), _deviations(y, known)
    return np.stack([x, y, x * x, y * y, x * y, known], axis=-1).astype(np.float64)


def _deviations(values: Array, known: NDArray[np.bool_]) -> Array:
    # Around the column's mean, where a sum of squares keeps its digits.
    total = np.where(known, values, 0.0)
    mean = total.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, values - mean, 0.0)


def _slices(parts: _Parts, bootstrap: SessionBootstrap) -> list[Slice]:
    ic = bootstrap.estimates(parts.ic, parts.ic_statistic)
    rank_ic = bootstrap.estimates(parts.rank_ic, parts.ic_statistic)
    hit_rate = bootstrap.estimates(parts.hit_rate, ratio)
    r2_vs_zero = bootstrap.estimates(parts.errors, r2)
    coverage = {level: bootstrap.estimates(sums, ratio) for level, sums in parts.coverage.items()}
    return [
        Slice(
            by=parts.by,
            name=name,
            sessions=parts.sessions[i],
            symbols=parts.symbols[i],
            ic=ic[i],
            rank_ic=rank_ic[i],
            hit_rate=hit_rate[i],
            r2_vs_zero=r2_vs_zero[i],
            coverage={
                str(level): figure
                for level in LEVELS
                if str(level) in coverage and (figure := coverage[str(level)][i]) is not None
            },
        )
        for i, name in enumerate(parts.names)
        if parts.sessions[i] > 0
    ]
