"""A price source of as many symbols as wanted, resampled from real ones, for benchmarks of size.

The first symbols are the real ones, as they are. Every other one is a copy of a real one, made so that symbols go on to
move together as they do in the market:

- The joint moves stay in their place. What a real symbol shares with the market is its regression on the first ten
  principal components of all standardised returns; a copy takes that part from the same sessions.
- Its own moves are drawn anew. The rest is a stationary bootstrap of the real symbol's own residuals: blocks of 21
  sessions on average, from random places, round the end to the start (Politis & Romano 1994, "The Stationary
  Bootstrap", JASA 89). So a copy correlates with its original as two stocks of an industry do, and no two copies are
  the same.
- Open, high, low and volume stand to the close as they did in the real symbol's bar of that session.

Prices of a symbol depend on its number alone, so they can be made when they are asked for, and again.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from tickgraph.market.source import BAR_COLUMNS, Fetched
from tickgraph.market.sources.sample import SampleSource

FACTORS, BLOCK = 10, 21
PRICES = ("open", "high", "low", "close", "adj_close")


class Resampled:
    """Symbols resampled from those of a file, or else of the bundled sample, that have all of its sessions.

    ``end`` is how many of the sessions have been, ``seconds`` the CPU time it took to make up bars.
    """

    name, editable = "resampled", False

    def __init__(self, path: str | None, symbols: int, end: int | None = None, seed: int = 0) -> None:
        sample = SampleSource()
        bars = pd.read_parquet(path) if path else sample.fetch(sample.symbols()).bars
        days = np.sort(bars["date"].unique())
        whole = bars.groupby("symbol").filter(lambda rows: len(rows) == len(days))
        self.days = days.astype("datetime64[us]")
        self.end = len(days) if end is None else end
        grid = {name: whole.pivot_table(index="date", columns="symbol", values=name) for name in PRICES}
        self._real = list(grid["close"].columns)
        logs = {name: np.log(grid[name].to_numpy(np.float64)) for name in PRICES}  # [T, K]
        self._logs, self._seed, self.seconds = logs, seed, 0.0
        self._volume = whole.pivot_table(index="date", columns="symbol", values="volume").to_numpy(np.int64)
        returns = np.diff(logs["adj_close"], axis=0)
        spread = returns.std(axis=0)
        standard = (returns - returns.mean(axis=0)) / spread
        _, _, directions = np.linalg.svd(standard, full_matrices=False)
        chosen = directions[: min(FACTORS, len(directions) // 2)]  # [F, K]
        self._shared = standard @ chosen.T @ chosen * spread + returns.mean(axis=0)
        self._own = returns - self._shared
        self.names = tuple(_name(number, self._real) for number in range(symbols))
        self._number = {name: number for number, name in enumerate(self.names)}

    def symbols(self) -> tuple[str, ...]:
        return self.names

    def fetch(self, symbols, first=None, last=None) -> Fetched:
        began = time.process_time()
        start = 0 if first is None else int(np.searchsorted(self.days, np.datetime64(first)))
        bars = pd.concat([self.bars(symbol, start) for symbol in symbols], ignore_index=True)
        self.seconds += time.process_time() - began
        return Fetched(bars)

    def bars(self, symbol: str, start: int = 0) -> pd.DataFrame:
        number = self._number[symbol]
        real = number % len(self._real)
        own = {name: logs[:, real] for name, logs in self._logs.items()}
        if number >= len(self._real):
            moved = self._shared[:, real] + self._own[self._drawn(number), real]
            adjusted = own["adj_close"][0] + np.concatenate([[0.0], np.cumsum(moved)])
            own = {name: logs + adjusted - own["adj_close"] for name, logs in own.items()}
        rows = slice(start, self.end)
        columns = {name: np.exp(logs[rows]) for name, logs in own.items()}
        volume = self._volume[rows, real]
        bars = pd.DataFrame({"symbol": symbol, "date": self.days[rows], **columns, "volume": volume})
        return bars[list(BAR_COLUMNS)]

    def _drawn(self, number: int) -> np.ndarray:
        """Rows of the residuals of a copy: a block goes on, or with one chance in :data:`BLOCK` another begins."""
        count = len(self._own)
        generator = np.random.default_rng([self._seed, number])
        begins = generator.random(count) < 1 / BLOCK
        begins[0] = True
        places, at = generator.integers(count, size=count), np.arange(count)
        block = np.maximum.accumulate(np.where(begins, at, 0))
        return (places[block] + at - block) % count


def _name(number: int, real: list[str]) -> str:
    """A real symbol's own name; a copy's is one that no stock has."""
    return real[number] if number < len(real) else f"Q{number:05d}"
