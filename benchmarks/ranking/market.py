"""The market of a ranking benchmark: what the file holds, its split into days, and what is masked."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from benchmarks.ranking.scores import TOP_PRECISION
from tickgraph.errors import InputError

LOOKBACK = 16
"""Days of input behind every forecast, as in the published table."""

CHANNELS = ("average_5", "average_10", "average_20", "average_30", "close")
MISSING = -1234.0
CLOSE = len(CHANNELS) - 1

Scaling = Literal["published", "causal"]


@dataclass(frozen=True, eq=False)
class RankingMarket:
    """Daily inputs of a market's stocks, and its split into training, validation and test days.

    A day d belongs to the part in which its *return* falls, close[d] / close[d - 1] - 1. So the forecast of the first
    test day is made after the last validation day.

    Attributes
    ----------
    name
        The file's name without its ending; it says which market this is.
    tickers
        ``[S]`` names.
    inputs
        ``[S, T, 5]`` float64: moving averages of the close over 5, 10, 20 and 30 days and the close, each
        divided by the stock's maximum over *all* days; NaN where missing.
    validation_from, test_from
        First day whose return is validated, and tested.
    source, sha256
        The file it was read from.
    stocks_in_file
        How many stocks the file has; more than there are tickers where only the first were taken.
    """

    name: str
    tickers: tuple[str, ...]
    inputs: NDArray[np.float64]
    validation_from: int
    test_from: int
    source: str
    sha256: str
    stocks_in_file: int

    def first(self, stocks: int) -> RankingMarket:
        """The market of the file's first stocks; itself if it has no more."""
        if stocks >= len(self.tickers):
            return self
        return replace(self, tickers=self.tickers[:stocks], inputs=self.inputs[:stocks])

    @property
    def is_whole(self) -> bool:
        """Every stock of the file is in it."""
        return len(self.tickers) == self.stocks_in_file

    @property
    def identity(self) -> str:
        """The same for the same arrays: the file's hash, and how many of its stocks where not all."""
        return self.sha256 if self.is_whole else f"{self.sha256}, first {len(self.tickers)}"

    @cached_property
    def close(self) -> NDArray[np.float64]:
        """``[S, T]``, scaled as in the file; NaN where missing."""
        return self.inputs[..., CLOSE]

    @cached_property
    def returns(self) -> NDArray[np.float64]:
        """``[S, T]`` simple return of each day; NaN where either close is missing."""
        returns = np.full(self.close.shape, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            returns[:, 1:] = self.close[:, 1:] / self.close[:, :-1] - 1
        return np.where(np.isfinite(returns), returns, np.nan)

    @cached_property
    def following(self) -> NDArray[np.float64]:
        """``[S, T]`` return of the day after: what a forecast made at each day's close is about."""
        following = np.full_like(self.returns, np.nan)
        following[:, :-1] = self.returns[:, 1:]
        return following

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """``[S, T]``: all inputs of the lookback are known, so a forecast can be made."""
        usable = np.zeros(self.close.shape, bool)
        whole = np.isfinite(self.inputs).all(axis=-1) & (self.close > 0)
        usable[:, LOOKBACK - 1 :] = sliding_window_view(whole, LOOKBACK, axis=1).all(axis=-1)
        return usable

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """``[S, T]``: usable, and the return that followed is known. Masks are for scoring and training only."""
        return self.usable & np.isfinite(self.following)

    @property
    def days(self) -> dict[str, NDArray[np.int64]]:
        """Days at whose close a forecast is made, by part; the history of 60 days before the first is kept free."""
        last = self.close.shape[1] - 1
        return {
            "train": np.arange(HISTORY, self.validation_from - 1),
            "validation": np.arange(self.validation_from - 1, self.test_from - 1),
            "test": np.arange(self.test_from - 1, last),
        }

    def sequences(self, scaling: Scaling) -> NDArray[np.float32]:
        """Inputs of every day, ``[T, S, 16, 5]`` float32, oldest first; 0 where the day is not usable.

        ``"published"`` is the file's own scale. It shows how far a close lies below the stock's maximum of all days,
        later days included. Every model of the published table had this look-ahead. ``"causal"`` divides each stock's
        inputs by its close of the day: the maximum cancels, and nothing after the day enters.
        """
        windows = sliding_window_view(self.inputs, LOOKBACK, axis=1)  # [S, T - 15, 5, 16]
        rows = np.zeros((self.close.shape[1], *self.close.shape[:1], LOOKBACK, len(CHANNELS)), np.float32)
        for day in range(LOOKBACK - 1, self.close.shape[1]):  # a day at a time, to hold one copy in memory
            window = windows[:, day - LOOKBACK + 1].swapaxes(-1, -2)  # [S, 16, 5]
            if scaling == "causal":
                with np.errstate(divide="ignore", invalid="ignore"):
                    window = window / self.close[:, day, None, None]
            rows[day] = np.where(self.usable[:, day, None, None], window, 0.0)
        return rows


FEWEST_STOCKS = 20
"""Twice the ten that are picked, and more than the common factors that are taken out."""

WHOLE_DAY = 0.9
"""Share of the usual number of stocks that a last day must have."""

HISTORY = 64
"""Days before the first training forecast: 60 returns for the correlation graph, and their closes."""


def read_market(
    path: Path,
    validation_from: int = 756,
    test_from: int = 1008,
) -> RankingMarket:
    """Read ``features`` ``[S, T, 5]`` and ``tickers`` ``[S]`` from an ``.npz`` file.

    Days at the end on which many stocks are missing are dropped: the file was written before these days were over.

    Raises
    ------
    InputError
        The file is absent, is not such an archive, has too few days for the split or too few stocks, or no day
        of a part can be scored.
    """
    try:
        content = path.read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            features, tickers = np.asarray(archive["features"], np.float64), archive["tickers"]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,  # an array in place of an archive
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            f"{path} is not a ranking market: expected an .npz file with features [stocks, days, 5] and "
            f"tickers [stocks] ({error}). Name the file with --data."
        ) from error
    if features.ndim != 3 or features.shape[2] != len(CHANNELS) or tickers.shape != features.shape[:1]:
        raise InputError(
            f"{path}: expected features [stocks, days, {len(CHANNELS)}] and as many tickers, got "
            f"{list(features.shape)} and {list(tickers.shape)}. Channels are {', '.join(CHANNELS)}."
        )
    if len(tickers) < FEWEST_STOCKS:
        raise InputError(
            f"{path} has {len(tickers)} stocks; ranking them takes at least {FEWEST_STOCKS}. Name a larger market."
        )
    inputs = np.where(features <= MISSING + 1, np.nan, features)
    present = np.isfinite(inputs[..., CLOSE]).sum(axis=0)  # [T]
    known = np.flatnonzero(present >= WHOLE_DAY * np.median(present))
    inputs = inputs[:, : known[-1] + 1 if len(known) else 0]
    if not HISTORY + LOOKBACK < validation_from < test_from < inputs.shape[1] - 1:
        raise InputError(
            f"{path} has {inputs.shape[1]} days; the split needs {HISTORY + LOOKBACK} < validation from "
            f"({validation_from}) < test from ({test_from}) < days. Set --validation-from and --test-from."
        )
    market = RankingMarket(
        name=path.stem,
        tickers=tuple(str(ticker) for ticker in tickers),
        inputs=inputs,
        validation_from=validation_from,
        test_from=test_from,
        source=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        stocks_in_file=len(tickers),
    )
    for part, rows in market.days.items():
        if not (market.scored[:, rows].sum(axis=0) >= TOP_PRECISION).any():
            raise InputError(
                f"{path}: no {part} day has {TOP_PRECISION} stocks with {LOOKBACK} whole days of input and a return "
                f"after them. Missing values are {MISSING:g}; set --validation-from and --test-from to days that "
                "have prices."
            )
    return market
