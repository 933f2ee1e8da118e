"""Losses of all forecasters on the same cells: the symbols and sessions that every one of them forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tickgraph.errors import HistoryTooShortError
from tickgraph.lab.horizons.horizon_result import Measure
from tickgraph.lab.horizons.losses import LEVELS, qlike
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.range_regressions import YOUNGEST
from tickgraph.lab.horizons.schedule import Schedule
from tickgraph.lab.horizons.walk import WalkedForecasts
from tickgraph.shapes import Bool, Float64

PIT_BINS = 20


@dataclass(frozen=True)
class CommonCells:
    """Cells that count in a figure.

    Attributes
    ----------
    variance
        ``[T', S, H]`` bool: every forecaster has a variance, and the variance that came is known and above 0.
    density
        ``[O, S, H]`` bool: every forecaster has a distribution, and the return that came is known.
    """

    variance: Bool[np.ndarray, "tested symbols horizons"]
    density: Bool[np.ndarray, "origins symbols horizons"]


def common_cells(moves: Moves, walked: Mapping[str, WalkedForecasts], schedule: Schedule) -> CommonCells:
    """Find the cells that every forecaster forecast, of symbols with 150 returns.

    Raises
    ------
    HistoryTooShortError
        There is none at some horizon.
    """
    tested = slice(schedule.first, schedule.stop)
    old = moves.ages[..., None] >= YOUNGEST
    variance = (moves.variance_ahead[tested] > 0) & old[tested]
    density = np.isfinite(moves.return_ahead[schedule.origins]) & old[schedule.origins]
    for name, own in walked.items():
        variance = variance & np.isfinite(own.variance) & (own.variance > 0)
        density = density & np.isfinite(own.densities.crps)
        for kind, cells in (("variance", variance), ("distribution", density)):
            for place, horizon in enumerate(moves.horizons):
                if not cells[..., place].any():
                    raise HistoryTooShortError(
                        f"No {kind} over {horizon} sessions is left to judge after {name}: the test range of "
                        f"{schedule.stop - schedule.first} sessions and the history before it are too short. Lower "
                        "--train-sessions, leave out long horizons, or give more history."
                    )
    return CommonCells(variance, density)


@dataclass(frozen=True)
class MeasuredLosses:
    """Losses of one forecaster, summed over the symbols of a session or over the sessions of a symbol.

    Attributes
    ----------
    sums
        ``[sessions, H]`` by measure: of the tested sessions for QLIKE, of the origins for all others. Beside the
        measures stand ``pinball``, ``inside <level>`` (how many returns an interval held) and ``width <level>``.
    counts
        How many symbols each session adds, ``[sessions, H]``.
    by_symbol
        The same sums and counts over sessions, ``[S, H]``.
    strikes
        ``[K, H]`` mean Brier score at each strike.
    pit
        ``[H, 20]`` shares of the histogram of the probability integral transform.
    """

    sums: dict[str, Float64[np.ndarray, "sessions horizons"]]
    counts: dict[str, Float64[np.ndarray, "sessions horizons"]]
    by_symbol: dict[str, Float64[np.ndarray, "symbols horizons"]]
    symbol_counts: dict[str, Float64[np.ndarray, "symbols horizons"]]
    strikes: Float64[np.ndarray, "strikes horizons"]
    pit: Float64[np.ndarray, "horizons bins"]

    def session_means(self, measure: Measure, place: int) -> Float64[np.ndarray, "sessions"]:
        """Mean over symbols of each session that has one, at the horizon in this place."""
        count = self.counts[measure][:, place]
        return self.sums[measure][count > 0, place] / count[count > 0]


def measure_losses(
    moves: Moves, walked: WalkedForecasts, cells: CommonCells, schedule: Schedule
) -> MeasuredLosses:
    """Sum the losses of one forecaster over the common cells."""
    realised = moves.variance_ahead[schedule.first : schedule.stop]
    own, place = walked.densities, walked.densities.probability
    losses = {
        "qlike": (qlike(realised, walked.variance), cells.variance),
        "crps": (own.crps, cells.density),
        "pinball": (own.pinball, cells.density),
        "brier": (own.brier.mean(axis=-1), cells.density),
    }
    for index, level in enumerate(LEVELS):
        inside = np.abs(place - 0.5) <= level / 2 + 1e-6
        losses[f"inside {level}"] = inside.astype(np.float64), cells.density
        losses[f"width {level}"] = own.width[..., index], cells.density
    kept = {name: np.where(counted, loss, 0.0) for name, (loss, counted) in losses.items()}
    counted = {name: mask.astype(np.float64) for name, (_, mask) in losses.items()}
    total = cells.density.sum(axis=(0, 1))  # [H]
    bins = np.clip((np.nan_to_num(place) * PIT_BINS).astype(int), 0, PIT_BINS - 1)
    return MeasuredLosses(
        {name: loss.sum(axis=1) for name, loss in kept.items()},
        {name: count.sum(axis=1) for name, count in counted.items()},
        {name: loss.sum(axis=0) for name, loss in kept.items()},
        {name: count.sum(axis=0) for name, count in counted.items()},
        np.where(cells.density[..., None], own.brier, 0.0).sum(axis=(0, 1)).T / total,
        np.stack(
            [
                np.bincount(bins[..., h][cells.density[..., h]], minlength=PIT_BINS) / total[h]
                for h in range(len(moves.horizons))
            ]
        ),
    )
