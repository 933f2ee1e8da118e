"""The local price store: one Parquet file per source and symbol, and one of recent sessions per source."""

from tickgraph.market.store.check import Examination, examine
from tickgraph.market.store.layout import Stamp, StoredSymbol
from tickgraph.market.store.repair import RepairReport, repair
from tickgraph.market.store.report import UpdateReport
from tickgraph.market.store.store import PriceStore

__all__ = [
    "Examination",
    "PriceStore",
    "RepairReport",
    "Stamp",
    "StoredSymbol",
    "UpdateReport",
    "examine",
    "repair",
]
