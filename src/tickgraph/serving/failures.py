"""What became of one symbol that failed, so that the others go on."""

from __future__ import annotations

from tickgraph.errors import TickgraphError, reason_of


def failure_of(symbol: str, error: Exception) -> TickgraphError:
    """Give an error that says why a symbol failed: itself if tickgraph raised it on purpose, else a fault's text."""
    return error if isinstance(error, TickgraphError) else TickgraphError(reason_of(symbol, error))
