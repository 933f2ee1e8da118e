"""Prices that a run needs: of which symbols, and one panel of each source."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from tickgraph.errors import PriceDataError
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.operations.scope import Scope
from tickgraph.operations.site import Site
from tickgraph.operations.stock import behind
from tickgraph.pipeline.gathering import read_panel
from tickgraph.pipeline.state_of_the_day import horizons_by_source


class RunPrices:
    """Stored prices of a run. A panel is read when it is first asked for, and kept.

    Parameters
    ----------
    site, scope
        Where prices are stored, and what the run is about.
    session
        Last session of the run: later ones are left out.
    with_pools
        Whether symbols that peers are chosen from are needed, too.

    Attributes
    ----------
    wanted
        Symbols whose prices the run needs, by source.
    horizons
        Horizons that most models of a source forecast; a source whose models forecast none is left out.
    """

    def __init__(self, site: Site, scope: Scope, session: date, *, with_pools: bool) -> None:
        self._site, self._scope, self._session = site, scope, session
        self.wanted = scope.prices(with_pools=with_pools)
        self.horizons = horizons_by_source(scope.models.values())
        self._panels: dict[str, PricePanel | None] = {}

    def behind(self) -> dict[str, tuple[Symbol, ...]]:
        """Symbols that every source is to be asked for; an unopened one is asked for none."""
        return {
            name: behind(self._site.store, source, self.wanted[name], self._session)
            for name, source in self._scope.sources.items()
        }

    def panel(self, source: str) -> PricePanel | None:
        """Prices of a source; None where there are none."""
        if source not in self._panels:
            symbols = self.wanted[source]
            if source in self.horizons or self._site.training.horizons:  # then all stored symbols are heard
                symbols = (*symbols, *self._site.store.symbols(source))
            self._panels[source] = read_panel(self._site.store, source, symbols, self._session)
        return self._panels[source]

    def traded(self, source: str, symbols: Iterable[str]) -> PricePanel:
        """Prices of a source on sessions that these symbols traded; :class:`PriceDataError` where there are none."""
        panel = self.panel(source)
        if panel is None:
            raise PriceDataError(f"No prices are stored from source {source!r}.")
        return panel.traded(*symbols)
