"""An evaluation's figures, in the metadata of the models that were trained as it trains them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tickgraph.errors import ArtefactError, InputError, ModelNotFoundError, StorageError, reason_of
from tickgraph.lab.evaluation.conclusions import PRODUCT
from tickgraph.lab.evaluation.evaluation_result import Evaluation, ForecasterResult, Slice
from tickgraph.lab.horizons.comparing import LOGNORMAL
from tickgraph.lab.horizons.horizon_catalogue import PRODUCT as NETWORK
from tickgraph.lab.horizons.horizon_result import HorizonEvaluation, HorizonFigures
from tickgraph.model.training_config import TrainingConfig
from tickgraph.registry.evaluation_record import (
    HorizonWalkForward,
    PanelFigures,
    PanelHorizon,
    SymbolFigures,
    WalkForward,
)
from tickgraph.registry.registry import ModelRegistry


@dataclass
class Recording:
    """Which models of the evaluated symbols got the figures.

    Attributes
    ----------
    recorded
        Symbols whose metadata holds the figures now.
    skipped
        By symbol, why its model was left as it is.
    failed
        Why the models cannot be written; models not named above were not tried.
    """

    recorded: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: str | None = None


def record_evaluation(evaluation: Evaluation, registry: ModelRegistry) -> dict[str, Recording]:
    """Put the figures of each symbol into its model's metadata, where the model was trained as it was evaluated.

    Symbols without a model are left out, and so are models of symbols that were not evaluated.

    Returns
    -------
    dict
        By kind of figures, ``"of the next return"`` and ``"by horizon"``; a kind that was not evaluated is not there.
    """
    blocks: dict[str, Mapping[str, WalkForward | HorizonWalkForward]] = {
        "of the next return": walk_forward_by_symbol(evaluation),
        "by horizon": horizon_walk_forward_by_symbol(evaluation),
    }
    return {
        kind: record_figures(figures, evaluation.symbols, registry)
        for kind, figures in blocks.items()
        if figures
    }


def record_figures(
    figures: Mapping[str, WalkForward | HorizonWalkForward], evaluated: Sequence[str], registry: ModelRegistry
) -> Recording:
    """Put one kind of figures into the metadata of the models of evaluated symbols."""
    recording = Recording()
    try:
        for symbol in sorted(set(registry.symbols()) & set(evaluated)):
            try:
                reason = (
                    registry.record_evaluation(symbol, figures[symbol])
                    if symbol in figures
                    else "has no forecast in these windows"
                )
            except ModelNotFoundError:  # removed meanwhile
                continue
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                reason = str(error) if isinstance(error, ArtefactError) else reason_of(symbol, error)
            if reason is None:
                recording.recorded.append(symbol)
            else:
                recording.skipped[symbol] = reason
    except StorageError as error:
        recording.failed = str(error)
    return recording


def walk_forward_by_symbol(evaluation: Evaluation) -> dict[str, WalkForward]:
    """The product's figures by symbol, with what they were measured on; empty if the product was not evaluated.

    Raises
    ------
    InputError
        The evaluation does not say how its models were trained.
    """
    product = next((own for own in evaluation.forecasters if own.name == PRODUCT), None)
    if product is None:
        return {}
    training, settings, windows = training_config(evaluation), evaluation.settings, evaluation.windows
    common = {
        "panel": _panel(product),
        "best_baseline": _best_baseline(evaluation),
        "training_config": training,
        "scheme": settings["scheme"],
        "windows": len(windows),
        "retrain_every": settings["retrain_every"],
        "embargo": settings["embargo"],
        "first_session": windows[0].test_first,
        "last_session": windows[-1].test_last,
        **_provenance(evaluation),
    }
    return {
        part.name: WalkForward.model_validate({"figures": _symbol(part), **common})
        for part in product.slices
        if part.by == "symbol"
    }


def horizon_walk_forward_by_symbol(evaluation: Evaluation) -> dict[str, HorizonWalkForward]:
    """The network's figures by symbol, with what they were measured on.

    Returns
    -------
    dict
        Empty where the network was not evaluated by horizon, or neither an own HAR nor the log-normal beside it, which
        the figures of a symbol are set against.
    """
    by_horizon = evaluation.horizons
    if by_horizon is None or by_horizon.training is None:
        return {}
    product = next((own for own in by_horizon.forecasters if own.name == NETWORK), None)
    if product is None:
        return {}
    common = {
        "panel": {str(own.horizon): _panel_horizon(own, by_horizon) for own in product.horizons},
        "forecaster": product.name,
        "training_config": by_horizon.training,
        "refit_every": by_horizon.settings["refit_every"],
        "density_every": by_horizon.settings["density_every"],
        "first_session": by_horizon.first_session,
        "last_session": by_horizon.last_session,
        **_provenance(evaluation),
    }
    return {
        symbol: HorizonWalkForward.model_validate({"figures": figures, **common})
        for symbol, figures in product.by_symbol.items()
    }


def training_config(evaluation: Evaluation) -> TrainingConfig:
    """How the evaluated models were trained: ``sessions`` is the length of the walk's training windows.

    They forecast the next session's return alone.

    Raises
    ------
    InputError
        A setting is missing.
    """
    settings = evaluation.settings
    walk = ("scheme", "train_sessions", "retrain_every", "embargo")
    apart = ("sessions", "horizons", "variance_dim")
    named = [name for name in TrainingConfig.model_fields if name not in apart]
    if missing := [name for name in (*named, *walk) if name not in settings]:
        raise InputError(
            f"The evaluation does not say how its models were trained: {', '.join(missing)} missing. "
            "Run: tickgraph evaluate"
        )
    sessions = int(settings["train_sessions"])
    # Each window is trained so, even if it is shorter than the usual minimum.
    least = min(int(settings["min_sessions"]), sessions)
    return TrainingConfig.model_validate(
        {name: settings[name] for name in named}
        | {"sessions": sessions, "min_sessions": least, "horizons": ()}
    )


def _provenance(evaluation: Evaluation) -> dict[str, object]:
    """What all figures of an evaluation were measured on, by the names of metadata."""
    return {
        "source": evaluation.source,
        "data_version": evaluation.data_version,
        "symbols": tuple(evaluation.symbols),
        "survivorship": evaluation.survivorship,
        "measured_at": evaluation.created,
        "version": evaluation.version,
    }


def _best_baseline(evaluation: Evaluation) -> PanelFigures | None:
    measured = [
        (own.accuracy.ic.value, own)
        for own in evaluation.forecasters
        if own.kind == "baseline" and own.accuracy.ic is not None
    ]
    return _panel(max(measured, key=lambda pair: pair[0])[1]) if measured else None


def _panel(own: ForecasterResult) -> PanelFigures:
    return PanelFigures(forecaster=own.name, ic=own.accuracy.ic, r2_vs_zero=own.accuracy.r2_vs_zero)


def _symbol(part: Slice) -> SymbolFigures:
    return SymbolFigures(
        forecasts=part.sessions,
        ic=part.ic,
        rank_ic=part.rank_ic,
        hit_rate=part.hit_rate,
        r2_vs_zero=part.r2_vs_zero,
        coverage=part.coverage,
    )


def _panel_horizon(own: HorizonFigures, evaluation: HorizonEvaluation) -> PanelHorizon:
    bar = evaluation.figures(evaluation.bar.get(str(own.horizon)), own.horizon)
    lognormal = evaluation.figures(LOGNORMAL, own.horizon)
    return PanelHorizon(
        qlike=own.qlike,
        qlike_bar=bar and bar.qlike,
        crps=own.crps,
        crps_lognormal=lognormal and lognormal.crps,
        coverage=own.coverage,
    )
