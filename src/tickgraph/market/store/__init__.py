"""The local price store: one Parquet file per source and symbol, and one of recent sessions per source."""

from tickgraph.market.store.layout import Stamp, StoredSymbol
from tickgraph.market.store.report import UpdateReport
from tickgraph.market.store.store import PriceStore

__all__ = ["PriceStore", "Stamp", "StoredSymbol", "UpdateReport"]
