"""tickgraph: one small graph neural network per stock symbol, trained ahead and served from disk.

``train`` and ``load`` are all that most programs need; they are imported on first use, so that
``import tickgraph`` costs nothing.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickgraph.api import load, train
    from tickgraph.compat import clear_cache, get_gnn_prediction

__all__ = ["__version__", "clear_cache", "get_gnn_prediction", "load", "train"]

__version__ = version("tickgraph")


def __getattr__(name: str) -> Any:
    if name in ("load", "train"):
        from tickgraph import api

        return getattr(api, name)
    if name in ("clear_cache", "get_gnn_prediction"):
        from tickgraph import compat

        return getattr(compat, name)
    raise AttributeError(f"module 'tickgraph' has no attribute {name!r}")
