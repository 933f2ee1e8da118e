"""Which models are due for retraining, and why.

How far peers may drift was measured on the bundled sample (42 symbols, 2018 to 2022, the default window): of the 10
recorded peers, 3 or more would no longer be chosen in 0.07 % of all weeks and in 2.5 % of all quarters. A single peer
changes in 16 % of the weeks, where two candidates are nearly alike. That means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from tickgraph.market.calendar import is_future, last_completed_session
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.model.training_config import TrainingConfig
from tickgraph.operations.records import LiveQuality
from tickgraph.registry.freshness import MODEL_AGE
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.training_record import TrainingRecord

# Share of a model's peers that would no longer be chosen, or that it lacks and could have.
PEERS_DRIFTED = 0.3
_FREE = frozenset({"min_sessions"})  # refuses symbols and changes no model


@dataclass(frozen=True)
class Evidence:
    """What is known when it is decided.

    Attributes
    ----------
    now
        Moment of the decision; aware.
    training
        How models are to be trained.
    models
        Metadata of each model that can be read.
    damaged
        What is wrong with each model that cannot be read.
    missing
        Symbols that should have a model and have none.
    renamed
        Former name under which there is a model, by missing symbol.
    peers
        Peers that would be chosen today.
    revised
        When stored returns last changed, by source and symbol; a rescaled history is no change.
    quality
        Live quality; None if nothing was scored.
    full_since
        In a full run every model is due that was not trained between this moment and now; None otherwise.
    """

    now: datetime
    training: TrainingConfig
    models: Mapping[Symbol, ModelMetadata] = field(default_factory=dict)
    damaged: Mapping[Symbol, str] = field(default_factory=dict)
    missing: tuple[Symbol, ...] = ()
    renamed: Mapping[Symbol, str] = field(default_factory=dict)
    peers: Mapping[Symbol, tuple[str, ...]] = field(default_factory=dict)
    revised: Mapping[tuple[str, Symbol], datetime] = field(default_factory=dict)
    quality: LiveQuality | None = None
    full_since: datetime | None = None


def due(
    evidence: Evidence, on_error: Callable[[Symbol, Exception], None] | None = None
) -> dict[Symbol, tuple[str, ...]]:
    """Symbols whose models are due, each with every reason in words.

    A history that a split or dividend restated is no reason: its returns are the same. ``on_error`` hears of each
    model of which it cannot be told, by whatever error; without it the error is raised.
    """
    due_for: dict[Symbol, tuple[str, ...]] = {}
    for symbol in evidence.missing:
        former = evidence.renamed.get(symbol)
        due_for[symbol] = (f"renamed: its model is that of {former}" if former else "no model",)
    for symbol, problem in evidence.damaged.items():
        due_for[symbol] = (f"damaged: {problem}",)
    for symbol, metadata in evidence.models.items():
        try:
            due_for[symbol] = reasons_of(symbol, metadata, evidence)
        except Exception as error:
            if on_error is None:
                raise
            on_error(symbol, error)
    return {symbol: reasons for symbol, reasons in sorted(due_for.items()) if reasons}


def reasons_of(symbol: Symbol, metadata: ModelMetadata, evidence: Evidence) -> tuple[str, ...]:
    """Say why a model that can be read is due; empty if it is not."""
    trained = metadata.training_date
    reasons = []
    if evidence.full_since is not None and not evidence.full_since <= trained <= evidence.now:
        reasons.append("full run")
    reasons += future_faults(metadata, evidence.now)
    if evidence.now - trained > MODEL_AGE:
        reasons.append(f"trained {(evidence.now - trained).days} days ago")
    if changed := changed_settings(metadata.training_config, evidence.training):
        reasons.append(f"settings changed: {changed}")
    reasons += _peer_reasons(metadata.training_config, evidence.peers.get(symbol))
    reasons += _data_reasons(metadata, evidence.revised, evidence.now)
    quality = evidence.quality
    # Training on the same sessions again would give the same model: wait for one that it had not seen.
    if quality and symbol in quality.flagged and metadata.data_stats.last_session < quality.as_of:
        reasons.append(f"live quality: {quality.flagged[symbol]}")
    return tuple(reasons)


def future_faults(metadata: ModelMetadata, now: datetime) -> list[str]:
    """Say what of a model's training lies in the future: a clock was wrong, so its age is not known."""
    faults = []
    if is_future(metadata.training_date, now):
        faults.append(
            f"trained in the future, on {_moment(metadata.training_date)}: it is {_moment(now)} now"
        )
    completed = last_completed_session(now).astype(date)
    if metadata.data_stats.last_session > completed:
        faults.append(
            f"trained on prices up to {metadata.data_stats.last_session}, which is in the future: the last session "
            f"that is over is {completed}"
        )
    return faults


def changed_settings(recorded: TrainingRecord, wanted: TrainingConfig) -> str:
    """Say which training settings changed since a model was trained; empty if none did."""
    names = [name for name in TrainingConfig.model_fields if name not in _FREE]
    pairs = {name: (getattr(recorded, name), getattr(wanted, name)) for name in names}
    return ", ".join(f"{name} {old}, now {new}" for name, (old, new) in pairs.items() if old != new)


def _peer_reasons(recorded: TrainingRecord, today: tuple[str, ...] | None) -> list[str]:
    if today is None:
        return []
    # A peer that trades under another name is the same peer.
    peers = tuple(map(canonical, recorded.correlated_symbols))
    gone = [peer for peer in peers if peer not in today]
    if peers and len(gone) >= math.ceil(PEERS_DRIFTED * len(peers)):
        return [f"peers drifted: {len(gone)} of {len(peers)} would be others today (not {', '.join(gone)})"]
    if today and not peers:
        return [f"it had no peers, and would have {len(today)} today"]
    if len(today) - len(peers) >= math.ceil(PEERS_DRIFTED * recorded.num_peers):
        return [f"it has {len(peers)} of {recorded.num_peers} peers, and would have {len(today)} today"]
    return []


def _data_reasons(
    metadata: ModelMetadata, revised: Mapping[tuple[str, Symbol], datetime], now: datetime
) -> list[str]:
    source = metadata.data_stats.source
    late = [
        node
        for node in metadata.nodes
        # A revision from the future would be later than every training, so the model would be due for ever.
        if (at := revised.get((source, node))) is not None
        and at > metadata.training_date
        and not is_future(at, now)
    ]
    return [f"prices revised since it was trained: {', '.join(late)}"] if late else []


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
