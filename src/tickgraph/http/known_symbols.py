"""Symbols that the service knows, and what it says of all others: errors that a caller can act on."""

from __future__ import annotations

from collections.abc import Mapping

from tickgraph.errors import ModelNotFoundError, PriceDataError, TickgraphError
from tickgraph.http.problem import UnknownSymbolError
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import suggest
from tickgraph.serving.catalogue import Catalogue

MAX_SUGGESTED = 10  # unknown symbols of one request that get suggestions


class KnownSymbols:
    """Symbols with a model or stored prices.

    Parameters
    ----------
    catalogue
        What it lists counts.
    source
        Source of prices that an operator is told to ask for an unknown symbol.
    """

    def __init__(self, catalogue: Catalogue, source: str) -> None:
        self._catalogue, self._source = catalogue, source

    def check(self, symbol: Symbol) -> None:
        """Raise :class:`UnknownSymbolError` for a symbol that is not known; may read a folder."""
        if symbol not in self._catalogue.known():
            known = self._catalogue.known_now()
            if symbol not in known:
                raise UnknownSymbolError(symbol, suggest(symbol, known), self._source)

    def explained(self, failures: Mapping[str, TickgraphError]) -> dict[str, TickgraphError]:
        """The errors, where a symbol without a model or prices is altogether unknown that it is; may read a folder."""
        without = PriceDataError, ModelNotFoundError
        unpriced = [symbol for symbol, error in failures.items() if isinstance(error, without)]
        known = self._catalogue.known_now() if unpriced else ()
        unknown = [symbol for symbol in unpriced if symbol not in known]
        # It takes a while to look for similar names, so a long list of nonsense gets none.
        similar = {symbol: suggest(symbol, known) for symbol in unknown[:MAX_SUGGESTED]}
        errors = {name: UnknownSymbolError(name, similar.get(name, []), self._source) for name in unknown}
        return {**failures, **errors}
