"""Train many symbols: one compiled program, an engine that fits, each model published as soon as it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field

import numpy as np

from tickgraph.errors import (
    ArtefactError,
    ClusterError,
    HistoryTooShortError,
    LaterArtefactError,
    StorageError,
    reason_of,
)
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.model.choice import Choice, choose, choose_all
from tickgraph.model.fitting import FittedModel, fit
from tickgraph.model.training import TrainingProgram, program_for
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import UniverseFit
from tickgraph.pipeline.describe import describe
from tickgraph.pipeline.engines import LocalEngine
from tickgraph.pipeline.engines.plan import Engine, Plan
from tickgraph.pipeline.fitting_universe import RunUniverse, remark_on_later, universe_of_run
from tickgraph.pipeline.remarks import remarks
from tickgraph.pipeline.state_of_the_day import bring_state
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Outcome of one symbol.

    Attributes
    ----------
    metadata
        Of the model that was published, or kept.
    error
        Why there is none.
    too_short
        Whether the history is too short.
    kept
        Whether the model was there already.
    """

    symbol: Symbol
    metadata: ModelMetadata | None = None
    error: str | None = None
    too_short: bool = False
    kept: bool = False


@dataclass
class TrainingReport:
    """What a training run did.

    Attributes
    ----------
    done
        Metadata of each published model.
    kept
        Symbols that a run which goes on had nothing to do for: their models are the ones that it would make.
    failed
        Error of each symbol that failed.
    notes
        What a person should know: symbols that do not end where the others do, models with few peers, and all of
        ``universe_notes``.
    universe_notes
        What a person should know of the universe's fit that the models are drawn to, and of its state of the day.
    interrupted
        Whether it was stopped before the end; ``done`` is kept.
    """

    done: dict[str, ModelMetadata] = field(default_factory=dict)
    kept: list[Symbol] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    universe_notes: list[str] = field(default_factory=list)
    interrupted: bool = False


def train_one(
    panel: PricePanel,
    symbol: Symbol,
    pool: Collection[str] | None,
    program: TrainingProgram,
    registry: ModelRegistry,
    universe: UniverseFit | None = None,
) -> ModelMetadata:
    """Fit one symbol and publish the model.

    Without a ``universe`` it is a model of the next session's return alone. Walk-forward figures recorded in the model
    that this one replaces stay if both were trained the same way: the figures are of the procedure.

    Errors as in :func:`tickgraph.model.fitting.fit`; and StorageError, also where the model would replace one of
    another exchange.
    """
    must_be_replaceable(registry, symbol)
    choice = choose(panel, (symbol,), program.config, pool).get(symbol)
    return publish_fitted(registry, fit(panel, symbol, program, choice, universe))


def must_be_replaceable(registry: ModelRegistry, symbol: Symbol) -> None:
    """Raise OtherExchangeError or LaterArtefactError where a model is of another exchange or a later release."""
    if registry.generation(symbol) is not None:
        try:
            registry.must_be_of_the_exchange(registry.metadata(symbol))
        except LaterArtefactError:
            raise
        except ArtefactError:  # one that cannot be read may be replaced
            return


def publish_fitted(registry: ModelRegistry, fitted: FittedModel) -> ModelMetadata:
    """Publish a fitted model; figures of an evaluation stay."""
    return registry.publish(
        describe(fitted, registry.now()), fitted.weights, fitted.correlation, keep_evaluation=True
    )


def train_symbols(
    panel: PricePanel,
    symbols: Sequence[Symbol],
    registry: ModelRegistry,
    *,
    config: TrainingConfig | None = None,
    pool: Collection[str] | None = None,
    engine: Engine | None = None,
    resume: bool = False,
    program: TrainingProgram | None = None,
    on_fitting: Callable[[str], None] | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> TrainingReport:
    """Train and publish symbols; before them, where it has horizons, the universe's fit and its state of the day.

    Parameters
    ----------
    panel
        Prices of every symbol and of the pool.
    symbols
        Targets. An error of one symbol, foreseen or not, is reported, and the others go on.
    registry
        Where models are published, each as soon as it is trained.
    config
        Architecture and training; None is the default.
    pool
        Symbols that peers are chosen from; None is every symbol of the panel.
    engine
        Where models are fitted, for this run alone; None is this machine, a thread per core.
    resume
        Leave out symbols whose model was trained on these very prices, in the same way, by the same versions.
    program
        A program compiled before, with the same configuration.
    on_fitting
        Called in this thread with a line of text before the universe is fitted, which takes seconds.
    on_outcome
        Called in this thread after each symbol. An error that it raises fails that symbol; a StorageError ends the run.

    Returns
    -------
    TrainingReport
        After Ctrl-C ``interrupted`` is set; symbols in training are completed first, which takes a fraction of a
        second.

    Raises
    ------
    StorageError
        Models cannot be written, so no other symbol could be kept either.
    ClusterError
        The engine's cluster was lost, or has other versions. What was published is kept.
    """
    report, engine = TrainingReport(), engine or LocalEngine()
    futures: dict[Future[ModelMetadata], Symbol] = {}

    def publish(fitted: FittedModel) -> ModelMetadata:
        must_be_replaceable(registry, canonical(fitted.symbol))
        return publish_fitted(registry, fitted)

    try:
        program = program or program_for(config or TrainingConfig())
        registry.recover()  # what a run that was killed left behind
        choices = choose_all(panel, symbols, program.config, pool)
        report.notes = _notes(panel, choices, program.config, pool)
        universe, fault = None, None
        try:
            universe = _universe(registry, panel, choices, program.config, on_fitting)
        except HistoryTooShortError as error:
            fault = error
        if universe is not None:
            report.universe_notes += [*universe.notes, *remark_on_later(universe.fit, choices)]
            report.universe_notes += bring_state(registry, panel, program.config.horizons)
            report.notes += report.universe_notes
        plan = Plan(panel, choices, program.config, None if pool is None else tuple(pool), universe)
        if resume and not fault:
            report.kept = _kept(registry, plan, symbols, on_outcome)
        kept = set(report.kept)
        wanted = [symbol for symbol in symbols if symbol not in kept]
        if fault:
            futures = {_failed(fault): symbol for symbol in wanted}
        elif wanted:
            futures = engine.start(plan, wanted, program, publish)
        for future in as_completed(futures):
            _record(futures[future], future, report, on_outcome)
    except KeyboardInterrupt:
        report.interrupted = True
        engine.close()
        for future, symbol in futures.items():
            if future.done() and not future.cancelled() and symbol not in report.done | report.failed:
                _record(symbol, future, report, None)
    finally:
        engine.close()
    return report


def _kept(
    registry: ModelRegistry,
    plan: Plan,
    symbols: Sequence[Symbol],
    on_outcome: Callable[[Outcome], None] | None,
) -> list[Symbol]:
    """Symbols whose model is the one that a plan would make: a run that goes on leaves it."""
    kept, published = [], set(registry.listed())
    for symbol in symbols:
        if symbol not in published:
            continue
        try:
            known = registry.verified(symbol)
        except ArtefactError:  # it is not whole
            continue
        if plan.would_make(symbol, known):
            kept.append(symbol)
            if on_outcome:
                on_outcome(Outcome(symbol, metadata=known, kept=True))
    return kept


def _universe(
    registry: ModelRegistry,
    panel: PricePanel,
    choices: dict[str, Choice],
    config: TrainingConfig,
    on_fitting: Callable[[str], None] | None,
) -> RunUniverse | None:
    """Fit that the models are drawn to; None where no model has horizons, or none can be trained."""
    if not config.horizons or all(choice.peers is None for choice in choices.values()):
        return None
    return universe_of_run(registry, panel, choices, config, on_fitting=on_fitting)


def _failed(error: HistoryTooShortError) -> Future[ModelMetadata]:
    future: Future[ModelMetadata] = Future()
    future.set_exception(error)
    return future


def _notes(
    panel: PricePanel, choices: dict[str, Choice], config: TrainingConfig, pool: Collection[str] | None
) -> list[str]:
    try:
        return remarks(panel, choices, config, pool)
    except Exception:  # noqa: BLE001  the models are wanted all the same
        _log.exception("what stands apart could not be said")
        return []


def _record(
    symbol: Symbol,
    future: Future[ModelMetadata],
    report: TrainingReport,
    on_outcome: Callable[[Outcome], None] | None,
) -> None:
    try:
        metadata = future.result()
    except (StorageError, ClusterError):
        raise
    except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
        text = _reason(symbol, error)
        report.failed[symbol] = text
        outcome = Outcome(symbol, error=text, too_short=isinstance(error, HistoryTooShortError))
    else:
        report.done[symbol] = metadata
        outcome = Outcome(symbol, metadata=metadata)
    if on_outcome is None:
        return
    try:
        on_outcome(outcome)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  the models of the others are wanted all the same
        report.failed.setdefault(symbol, reason_of(symbol, error))


def _reason(symbol: Symbol, error: Exception) -> str:
    # Training that diverged, and equations without a solution, are no faults of the code.
    if isinstance(error, FloatingPointError | np.linalg.LinAlgError):
        return f"{symbol}: {error}"
    return reason_of(symbol, error)
