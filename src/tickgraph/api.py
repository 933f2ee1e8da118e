"""The Python API: train models, load them, forecast.

>>> import tickgraph
>>> report = tickgraph.train(["AAPL", "MSFT"])
>>> forecaster = tickgraph.load()
>>> forecaster.forecast("AAPL", price=130.0).prediction
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from tickgraph.market.sources import open_source
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import parse_symbols
from tickgraph.pipeline.fitting_universe import universe_at_hand
from tickgraph.pipeline.gathering import gather_prices
from tickgraph.pipeline.train import Outcome, TrainingReport, train_one, train_symbols
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.journal import ForecastJournal
from tickgraph.settings import Settings, load_settings


def train(
    symbols: Sequence[str] = ("TIER_1",),
    *,
    as_of: date | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    **settings: Any,
) -> TrainingReport:
    """Train and publish one model per symbol.

    Parameters
    ----------
    symbols
        Tickers, ``TIER_1``, ``ALL`` (every symbol of the source) or names of sectors.
    as_of
        Train as if this were the newest session.
    on_outcome
        Called after each symbol.
    **settings
        Any field of :class:`tickgraph.settings.Settings`: ``source="files"``, ``models_dir="models/gnn"``,
        ``training={"epochs": 40}``.

    Returns
    -------
    TrainingReport
        Metadata of each published model in ``done``, the error of each symbol that failed in ``failed``.

    Raises
    ------
    TickgraphError
        Nothing could be done: bad settings, no prices, folders that cannot be written.
    """
    chosen = load_settings(**settings)
    source = open_source(chosen.source, chosen.source_path, access=chosen.access)
    wanted = parse_symbols(symbols, source.symbols())
    prices = gather_prices(chosen.price_store(), source, wanted, chosen.peer_pool, as_of=as_of)
    report = train_symbols(
        prices.panel,
        prices.symbols,
        chosen.open_registry(),
        config=chosen.training,
        pool=prices.pool,
        engine=chosen.open_engine(),
        on_outcome=on_outcome,
    )
    report.failed |= prices.missing
    return report


def load(**settings: Any) -> Forecaster:
    """Open the trained models for forecasting.

    Parameters
    ----------
    **settings
        Any field of :class:`tickgraph.settings.Settings`, such as ``models_dir`` and ``prices_dir``.
    """
    return open_forecaster(load_settings(**settings))


def open_forecaster(settings: Settings) -> Forecaster:
    """Forecaster over the folders that settings name; it can train on demand."""
    store = settings.price_store()
    registry = settings.open_registry()

    def train_on_demand(symbol: Symbol, source_name: str) -> None:
        from tickgraph.model.training import program_for

        source = open_source(source_name, settings.source_path, access=settings.access)
        prices = gather_prices(store, source, (symbol,), settings.peer_pool)
        universe = universe_at_hand(registry, source.name, settings.training)
        program = program_for(settings.training)
        train_one(prices.panel, symbol, prices.pool, program, registry, universe=universe)

    return Forecaster(
        registry,
        store,
        source=settings.source,
        train=train_on_demand,
        graph=settings.training,
        journal=ForecastJournal(settings.operations_dir / "journal"),
    )
