"""The local price store: one Parquet file per source and symbol, and one of recent sessions per source."""

from tickgraph.market.store.examination import Examination, examine
from tickgraph.market.store.layout import Stamp
from tickgraph.market.store.repair import RepairReport, repair
from tickgraph.market.store.store import PriceStore
from tickgraph.market.store.stored_symbol import StoredSymbol
from tickgraph.market.store.update_report import UpdateReport

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
