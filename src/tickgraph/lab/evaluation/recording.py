"""From an evaluation to the metadata of the models whose procedure it measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from tickgraph.errors import ArtefactError, InputError, ModelNotFoundError, StorageError, reason_of
from tickgraph.lab.evaluation.conclusions import PRODUCT
from tickgraph.lab.evaluation.evaluation_result import Estimate, Evaluation, ForecasterResult, Slice
from tickgraph.model.config import TrainingConfig
from tickgraph.registry.metadata import Figure, PanelFigures, SymbolFigures, WalkForward
from tickgraph.registry.registry import ModelRegistry


@dataclass
class Recording:
    """What became of the models of the evaluated symbols.

    Attributes
    ----------
    recorded
        Symbols whose metadata holds the figures now.
    skipped
        Why a model was left as it is, by symbol.
    failed
        Why the models cannot be written; those not named above were not tried.
    """

    recorded: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: str | None = None


def record_evaluation(evaluation: Evaluation, registry: ModelRegistry) -> Recording:
    """Put the figures of each symbol into its model's metadata, where the model was trained as it was evaluated.

    Symbols without a model are passed over, and so are models of symbols that were not evaluated.
    """
    blocks, done = walk_forward_by_symbol(evaluation), Recording()
    if not blocks:
        return done
    try:
        for symbol in sorted(set(registry.symbols()) & set(evaluation.symbols)):
            try:
                reason = (
                    registry.record_evaluation(symbol, blocks[symbol])
                    if symbol in blocks
                    else "has no forecast in these windows"
                )
            except ModelNotFoundError:  # removed meanwhile
                continue
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                reason = str(error) if isinstance(error, ArtefactError) else reason_of(symbol, error)
            if reason is None:
                done.recorded.append(symbol)
            else:
                done.skipped[symbol] = reason
    except StorageError as error:
        done.failed = str(error)
    return done


def walk_forward_by_symbol(evaluation: Evaluation) -> dict[str, WalkForward]:
    """The product's figures of each symbol, with what they were measured on; none where it was not evaluated.

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
        "source": evaluation.source,
        "data_version": evaluation.data_version,
        "symbols": tuple(evaluation.symbols),
        "survivorship": evaluation.survivorship,
        "measured_at": evaluation.created,
        "version": evaluation.version,
    }
    return {
        part.name: WalkForward.model_validate({"figures": _symbol(part), **common})
        for part in product.slices
        if part.by == "symbol"
    }


def training_config(evaluation: Evaluation) -> TrainingConfig:
    """How the evaluated models were trained: ``sessions`` is the length of the walk's training windows.

    Raises
    ------
    InputError
        A setting is missing.
    """
    settings = evaluation.settings
    walk = ("scheme", "train_sessions", "retrain_every", "embargo")
    named = [name for name in TrainingConfig.model_fields if name != "sessions"]
    if missing := [name for name in (*named, *walk) if name not in settings]:
        raise InputError(
            f"The evaluation does not say how its models were trained: {', '.join(missing)} missing. "
            "Run: tickgraph evaluate"
        )
    sessions = int(settings["train_sessions"])
    # As each window is trained: a window shorter than the usual minimum was asked for.
    least = min(int(settings["min_sessions"]), sessions)
    return TrainingConfig.model_validate(
        {**{name: settings[name] for name in named}, "sessions": sessions, "min_sessions": least}
    )


def _best_baseline(evaluation: Evaluation) -> PanelFigures | None:
    measured = [
        (own.accuracy.ic.value, own)
        for own in evaluation.forecasters
        if own.kind == "baseline" and own.accuracy.ic is not None
    ]
    return _panel(max(measured, key=lambda pair: pair[0])[1]) if measured else None


def _panel(own: ForecasterResult) -> PanelFigures:
    return PanelFigures(
        forecaster=own.name, ic=_figure(own.accuracy.ic), r2_vs_zero=_figure(own.accuracy.r2_vs_zero)
    )


def _symbol(part: Slice) -> SymbolFigures:
    return SymbolFigures(
        forecasts=part.sessions,
        ic=_figure(part.ic),
        rank_ic=_figure(part.rank_ic),
        hit_rate=_figure(part.hit_rate),
        r2_vs_zero=_figure(part.r2_vs_zero),
        coverage={
            level: Figure.model_validate(figure.model_dump()) for level, figure in part.coverage.items()
        },
    )


def _figure(estimate: Estimate | None) -> Figure | None:
    return None if estimate is None else Figure.model_validate(estimate.model_dump())
