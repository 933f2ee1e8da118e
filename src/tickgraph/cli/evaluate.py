"""``tickgraph evaluate``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from tickgraph.cli.evaluation_progress import evaluation_progress
from tickgraph.cli.evaluation_tables import print_evaluation, print_recording
from tickgraph.cli.options import (
    AsJson,
    Exchange,
    ModelsDir,
    PricesDir,
    Source,
    SourcePath,
    listed_symbols,
    parse_date,
    split_words,
    symbols_option,
)
from tickgraph.cli.output import failure, note, print_json, stderr
from tickgraph.errors import InputError, PartialFailure, StorageError
from tickgraph.extras import lacking
from tickgraph.market.universe import EVERY, is_group, parse_symbols
from tickgraph.pipeline.gathering import RunPrices, gather_prices
from tickgraph.settings import Settings, load_settings
from tickgraph.wording import in_words

if TYPE_CHECKING:  # needs the extra
    from pydantic import BaseModel

    from tickgraph.lab.evaluation.recording import Recording

Model = TypeVar("Model", bound="BaseModel")

QUICK_SYMBOLS = ("AAPL", "MSFT", "NVDA", "JPM", "GS", "UNH", "JNJ", "WMT", "MCD", "XOM", "CVX", "DIS")
QUICK_SESSIONS, QUICK_RETRAINING, QUICK_START, QUICK_EPOCHS = 500, 252, "2021-01-04", 5
QUICK_REFITTING, QUICK_TREES, QUICK_DENSITIES = 252, 20, 5
PIECES = "pieces"


def evaluate(
    symbols: Annotated[
        list[str] | None,
        symbols_option("all of the source", "Tickers, TIER_1, ALL or a sector; each other's peers."),
    ] = None,
    source: Source = None,
    source_path: SourcePath = None,
    prices_dir: PricesDir = None,
    exchange: Exchange = None,
    models_dir: ModelsDir = None,
    start: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="First session to forecast.", show_default="the first possible"),
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last session to forecast.", show_default="the last")
    ] = None,
    scheme: Annotated[
        Literal["rolling", "expanding"],
        typer.Option(help="Training windows of one length, or with one first session."),
    ] = "rolling",
    train_sessions: Annotated[
        int | None, typer.Option(help="Sessions of a training window.", show_default="1000")
    ] = None,
    retrain_every: Annotated[
        int | None,
        typer.Option(
            help="Sessions between trainings. A year (252) keeps 479 symbols under an hour on two cores.",
            show_default="63; 252 above 100 symbols",
        ),
    ] = None,
    embargo: Annotated[
        int, typer.Option(help="Sessions between the last close seen in training and the first forecast.")
    ] = 1,
    forecasters: Annotated[
        list[str] | None,
        typer.Option(
            "--forecasters",
            "-f",
            metavar="NAMES",
            help="Which to run; horizons, touch, strategies and returns stand for all of a part.",
            show_default="all",
        ),
    ] = None,
    horizons: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SESSIONS",
            help="Sessions ahead.",
            show_default="1,5,10,21,42,63; for touch and strategies 5,10,21",
        ),
    ] = None,
    refit_every: Annotated[
        int | None,
        typer.Option(help="Sessions between fits by horizon.", show_default="21; 63 above 100 symbols"),
    ] = None,
    density_every: Annotated[
        int | None,
        typer.Option(
            help="Score the distribution by horizon, and enter strategies, at every so many sessions.",
            show_default="1; 3 above 100 symbols",
        ),
    ] = None,
    costs: Annotated[float, typer.Option(help="Basis points per dollar traded.")] = 5.0,
    top_k: Annotated[
        int | None,
        typer.Option(help="Symbols of a portfolio's leg.", show_default="5; 10 above 100 symbols"),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Report, figures and kept forecasts.")
    ] = Path("evaluation"),
    record: Annotated[
        bool,
        typer.Option(
            "--record/--no-record",
            help="Put each symbol's figures into the metadata of its model, if that was trained with these settings.",
        ),
    ] = True,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="12 symbols, 2 windows, 5 epochs, few ablations, no touch, no strategies: under 2 minutes. Nothing is "
            "recorded.",
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Start over. Without it, an interrupted run of the same settings goes on."
        ),
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=0, help="Trainings side by side.", show_default="one per core")
    ] = 0,
    seed: Annotated[int | None, typer.Option(help="Base seed.", show_default="0")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how good forecasts are, walk-forward: trained on the past, judged on what came after.

    There are four parts: how far prices move over the next 1 to 63 sessions (horizons), whether levels are touched as
    often as is said (touch), whether the stated probability of profit of option strategies comes true (strategies),
    and the next return (returns). Each runs the product beside baselines, and trains again as time goes on. The
    results are in evaluation.html and evaluation.json. Forecasts are kept as soon as they are made: after Ctrl-C the
    same command goes on from there. Each symbol's figures go into the metadata of its trained model, where tickgraph
    list and inspect show them.

    All of the bundled sample:  tickgraph evaluate

    A file of your own:  tickgraph evaluate --source files --source-path prices.parquet

    Only by horizon:  tickgraph evaluate --forecasters horizons

    Forecasters of returns: zero, historical-mean, momentum, reversal, ridge, ridge-lags, lightgbm, gru, gnn-no-edges,
    gnn-shuffled-edges, gnn-baseline, gnn-per-symbol, gnn-global, gnn-fine-tuned.

    Forecasters by horizon: lognormal-20, lognormal-60, ewma, garch-fhs, gjr-fhs, har-least-squares, har-free, har,
    graph-har, graph-har-listening, lightgbm-variance, network-no-edges, network-listening, network-shuffled-edges,
    network-linear, network-alone, network-embedding, network.

    Methods of a touch: touch-network, touch-paths, touch-twice, touch-reflection, touch-haug.

    Strategies: strangle-16, strangle-30, put-spread-30-16, covered-call-30.
    """
    try:
        from tickgraph.lab.evaluation.evaluate import EvaluationSettings, default_retraining
        from tickgraph.lab.evaluation.html_report.sections import write_report
        from tickgraph.lab.evaluation.recording import record_evaluation
        from tickgraph.lab.horizons.evaluate_horizons import HorizonSettings, default_steps
        from tickgraph.lab.joined_evaluation import chosen_forecasters, evaluate_parts
        from tickgraph.lab.options.network_walk import HORIZONS
        from tickgraph.lab.options.strategy_evaluation import StrategySettings
        from tickgraph.lab.options.touch_evaluation import TouchSettings
        from tickgraph.lab.run import Run
    except ImportError as error:
        raise InputError(lacking("Evaluation", "evaluate", error)) from error
    settings = load_settings(
        source=source,
        source_path=source_path,
        prices_dir=prices_dir,
        exchange=exchange,
        models_dir=models_dir,
    )
    started = time.perf_counter()
    chosen = chosen_forecasters(split_words(forecasters or []), quick=quick)
    words = symbols or (list(QUICK_SYMBOLS) if quick else [EVERY])
    prices = _prices(words, settings)
    sessions = train_sessions or (QUICK_SESSIONS if quick else settings.training.sessions)
    training = settings.training.model_dump() | {
        "sessions": sessions,
        "min_sessions": min(settings.training.min_sessions, sessions),
    }
    if quick:
        training["epochs"] = QUICK_EPOCHS
    if seed is not None:
        training["seed"] = seed
    test_range = {"start": parse_date(start or (QUICK_START if quick else None)), "end": parse_date(end)}
    of_returns = _settings(
        EvaluationSettings,
        {
            "windows": {
                "scheme": scheme,
                "train_sessions": sessions,
                "retrain_every": retrain_every
                or (QUICK_RETRAINING if quick else default_retraining(len(prices.symbols))),
                "embargo": embargo,
                **test_range,
            },
            "forecasters": {"training": training, **({"recurrent_epochs": 3} if quick else {})},
            "names": chosen["returns"],
            "cost_basis_points": costs,
            "k": top_k,
            "seed": seed or 0,
        },
    )
    refitting, scoring = (QUICK_REFITTING, QUICK_DENSITIES) if quick else default_steps(len(prices.symbols))
    walk = {
        **({"horizons": split_words(horizons)} if horizons else {}),
        "train_sessions": sessions,
        "refit_every": refit_every or refitting,
        **test_range,
    }
    by_horizon = _settings(
        HorizonSettings,
        {
            "windows": {
                **walk,
                **({"fit_sessions": sessions} if train_sessions or quick else {}),
                "density_every": density_every or scoring,
            },
            "names": chosen["horizons"],
            "training": training,
            **({"trees": QUICK_TREES, "resamples": 200} if quick else {}),
            "seed": seed or 0,
        },
    )
    of_touch = _settings(
        TouchSettings,
        {
            "windows": {"horizons": HORIZONS, **walk, "density_every": density_every or scoring},
            "names": chosen["touch"],
            "training": training,
            **({"resamples": 200} if quick else {}),
            "seed": seed or 0,
        },
    )
    of_strategies = _settings(
        StrategySettings,
        {
            "windows": {"horizons": HORIZONS, **walk, "density_every": density_every or scoring},
            "names": chosen["strategies"],
            "training": training,
            **({"resamples": 200} if quick else {}),
            "seed": seed or 0,
        },
    )
    place = settings.source if settings.source_path is None else f"{settings.source} {settings.source_path}"
    with evaluation_progress() as listener:
        result = evaluate_parts(
            prices.panel.select(prices.symbols),
            of_returns if chosen["returns"] else None,
            by_horizon if chosen["horizons"] else None,
            of_touch if chosen["touch"] else None,
            of_strategies if chosen["strategies"] else None,
            Run(out / PIECES, jobs, fresh, listener),
            source=place,
            left_out=prices.missing,
        )
        page, figures = write_report(result, out)
        recordings: dict[str, Recording] = {}
        if record and not quick:
            recordings = record_evaluation(result, settings.open_registry())
    for symbol, reason in result.left_out.items():
        if symbol not in prices.missing:
            failure(f"left out: {reason}")
    if as_json:
        print_json(result.model_dump(mode="json"))
    else:
        print_evaluation(result, time.perf_counter() - started, page, figures)
    for kind, recording in recordings.items():
        print_recording(kind, recording, settings.models_dir)
    if any(recording.failed for recording in recordings.values()):
        raise typer.Exit(StorageError.exit_code)
    single = [word for word in words if not is_group(word)]
    named = set(parse_symbols(single)) if single else set()
    skipped = prices.missing.keys() - named  # members of a group that the source does not have
    if result.left_out.keys() - skipped:
        raise typer.Exit(PartialFailure.exit_code)


def _prices(words: list[str], settings: Settings) -> RunPrices:
    origin = settings.open_source()
    wanted = listed_symbols(words, origin.symbols())
    with stderr.status("Updating the price store"):
        # Peers come from the symbols that are evaluated.
        prices = gather_prices(settings.price_store(), origin, wanted, wanted)
    for reason in prices.missing.values():
        failure(reason)
    for symbol, reason in prices.update.failures.items():
        if symbol not in prices.missing:
            note(f"{symbol}: evaluated on stored prices; the update failed: {reason}")
    return prices


def _settings(model: type[Model], values: dict[str, Any]) -> Model:
    from pydantic import ValidationError

    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(in_words(each, whole="the settings") for each in error.errors()).rstrip(".")
        raise InputError(f"Bad settings ({problems}).") from None
