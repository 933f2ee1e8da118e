"""Prices for a run: bring the store up to date, then read one panel from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tickgraph.errors import PriceDataError
from tickgraph.market.panel import PricePanel
from tickgraph.market.source import PriceSource
from tickgraph.market.store import PriceStore, UpdateReport


@dataclass(frozen=True)
class RunPrices:
    """Prices of a run.

    Attributes
    ----------
    panel
        Prices of the symbols and of the pool.
    symbols
        The symbols asked for that have prices.
    pool
        The symbols that peers may be chosen from, those with prices.
    missing
        Why a symbol asked for has none.
    update
        What the update did.
    """

    panel: PricePanel
    symbols: tuple[str, ...]
    pool: tuple[str, ...]
    missing: dict[str, str]
    update: UpdateReport


def gather_prices(
    store: PriceStore,
    source: PriceSource,
    symbols: Sequence[str],
    pool: Collection[str] = (),
    *,
    as_of: date | None = None,
    progress: Callable[[str], None] | None = None,
) -> RunPrices:
    """Update the store from a source and read the panel of a run.

    Parameters
    ----------
    store, source
        Prices are read from the store; the source only fills it.
    symbols
        Targets.
    pool
        Symbols that peers may be chosen from; empty is every symbol that the source lists.
    as_of
        Last session to use; None is the newest.

    Raises
    ------
    PriceDataError
        Not one of the symbols has prices.
    SourceUnavailableError
        The source cannot be reached and nothing is stored.
    InputError
        There is no session up to ``as_of``.
    """
    wanted_pool = tuple(pool) or source.symbols()
    everything = tuple(dict.fromkeys((*symbols, *wanted_pool)))
    update = store.update(source, everything, progress=progress)
    stored = set(store.symbols(source.name))
    have = tuple(symbol for symbol in symbols if symbol in stored)
    missing = {
        symbol: update.failures.get(symbol, f"{symbol} has no stored prices.")
        for symbol in symbols
        if symbol not in stored
    }
    if not have:
        raise PriceDataError(" ".join(missing.values()))
    usable_pool = tuple(symbol for symbol in wanted_pool if symbol in stored)
    panel = store.panel(source.name, tuple(dict.fromkeys((*have, *usable_pool))))
    if as_of is not None:
        panel = panel.through(np.datetime64(as_of, "D"))
    return RunPrices(panel, have, usable_pool, missing, update)
