"""Publish the universe's state of the day: the features of all symbols at the newest session that most of them have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from tickgraph.errors import ArtefactError, StorageError, reason_of
from tickgraph.market.panel import PricePanel
from tickgraph.model.universe_state import UniverseState, universe_state
from tickgraph.pipeline.fitting_universe import common_end
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry


def horizons_by_source(models: Iterable[ModelMetadata]) -> dict[str, tuple[int, ...]]:
    """Horizons that most models of each source forecast; a source is left out if none forecasts any."""
    found: defaultdict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for metadata in models:
        if horizons := metadata.training_config.horizons:
            found[metadata.data_stats.source][horizons] += 1
    return {source: counts.most_common(1)[0][0] for source, counts in sorted(found.items())}


def publish_states(
    registry: ModelRegistry,
    panels: Callable[[str], PricePanel | None],
    horizons: Mapping[str, Sequence[int]],
    *,
    on_source: Callable[[str], None] | None = None,
) -> dict[str, str]:
    """Publish the state of every source's newest session, where it is not published yet.

    Parameters
    ----------
    registry
        Where states are published.
    panels
        Prices of all stored symbols of a source; None where there are none.
    horizons
        By source, as :func:`horizons_by_source` gives them.
    on_source
        Called after each source.

    Returns
    -------
    dict
        Why a state could not be published, by source. Forecasts then hear of their models' own peers alone.

    Raises
    ------
    StorageError
        States cannot be written.
    """
    failures: dict[str, str] = {}
    for source, wanted in horizons.items():

        def state(source: str = source, wanted: Sequence[int] = wanted) -> UniverseState | None:
            panel = panels(source)
            return None if panel is None else _newest(panel, wanted)

        if fault := _fault_of_publishing(registry, source, state):
            failures[source] = fault
        if on_source:
            on_source(source)
    return failures


def bring_state(registry: ModelRegistry, panel: PricePanel, horizons: Sequence[int]) -> list[str]:
    """Publish the state of a training run's prices, unless one that is newer, or knows more symbols, is published.

    Gives what a person should know; errors as in :func:`publish_states`.
    """

    def state() -> UniverseState | None:
        own, former = _newest(panel, horizons), _published(registry, panel.source)
        if former is None or former.horizons != own.horizons:
            return own
        knows_more = former.session == own.session and not set(former.symbols) <= set(own.symbols)
        return None if former.session > own.session or knows_more else own

    fault = _fault_of_publishing(registry, panel.source, state)
    return [fault] if fault else []


def _fault_of_publishing(
    registry: ModelRegistry, source: str, state: Callable[[], UniverseState | None]
) -> str | None:
    """Publish a state where it is new; say why it could not be."""
    try:
        own, former = state(), _published(registry, source)
        if own is None or (former is not None and _are_equal(former, own)):
            return None
        registry.universe.publish_state(own)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  models forecast without it
        return reason_of(f"the state of the universe of {source!r}", error)
    return None


def _newest(panel: PricePanel, horizons: Sequence[int]) -> UniverseState:
    return universe_state(panel.through(common_end(panel)), horizons)


def _published(registry: ModelRegistry, source: str) -> UniverseState | None:
    try:
        return registry.universe.state(source)
    except ArtefactError:  # it is about to be replaced
        return None


def _are_equal(one: UniverseState, other: UniverseState) -> bool:
    if (one.session, one.horizons, one.symbols) != (other.session, other.horizons, other.symbols):
        return False
    pairs = (one.values, other.values), (one.known, other.known), (one.close, other.close)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)
