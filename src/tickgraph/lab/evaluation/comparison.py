"""Whether one forecaster is better than another, and whether the best of many is better than nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from arch.bootstrap import SPA, StationaryBootstrap
from numpy.typing import NDArray

from tickgraph.lab.evaluation.accuracy import mean_sums, squared_errors
from tickgraph.lab.evaluation.cross_section import daily_correlation, daily_rank_correlation, jointly_known
from tickgraph.lab.evaluation.evaluation_result import Comparison, Estimate, RealityCheck
from tickgraph.lab.evaluation.forecast_panel import ForecastPanel
from tickgraph.lab.evaluation.resampling import (
    FEWEST_SESSIONS,
    RESAMPLES,
    SessionBootstrap,
    block_length,
    ratio,
)
from tickgraph.lab.intervals import ends, leaves_out

Array = NDArray[np.float64]
Metric = Literal["ic", "rank_ic", "squared_error"]

BENCHMARK = "zero"


def compare(
    first_name: str,
    first: ForecastPanel,
    second_name: str,
    second: ForecastPanel,
    bootstrap: SessionBootstrap,
) -> list[Comparison]:
    """Paired differences, on the symbol-sessions that both forecast.

    Parameters
    ----------
    first_name, second_name
        Names in the sentence.
    first, second
        Of the same sessions and symbols, and the same returns.
    bootstrap
        Of these sessions.

    Returns
    -------
    list
        The differences in IC, rank IC and squared error. A difference without a value is left out: a constant
        forecast has no IC, and where no symbol-session was forecast by both there is no difference at all.
    """
    ours, theirs, realised = jointly_known(first.forecast, second.forecast, first.realised)
    ic = daily_correlation(ours, realised) - daily_correlation(theirs, realised)
    rank_ic = daily_rank_correlation(ours, realised) - daily_rank_correlation(theirs, realised)
    errors, other = (squared_errors(f, realised).sum(axis=1) for f in (ours, theirs))  # [T, 2]
    relative = np.stack([errors[:, 0] - other[:, 0], errors[:, 1]], axis=1)
    differences: dict[Metric, Estimate | None] = {
        "ic": bootstrap.estimate(mean_sums(ic), ratio),
        "rank_ic": bootstrap.estimate(mean_sums(rank_ic), ratio),
        "squared_error": bootstrap.estimate(relative, ratio),
    }
    return [
        Comparison(
            first=first_name,
            second=second_name,
            metric=metric,
            difference=difference,
            conclusion=conclusion(first_name, second_name, metric, difference),
        )
        for metric, difference in differences.items()
        if difference is not None
    ]


def conclusion(first: str, second: str, metric: Metric, difference: Estimate) -> str:
    """One sentence: better, worse or not told apart at 95 %."""
    name = {"ic": "IC", "rank_ic": "rank IC", "squared_error": "squared error"}[metric]
    if (found := ends(difference)) is None:
        return f"{first} and {second} are not told apart by {name}: too few sessions for an interval."
    value, low, high = (_written(x, metric) for x in (difference.value, *found))
    interval = f"95 % interval {low} to {high}"
    if not leaves_out(difference):
        return f"{first} and {second} are not told apart by {name}: difference {value} ({interval})."
    better = (difference.value < 0) == (metric == "squared_error")
    word = "better" if better else "worse"
    return f"{first} is {word} than {second} by {name}: difference {value} ({interval})."


def _written(value: float, metric: Metric) -> str:
    return f"{value:+.2%}" if metric == "squared_error" else f"{value:+.4f}"


def reality_check(
    forecasters: Mapping[str, ForecastPanel], *, seed: int = 0, resamples: int = RESAMPLES
) -> RealityCheck | None:
    """Whether the best forecaster beats forecasting zero, once the search among all is accounted for.

    The test is Hansen 2005, "A Test for Superior Predictive Ability", on the mean squared error of each session, with
    its consistent p-value. Each variant's lead is measured in its own standard errors (equation 3): a wild and bad
    variant then does not hide a steady good one. White 2000, "A Reality Check for Data Snooping", is the upper p-value
    of leads that are not scaled. Both tests say whether any variant is better, not which one.

    Parameters
    ----------
    forecasters
        Every variant that was tried, of the same sessions and symbols; those that all forecast count. A variant that
        always forecasts zero is the benchmark and does not count.
    seed, resamples
        Of the stationary bootstrap.

    Returns
    -------
    RealityCheck or None
        A p-value of 0 means below one in ``resamples``. None where there is no forecaster, or fewer than 20
        common sessions.
    """
    if not forecasters:
        return None
    panels = list(forecasters.values())
    *forecasts, realised = jointly_known(*(own.forecast for own in panels), panels[0].realised)
    errors = np.stack([squared_errors(f, realised).sum(axis=1) for f in forecasts], axis=1)  # [T, N, 2]
    count = np.isfinite(realised).sum(axis=1)  # [T]
    loss = errors[count > 0] / count[count > 0, None, None]
    if len(loss) < FEWEST_SESSIONS or not loss[..., 1].any():
        return None
    loss = loss / loss[..., 1].mean()  # against the error of forecasting zero
    differs = np.any(loss[..., 0] != loss[..., 1], axis=0)
    if not differs.any():
        return None
    names = [name for name, variant in zip(forecasters, differs, strict=True) if variant]
    losses, zero = loss[:, differs, 0], loss[:, 0, 1]
    leads = zero[:, None] - losses  # [T, N]
    block = max(block_length(column) for column in leads.T)

    def p_values(leads: Array) -> dict[str, float]:
        generator = np.random.default_rng(seed)
        test = SPA(np.zeros(len(leads)), -leads, block_size=block, reps=resamples, seed=generator)
        test.compute()
        return {str(name): float(p) for name, p in test.pvalues.items()}

    # arch's SPA does not scale the leads, even with studentize=True, so they are scaled here.
    means = StationaryBootstrap(block, leads, seed=np.random.default_rng([seed, 1])).apply(
        lambda drawn: drawn.mean(axis=0), reps=resamples
    )
    errors_of_means = means.std(axis=0)
    scaled = leads / np.maximum(errors_of_means, 1e-12 * errors_of_means.max())
    return RealityCheck(
        benchmark=BENCHMARK,
        best=names[int(losses.mean(axis=0).argmin())],
        variants=len(names),
        p_value=p_values(scaled)["consistent"],
        p_value_white=p_values(leads)["upper"],
    )
