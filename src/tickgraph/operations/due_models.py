"""Which models of a run are due: what is known of them, gathered for the decision."""

from __future__ import annotations

from tickgraph.errors import reason_of
from tickgraph.market.calendar import is_future
from tickgraph.market.spelling import Symbol
from tickgraph.model.choice import choose
from tickgraph.operations.due import Evidence, due
from tickgraph.operations.records import LiveQuality
from tickgraph.operations.run_prices import RunPrices
from tickgraph.operations.run_so_far import RunSoFar
from tickgraph.operations.scope import Scope
from tickgraph.operations.site import Site
from tickgraph.operations.stock import held
from tickgraph.pipeline.remarks import remarks
from tickgraph.wording import listed

Reasons = dict[Symbol, tuple[str, ...]]
"""Symbols whose models are due, and why."""


def due_models(
    site: Site, scope: Scope, prices: RunPrices, run: RunSoFar, quality: LiveQuality | None
) -> Reasons:
    """Say which models are due, and why; what a person should know of the others is noted in the run.

    Parameters
    ----------
    site, scope, prices
        Where the run works, what it is about, and its prices.
    run
        Full or not; takes the notes.
    quality
        Live quality; None if nothing was scored.
    """
    now, begun = site.now(), run.begun
    revised = {
        (name, symbol): stored.revised_at
        for name, symbols in prices.wanted.items()
        for symbol, stored in held(site.store, name, symbols).items()
        if stored.revised_at is not None
    }
    if late := sorted({symbol for (_, symbol), at in revised.items() if is_future(at, now)}):
        text = "the stored prices were revised in the future, say their files. A clock was wrong, and no model is "
        run.say([f"{listed(late)}: {text}trained again for it"])
    evidence = Evidence(
        now=now,
        training=site.training,
        models=scope.models,
        damaged=scope.damaged,
        missing=scope.missing,
        renamed=scope.renamed,
        peers=_peers_today(site, scope, prices, run),
        revised=revised,
        quality=quality,
        full_since=min(begun.started_at, begun.due_at or begun.started_at) if begun.full else None,
    )

    def cannot_tell(symbol: Symbol, error: Exception) -> None:
        run.note(symbol, (f"whether it is due: {reason_of(symbol, error)}",))

    return due(evidence, cannot_tell)


def _peers_today(site: Site, scope: Scope, prices: RunPrices, run: RunSoFar) -> dict[Symbol, tuple[str, ...]]:
    """Peers that each model would have today; what falls out is noted."""
    today: dict[Symbol, tuple[str, ...]] = {}
    for name, pool in scope.pools.items():
        panel = prices.panel(name)
        if panel is None:
            continue
        own = [symbol for symbol in scope.of_source(name) if symbol in panel.columns]
        try:
            choices = choose(panel, own, site.training, pool)
            run.say(remarks(panel, choices, site.training, pool))
        except Exception as error:  # noqa: BLE001  models may be due for other reasons
            text = reason_of(f"source {name!r}", error)
            run.problems.append(f"the peers of today could not be chosen: {text}")
            continue
        for symbol in own:
            if symbol in choices and (peers := choices[symbol].peers) is not None:
                today[symbol] = peers
    return today
