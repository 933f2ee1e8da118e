"""The prices that training needs: the store brought up to date, and one panel of the targets and their candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tickgraph.errors import PriceDataError, StorageError, text_of
from tickgraph.market.panel import PricePanel
from tickgraph.market.source import PriceSource
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore, UpdateReport


@dataclass(frozen=True)
class StoredPrices:
    """Prices of targets and of the symbols that peers may be chosen from, those that are stored."""

    panel: PricePanel
    symbols: tuple[Symbol, ...]
    pool: tuple[str, ...]


@dataclass(frozen=True)
class RunPrices(StoredPrices):
    """Prices of a run.

    Attributes
    ----------
    missing
        Why a target has no prices.
    update
        What became of the update of the store.
    """

    missing: dict[str, str]
    update: UpdateReport


def stored_prices(
    store: PriceStore, source: str, symbols: Sequence[Symbol], pool: Collection[str]
) -> StoredPrices:
    """Read the prices of targets and of a pool in one go; symbols without any are left out."""
    stored = set(store.symbols(source))
    have = tuple(symbol for symbol in symbols if symbol in stored)
    candidates = tuple(symbol for symbol in pool if symbol in stored)
    return StoredPrices(store.panel(source, tuple(dict.fromkeys((*have, *candidates)))), have, candidates)


def gather_prices(
    store: PriceStore,
    source: PriceSource,
    symbols: Sequence[Symbol],
    pool: Collection[str] = (),
    *,
    as_of: date | None = None,
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
    update = store.update(source, tuple(dict.fromkeys((*symbols, *wanted_pool))))
    prices = stored_prices(store, source.name, symbols, wanted_pool)
    missing: dict[str, str] = {
        symbol: update.failures.get(symbol, f"{symbol} has no stored prices.")
        for symbol in symbols
        if symbol not in prices.symbols
    }
    if not prices.symbols:
        raise PriceDataError(" ".join(missing.values()))
    panel = prices.panel if as_of is None else prices.panel.through(np.datetime64(as_of, "D"))
    return RunPrices(panel, prices.symbols, prices.pool, missing, update)


def read_panel(
    store: PriceStore, source: str, symbols: Iterable[Symbol], session: date | None = None
) -> PricePanel | None:
    """Stored prices of those symbols that can be read, up to a session or all; None if there are none."""
    stored = set(store.symbols(source))
    names = tuple(symbol for symbol in dict.fromkeys(symbols) if symbol in stored)
    try:
        panel = store.panel(source, names, last=session)
    except StorageError:
        raise
    except Exception:  # noqa: BLE001  of one symbol: it is found by reading each
        names = tuple(name for name in names if _is_readable(store, source, name))
        panel = store.panel(source, names, last=session)
    return panel if len(panel.sessions) else None


def _is_readable(store: PriceStore, source: str, symbol: Symbol) -> bool:
    try:
        store.panel(source, (symbol,))
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
        text_of(symbol, error)  # the log has it
        return False
    return True
