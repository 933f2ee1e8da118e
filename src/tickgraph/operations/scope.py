"""What a run is about: its models, the symbols that lack one, their sources, and the prices that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tickgraph.errors import LaterArtefactError, OtherExchangeError, StorageError, text_of
from tickgraph.market.source import PriceSource
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.model.weights import weight_shapes
from tickgraph.operations.site import Site
from tickgraph.registry.metadata import ModelMetadata


@dataclass
class Scope:
    """The symbols of a run and where their prices come from.

    Attributes
    ----------
    models
        Metadata of each model that can be used.
    damaged
        What is wrong with each model that cannot.
    missing
        Symbols that should have a model and have none.
    renamed
        Former name under which there is a model, by missing symbol.
    unknown
        Symbols that the run cannot refresh, and what to do about it: there is no model and none is wanted, or the
        model is of another exchange.
    source_of
        Name of each symbol's source.
    sources, unopened
        Sources by name; and why a source could not be opened.
    pools
        Symbols that peers are chosen from, by source.
    """

    models: dict[Symbol, ModelMetadata] = field(default_factory=dict)
    damaged: dict[Symbol, str] = field(default_factory=dict)
    missing: tuple[Symbol, ...] = ()
    renamed: dict[Symbol, str] = field(default_factory=dict)
    unknown: dict[Symbol, str] = field(default_factory=dict)
    source_of: dict[Symbol, str] = field(default_factory=dict)
    sources: dict[str, PriceSource] = field(default_factory=dict)
    unopened: dict[str, str] = field(default_factory=dict)
    pools: dict[str, tuple[Symbol, ...]] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """Everything that the run is to bring up to date."""
        return (*self.models, *self.damaged, *self.missing)

    def of_source(self, source: str) -> list[Symbol]:
        """Of these, the ones whose prices come from a source."""
        return [symbol for symbol in self.symbols if self.source_of[symbol] == source]

    def nodes(self, symbol: Symbol) -> tuple[Symbol, ...]:
        """Symbols whose prices a forecast of this one needs."""
        metadata = self.models.get(symbol)
        return metadata.nodes if metadata else (symbol,)

    def prices(self, *, with_pools: bool) -> dict[str, tuple[Symbol, ...]]:
        """Symbols whose prices the run needs, by source; training also needs those that peers are chosen from."""
        wanted: dict[str, dict[Symbol, None]] = {name: {} for name in self.pools}
        for symbol in self.symbols:
            wanted[self.source_of[symbol]] |= dict.fromkeys(self.nodes(symbol))
        if with_pools:
            for name, pool in self.pools.items():
                wanted[name] |= dict.fromkeys(pool)
        return {name: tuple(symbols) for name, symbols in wanted.items()}


def look(site: Site, symbols: Sequence[Symbol] | None, carried: Sequence[Symbol], *, verify: bool) -> Scope:
    """Find out what a run is about.

    Parameters
    ----------
    site
        Models, sources and universe.
    symbols
        Symbols asked for; None is every model, the universe, and what was renamed.
    carried
        Symbols that an interrupted run left behind.
    verify
        Open every model's files, and count a damaged model as such.

    Raises
    ------
    StorageError
        The models cannot be read.
    """
    registry, scope = site.registry, Scope()
    have, renamed = set(registry.symbols()), registry.renamed()
    should = dict.fromkeys((*sorted(have), *renamed, *map(canonical, site.universe)))
    missing: list[Symbol] = []
    for symbol in dict.fromkeys((*(should if symbols is None else symbols), *carried)):
        former, source = renamed.get(symbol, (None, None))
        scope.source_of[symbol] = source or site.source
        if symbol not in should:
            scope.unknown[symbol] = (
                f"No model of {symbol} in {registry.place}. Run: tickgraph train --symbols {symbol}"
            )
        elif symbol in have:
            _read(site, scope, symbol, verify)
        else:
            missing.append(symbol)
            if former:
                scope.renamed[symbol] = former
    scope.missing = tuple(missing)
    for name in sorted({scope.source_of[symbol] for symbol in scope.symbols}):
        _open(site, scope, name)
    return scope


def _read(site: Site, scope: Scope, symbol: Symbol, verify: bool) -> None:
    try:
        metadata = site.registry.metadata(symbol)
        site.registry.must_be_of_the_exchange(metadata)
        scope.source_of[symbol] = metadata.data_stats.source
        if verify:
            site.registry.load(symbol, weight_shapes)
        scope.models[symbol] = metadata
    except (OtherExchangeError, LaterArtefactError) as error:
        # Its sessions are not the run's, or this release cannot read it; and training it would replace it.
        scope.unknown[symbol] = str(error)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
        scope.damaged[symbol] = text_of(symbol, error)


def _open(site: Site, scope: Scope, name: str) -> None:
    try:
        scope.sources[name] = site.open_source(name)
        pool = site.peer_pool or scope.sources[name].symbols()
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  models are refreshed from what is stored
        scope.unopened[name] = f"source {name!r} could not be opened: {text_of(f'source {name!r}', error)}"
        pool = site.peer_pool or site.store.symbols(name)
    scope.pools[name] = tuple(dict.fromkeys(map(canonical, pool)))
