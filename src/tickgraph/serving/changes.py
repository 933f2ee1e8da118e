"""What changed in a forecaster's memory between two looks: models, prices, outlooks, and how old they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tickgraph.market.spelling import Symbol
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_cache import OutlookCache


@dataclass(frozen=True)
class Held:
    """What a forecaster holds at one moment.

    Attributes
    ----------
    known, trained
        Symbols with a model or stored prices, and those with a model.
    outlooks
        What each symbol in memory is answered from.
    behind
        Completed sessions that the prices in memory lack, by source.
    """

    known: frozenset[Symbol]
    trained: frozenset[Symbol]
    outlooks: Mapping[Symbol, Outlook]
    behind: Mapping[str, int]


def held_by(cache: OutlookCache) -> Held:
    """Give what a cache of outlooks holds now; no file is looked at."""
    catalogue = cache.catalogue
    return Held(frozenset(catalogue.known()), catalogue.trained, cache.in_memory(), cache.sessions_behind())


def changed_symbols(before: Held, after: Held) -> frozenset[Symbol]:
    """Symbols of which an answer from before may no longer hold.

    An outlook that was computed for the first time, or dropped from memory, changes no answer.
    """
    if any(after.behind.get(source, behind) != behind for source, behind in before.behind.items()):
        return before.known | after.known
    renewed = {
        symbol
        for symbol, outlook in after.outlooks.items()
        if before.outlooks.get(symbol, outlook) is not outlook
    }
    return frozenset(renewed | (before.known ^ after.known) | (before.trained ^ after.trained))
