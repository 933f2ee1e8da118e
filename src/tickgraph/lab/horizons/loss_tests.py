"""Whether one forecaster has less loss than another, and which forecasters may be the best.

Losses over h sessions of neighbouring sessions share most of their h returns, so they depend on one another over the
whole horizon: the lag of the variance and the blocks of the bootstrap reach over it.

Sources: Diebold & Mariano 1995, "Comparing Predictive Accuracy", JBES 13(3); Newey & West 1987; Hansen, Lunde & Nason
2011, "The Model Confidence Set", Econometrica 79(2); both libraries' parts are arch's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from arch.bootstrap import MCS
from arch.covariance.kernel import Bartlett
from scipy.special import ndtr

from tickgraph.lab.evaluation.resampling import FEWEST_SESSIONS, SHORTEST_BLOCK
from tickgraph.shapes import Float64

CONFIDENCE_SET = 0.9
"""Level of the model confidence set."""

_CRITICAL = (
    1.96,
    2.9694,
    0.4160,
    -0.5324,
)  # Kiefer & Vogelsang 2005, table 1: of Bartlett's kernel, two-sided 5 %


def shortest_block(horizon: int, step: int) -> int:
    """Fewest origins in a block, ``step`` sessions apart: they span 2h sessions, and a week at least."""
    return max(SHORTEST_BLOCK, math.ceil(2 * horizon / step))


def lag(sessions: int, horizon: int, step: int, *, long: bool = False) -> int:
    """Origins that the variance of a mean loss reaches over: h - 1 sessions, or more by Newey & West's own rule.

    A long one reaches over three horizons. Bartlett's weights fall with the lag, so that h - 1, where the dependence
    ends, misses half of it: of means of 21 shocks over 1,200 sessions, 13 % were told apart from 0 at 5 %, and 7 %
    with the long lag.
    """
    reach = 3 * horizon if long else horizon - 1
    return max(math.ceil(reach / step), int(4 * (sessions / 100) ** (2 / 9)))


def diebold_mariano(
    difference: Float64[np.ndarray, "sessions"], horizon: int, step: int = 1, *, long: bool = False
) -> float:
    """Two-sided p-value of no difference in mean loss.

    The statistic has the critical values of Kiefer & Vogelsang 2005, "A New Asymptotic Theory for
    Heteroskedasticity-Autocorrelation Robust Tests", Econometric Theory 21, for a lag that is a fixed share of the
    sessions. Those of the normal call too much significant where the lag is long.

    Parameters
    ----------
    difference
        Each session's mean over symbols of the first loss minus the second, ``step`` sessions apart.
    horizon
        Sessions that a loss looks ahead.
    long
        Whether the lag is a long one.

    Returns
    -------
    float
        1 where the losses are the same; NaN below 20 sessions.
    """
    count = len(difference)
    if count < FEWEST_SESSIONS:
        return math.nan
    if not difference.any():
        return 1.0
    reach = min(lag(count, horizon, step, long=long), count // 2)
    variance = float(np.asarray(Bartlett(difference, bandwidth=reach).cov.long_run).item())
    if not variance > 0:
        return math.nan
    statistic = abs(difference.mean()) / math.sqrt(variance / count)
    critical = np.polynomial.Polynomial(_CRITICAL)(reach / count)  # at 5 %
    return float(2 * ndtr(-statistic * _CRITICAL[0] / critical))


def confidence_set(
    losses: Mapping[str, Float64[np.ndarray, "sessions"]], block: int, *, seed: int = 0, resamples: int = 1000
) -> dict[str, float]:
    """p-value of each forecaster in the model confidence set.

    The 90 % set holds those above 0.1: with 90 % confidence the best of all is among them.

    Parameters
    ----------
    losses
        Each session's mean over symbols, of the same sessions.
    block
        Mean length of a block of the stationary bootstrap.

    Returns
    -------
    dict
        Empty below 20 sessions; 1 for a single forecaster.
    """
    # Two with the same losses stand as one: the difference of the two has no variance to be measured in.
    same: dict[bytes, list[str]] = {}
    unit = max((float(own.mean()) for own in losses.values()), default=1.0)
    for name, own in losses.items():
        same.setdefault(np.round(own / unit, 9).tobytes(), []).append(name)
    groups = list(same.values())
    if len(groups) < 2:
        return dict.fromkeys(losses, 1.0)
    table = np.stack([losses[names[0]] for names in groups], axis=1)  # [T, M]
    if len(table) < FEWEST_SESSIONS:
        return {}
    test = MCS(
        table / table.mean(),  # arch's tolerances are absolute
        size=1 - CONFIDENCE_SET,
        reps=resamples,
        block_size=min(block, len(table) // 3),
        seed=np.random.default_rng(seed),
    )
    test.compute()
    found = test.pvalues["Pvalue"]
    return {name: float(found.loc[place]) for place, names in enumerate(groups) for name in names}
