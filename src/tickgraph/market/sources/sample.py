"""The bundled sample: real daily bars of 42 large US stocks, 2014 to 2022."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from importlib import resources

import pandas as pd

from tickgraph.market.calendar import check_range
from tickgraph.market.source import BAR_COLUMNS, Fetched, select_bars
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical


class SampleSource:
    """Prices shipped inside the package; ``data/SOURCE.md`` states where they are from."""

    name = "sample"
    editable = False

    @cached_property
    def _bars(self) -> pd.DataFrame:
        with resources.files("tickgraph.market").joinpath("data/tier1_daily.parquet").open("rb") as file:
            bars = pd.read_parquet(file, columns=list(BAR_COLUMNS))
        today = {symbol: canonical(symbol) for symbol in bars["symbol"].unique()}
        return bars.assign(symbol=bars["symbol"].map(today))

    def symbols(self) -> tuple[Symbol, ...]:
        """The 42 symbols, under today's names."""
        return tuple(sorted(self._bars["symbol"].unique()))

    def fetch(
        self, symbols: Sequence[Symbol], first: date | None = None, last: date | None = None
    ) -> Fetched:
        """Give the bars of symbols; one that is not in the sample is a failure that says so."""
        check_range(first, last)
        have = self.symbols()
        missing: dict[str, str] = {
            symbol: f"{symbol} is not in the bundled sample (it holds {len(have)} symbols, 2014 to 2022). "
            "Use --source yahoo or --source files."
            for symbol in symbols
            if symbol not in have
        }
        return Fetched(select_bars(self._bars, symbols, first, last), missing)
