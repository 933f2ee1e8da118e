"""``tickgraph list``, ``inspect`` and ``remove``: what is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from tickgraph.cli.options import AsJson, ModelsDir, named_symbols
from tickgraph.cli.output import (
    age,
    complain,
    facts,
    failure,
    note,
    number,
    percent,
    print_json,
    print_sentence,
    print_table,
    results,
    stdout,
)
from tickgraph.errors import (
    ArtefactError,
    InputError,
    PartialFailure,
    StorageError,
    TickgraphError,
    reason_of,
)
from tickgraph.market.universe import canonical, sector_of
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.evaluation_record import Figure, HorizonWalkForward, PanelFigures, WalkForward
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.training_record import VarianceForecast
from tickgraph.settings import load_settings
from tickgraph.wording import counted, listed


def list_models(models_dir: ModelsDir = None, as_json: AsJson = False) -> None:
    """List the trained models: how old they are and what they were worth out of sample."""
    settings = load_settings(models_dir=models_dir)
    registry = settings.open_registry()
    trained: dict[str, ModelMetadata] = {}
    failures: dict[str, str] = {}
    for symbol in registry.symbols():
        try:
            trained[symbol] = registry.metadata(symbol)
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            failures[symbol] = reason_of(symbol, error)
    if as_json:
        documents = {symbol: metadata.model_dump(mode="json") for symbol, metadata in trained.items()}
        print_json({"models": documents, "failures": failures})
    elif trained:
        print_table(_models_table(trained))
    else:
        note(f"no trained model in {settings.models_dir}. Run: tickgraph train --symbols TIER_1")
    for reason in failures.values():
        failure(reason)
    if lost := registry.without_metadata():
        note(
            f"{listed(lost)}: weights or correlations without metadata, so there is no model. Restore the metadata, "
            "train again, or run tickgraph remove"
        )
    if failures:
        raise typer.Exit(ArtefactError.exit_code)


def inspect(
    symbol: Annotated[str, typer.Argument(help="Ticker.")],
    models_dir: ModelsDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one model: configuration, peers, data, figures; its files are verified on the way."""
    settings = load_settings(models_dir=models_dir)
    registry = settings.open_registry()
    name = canonical(symbol)
    metadata = registry.metadata(name)
    problem: ArtefactError | None = None
    generation = None
    try:
        generation = registry.load(name, weight_shapes).generation
    except ArtefactError as error:
        problem = error
    except TickgraphError:
        raise
    except Exception as error:  # noqa: BLE001  a damaged model, in a way that nobody foresaw
        problem = ArtefactError(reason_of(name, error))
    if as_json:
        print_json(
            {
                "metadata": metadata.model_dump(mode="json"),
                "verified": problem is None,
                "problem": None if problem is None else str(problem),
                "generation": generation,
            }
        )
    else:
        stdout.print(_model_table(metadata, generation))
    if problem is not None:
        complain(problem)
        raise typer.Exit(problem.exit_code)


def remove(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="SYMBOLS", help="Tickers.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every model.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    models_dir: ModelsDir = None,
) -> None:
    """Remove models, of delisted symbols for instance. Stored prices stay; momentum answers from them.

    Other models that have a removed symbol as a peer use it for as long as it has prices. They choose other peers when
    they are next trained.
    """
    settings = load_settings(models_dir=models_dir)
    registry = settings.open_registry()
    if everything == bool(symbols):
        raise InputError("Name symbols, such as: tickgraph remove AAPL, or use --all for every model.")
    # What lost its metadata can be removed as well.
    have = tuple(sorted({*registry.listed(), *registry.without_metadata()}))
    if everything and not have:
        raise InputError(f"No trained model in {settings.models_dir}.")
    names = have if everything else named_symbols(symbols or ())
    for name in names:
        if not registry.holds(name):
            registry.metadata(name)  # raises, and names similar ones
    if not yes:
        what = f"all {counted(len(names), 'model')}" if everything else ", ".join(names)
        typer.confirm(f"Remove {what} from {settings.models_dir}?", abort=True, err=True)
    failures: dict[str, str] = {}
    for name in names:
        try:
            registry.remove(name)
        except StorageError:  # the folder, and not this symbol's files
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            failures[name] = reason_of(name, error)
    left = len(registry.listed())
    print_sentence(f"{len(names) - len(failures)} removed, {left} left in {settings.models_dir}.")
    for reason in failures.values():
        failure(reason)
    if again := [name for name in names if name in settings.universe]:
        note(f"the setting `universe` names {', '.join(again)}, so the next refresh trains it again")
    if failures:
        raise typer.Exit(PartialFailure.exit_code if len(failures) < len(names) else ArtefactError.exit_code)


def _models_table(models: dict[str, ModelMetadata]) -> Table:
    walked = any(metadata.evaluation for metadata in models.values())
    table = results(
        f"{counted(len(models), 'trained model')}, figures out of sample"
        + ("; walk IC is that of tickgraph evaluate (tickgraph inspect)" if walked else ""),
        "symbol",
        "sector",
        "age",
        "prices to",
        "source",
        right=("IC", "hit rate", "vs zero", "80% holds", *(["walk IC"] if walked else [])),
    )
    for symbol, metadata in models.items():
        figures = metadata.performance_metrics.out_of_sample
        evaluation = metadata.evaluation
        ic = evaluation.figures.ic if evaluation else None
        table.add_row(
            symbol,
            sector_of(symbol) or "-",
            age(metadata.training_date),
            str(metadata.data_stats.last_session),
            metadata.data_stats.source,
            number(figures.ic),
            percent(figures.hit_rate),
            percent(figures.r2_vs_zero, sign=True),
            percent(figures.coverage.get("0.8")),
            *([number(ic.value if ic else None)] if walked else []),
        )
    return table


def _model_table(metadata: ModelMetadata, generation: str | None) -> Table:
    config, data = metadata.training_config, metadata.data_stats
    metrics = metadata.performance_metrics
    figures = metrics.out_of_sample
    rows: dict[str, str] = {
        "files": f"verified, generation {generation[:12]}" if generation else "NOT usable, see below",
        "trained": f"{metadata.training_date:%Y-%m-%d %H:%M} UTC, {age(metadata.training_date)} ago, "
        f"{metrics.training_time_seconds:.2f} s",
        "prices": f"{data.source}, {data.first_session} to {data.last_session}, version {metadata.data_version}",
        "sessions": f"{data.training_sessions} to train, {data.calibration_sessions} held out"
        + (" (short history)" if data.short_history else ""),
        "peers": " ".join(config.correlated_symbols),
        "graph": f"{counted(data.num_edges, 'edge')}, mean |rho| with peers {data.avg_correlation:.2f}, "
        f"correlations as of {metadata.correlations.as_of}",
        "network": f"{config.architecture}, {config.num_gcn_layers} GCN, {config.num_gat_heads} heads, "
        f"hidden {config.hidden_dim}, {metrics.num_params:,} parameters",
        "training": f"{config.epochs} epochs, Adam {config.learning_rate:g}, seed {config.seed}, "
        f"final loss {metrics.final_loss:.4f}",
        "held out": f"{figures.first_session} to {figures.last_session}, {counted(figures.sessions, 'session')}",
        "IC / rank IC": f"{number(figures.ic)} / {number(figures.rank_ic)}",
        "hit rate": f"{percent(figures.hit_rate)}, momentum {percent(figures.hit_rate_momentum)}",
        "squared error": f"{figures.mse:.3e}; zero {figures.mse_zero:.3e}, mean {figures.mse_mean:.3e}, "
        f"momentum {figures.mse_momentum:.3e}",
        "beats zero": "yes" if figures.beats_zero else "NO: forecasting no move would have been better",
        "coverage": ", ".join(
            f"{float(level):.0%} interval {percent(c)}" for level, c in figures.coverage.items()
        ),
        "Brier": f"{number(figures.brier)}, base rate {number(figures.brier_base)}",
        **(_variance_rows(metadata, metadata.variance) if metadata.variance else {}),
        **(_walk_forward_rows(metadata.evaluation) if metadata.evaluation else {}),
        **(_horizon_rows(metadata.evaluation_by_horizon) if metadata.evaluation_by_horizon else {}),
    }
    return facts(f"{metadata.symbol}  {sector_of(metadata.symbol) or ''}".strip(), rows)


def _variance_rows(metadata: ModelMetadata, variance: VarianceForecast) -> dict[str, str]:
    whose = "the fit that ships" if variance.universe_is_default else "fit"
    fit = (
        f"{whose} {variance.universe}, {counted(variance.universe_symbols, 'symbol')} of {variance.universe_source} up "
        f"to {variance.last_session}"
    )
    if variance.last_session > metadata.data_stats.last_session:
        fit += ", LATER than its own prices: no test of it"
    every = variance.qlike.values()
    width = max(5, *map(len, variance.qlike))
    return {
        "universe": fit,
        "variance, held out": f"{variance.first_session} to {variance.last_session}, QLIKE by sessions ahead",
        "  sessions ahead": "  ".join(f"{horizon:>{width}}" for horizon in variance.qlike),
        "  network": "  ".join(f"{each.network:>{width}.3f}" for each in every),
        "  linear path": "  ".join(f"{each.linear:>{width}.3f}" for each in every),
        "  last 25 sessions": "  ".join(f"{each.today:>{width}.3f}" for each in every),
    }


def _walk_forward_rows(walk: WalkForward) -> dict[str, str]:
    figures = walk.figures
    rows = {
        "walk-forward": f"{walk.first_session} to {walk.last_session}, {figures.forecasts} forecasts, "
        f"{walk.windows} trainings, {walk.scheme}; measured {age(walk.measured_at)} ago by tickgraph {walk.version}",
        "measured on": f"{walk.source}, version {walk.data_version}, {counted(len(walk.symbols), 'symbol')}",
        "  IC": f"{_number(figures.ic)}; rank {_number(figures.rank_ic)}",
        "  hit rate": _percent(figures.hit_rate),
        "  vs zero": _percent(figures.r2_vs_zero, places=2, sign=True),
        "  coverage": ", ".join(
            f"{float(level):.0%} interval {_percent(share)}" for level, share in figures.coverage.items()
        ),
        "  all symbols": _panel(walk.panel),
    }
    if walk.best_baseline is not None:
        rows["  best baseline"] = _panel(walk.best_baseline)
    return rows | {"  survivorship": walk.survivorship}


def _horizon_rows(walk: HorizonWalkForward) -> dict[str, str]:
    own = walk.figures
    width = max(6, *map(len, own))

    def row(values: Iterable[str]) -> str:
        return "  ".join(f"{value:>{width}}" for value in values)

    rows = {
        "by horizon": f"{walk.first_session} to {walk.last_session}, walk-forward, fitted every "
        f"{counted(walk.refit_every, 'session')}; measured {age(walk.measured_at)} ago by tickgraph {walk.version}",
        "measured by": f"{walk.forecaster}, on {walk.source}, version {walk.data_version}, "
        f"{counted(len(walk.symbols), 'symbol')}",
        "  horizon": row(own),
        "  QLIKE": row(f"{each.qlike:.3f}" for each in own.values()),
        "  own HAR": row(f"{each.qlike_bar:.3f}" for each in own.values()),
        "  CRPS": row(percent(each.crps, 2) for each in own.values()),
        "  log-normal": row(percent(each.crps_lognormal, 2) for each in own.values()),
    }
    levels = dict.fromkeys(level for each in own.values() for level in each.coverage)
    for level in levels:
        rows[f"  {float(level):.0%} holds"] = row(percent(each.coverage.get(level)) for each in own.values())
    rows["  QLIKE, all"] = row(
        f"{each.qlike.value:.3f}" for horizon, each in walk.panel.items() if horizon in own
    )
    return rows | {"  chosen symbols": walk.survivorship}


def _panel(panel: PanelFigures) -> str:
    return f"{panel.forecaster}: IC {_number(panel.ic)}, vs zero {_percent(panel.r2_vs_zero, 2, sign=True)}"


def _number(figure: Figure | None) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return number(figure.value if figure else None)
    return f"{number(figure.value)} ({number(figure.low)} to {number(figure.high)})"


def _percent(figure: Figure | None, places: int = 1, *, sign: bool = False) -> str:
    if figure is None or figure.low is None or figure.high is None:
        return percent(figure.value if figure else None, places, sign=sign)
    low, high = (percent(end, places, sign=sign) for end in (figure.low, figure.high))
    return f"{percent(figure.value, places, sign=sign)} ({low} to {high})"
