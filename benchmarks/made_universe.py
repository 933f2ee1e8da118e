"""A price source of made-up symbols with real prices, for benchmarks at sizes that the sample has not."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from tickgraph.market.calendar import sessions
from tickgraph.market.source import BAR_COLUMNS, Fetched
from tickgraph.market.sources.sample import SampleSource

PRICES = list(BAR_COLUMNS[2:7])


class Tiled:
    """Made-up symbols with the prices of a file, or else of the bundled sample, repeated forth and back, and scaled.

    ``end`` is how many of its sessions have been; ``seconds`` the CPU time it took to make up its bars. With ``shift``
    each symbol starts at a place of its own, so that no two have the same returns.
    """

    name, editable = "tiled", False

    def __init__(self, path: str | None, symbols: int, count: int, more: int, shift: int = 0) -> None:
        sample = SampleSource()
        bars = pd.read_parquet(path) if path else sample.fetch(sample.symbols()).bars
        self._real = []
        for _, rows in bars.groupby("symbol"):
            if len(rows) > 2000:
                prices = rows[PRICES].to_numpy(np.float64)
                self._real.append((prices, rows["volume"].to_numpy(np.int64)))
        self.days = sessions("2010-01-01", "2022-12-30")[-count - more :].astype("datetime64[us]")
        self.names = tuple(f"Q{number:04d}" for number in range(symbols))
        self.end, self.restated, self.seconds, self._shift = count, frozenset(), 0.0, shift

    def symbols(self) -> tuple[str, ...]:
        return self.names

    def fetch(self, symbols, first=None, last=None) -> Fetched:
        began = time.process_time()
        start = 0 if first is None else int(np.searchsorted(self.days, np.datetime64(first)))
        bars = pd.concat([self.bars(symbol, start) for symbol in symbols], ignore_index=True)
        self.seconds += time.process_time() - began
        return Fetched(bars)

    def bars(self, symbol: str, start: int = 0) -> pd.DataFrame:
        number, rows = int(symbol[1:]), np.arange(start, self.end)
        prices, volume = self._real[number % len(self._real)]
        # Forth and back: from the last price to the first one would be a move that no stock makes.
        steps = (rows + self._shift * (number // len(self._real))) % (2 * len(prices) - 2)
        places = np.minimum(steps, 2 * len(prices) - 2 - steps)
        own = prices[places] * (1 + number / 977)
        if symbol in self.restated:
            own[:, 4] *= 0.99
        columns = dict(zip(PRICES, own.T, strict=True))
        return pd.DataFrame({"symbol": symbol, "date": self.days[rows], **columns, "volume": volume[places]})[
            list(BAR_COLUMNS)
        ]
