"""A market of so many symbols, one stage after another: what each takes. benchmarks/size.py runs it in processes.

``python benchmarks/sized.py SYMBOLS TRAINED quick|whole [prices.parquet]`` prints a JSON object a stage: seconds on
the clock and of the processor, MB that it took at most and that it kept.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import psutil
from fastapi.testclient import TestClient

import options
from refresh import Morning
from resampled_market import Resampled
from tickgraph.http.application import create_app
from tickgraph.market.calendar import known_sessions
from tickgraph.market.panel import PricePanel
from tickgraph.market.source import Fetched
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.market.store.update import BATCH
from tickgraph.model.choice import choose
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import fit_universe
from tickgraph.model.universe_state import universe_state
from tickgraph.model.variance_examples import universe_of
from tickgraph.operations.overview import overview
from tickgraph.operations.refresh import refresh
from tickgraph.operations.site import Site
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.artefact_paths import ArtefactPaths
from tickgraph.registry.metadata_file import encode_metadata
from tickgraph.registry.registry import ModelRegistry
from tickgraph.settings import load_settings

T = TypeVar("T")
CHAINS, CELLS = 50, (8, 100)
ROUTES = ("/symbols", "/overview", "/market", "/metrics")
MANY = {"max_models": 20_000, "max_megabytes": 4_096, "request_seconds": 600.0, "train_on_demand": False}


class Stages:
    """Prints what each stage takes."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def __call__(self, name: str, stage: Callable[[], T], per: float | None = None) -> T:
        gc.collect()
        before, began = self._resident(), (time.perf_counter(), time.process_time())
        _forget_peak()
        found = stage()
        wall, used = time.perf_counter() - began[0], time.process_time() - began[1]
        peak = max(_peak(), self._resident()) - before
        record = {"stage": name, "wall": wall, "cpu": used, "peak": peak, "kept": self._resident() - before}
        print(json.dumps(record | ({} if per is None else {"per": per})), flush=True)
        return found

    def _resident(self) -> float:
        return self._process.memory_info().rss / 1e6


def _forget_peak() -> None:
    """Let the system count the most memory of the process anew; where it cannot, the peak is of the whole process."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _peak() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def copy_models(registry: ModelRegistry, names: Sequence[str], peers: Mapping[str, Sequence[str]]) -> None:
    """Publish models of symbols that have none: each a trained one under its own name, with its own peers.

    The arrays are links to the trained model's files, so that ten thousand take a minute and little disk.
    """
    trained = [(registry.paths(symbol), registry.metadata(symbol)) for symbol in registry.symbols()]
    known = {metadata.symbol for _, metadata in trained}
    for number, name in enumerate(name for name in names if name not in known):
        paths, metadata = trained[number % len(trained)]
        config = metadata.training_config.model_copy(update={"correlated_symbols": tuple(peers[name])})
        own = ArtefactPaths.of(registry.root, name)
        for theirs, mine in zip(paths.arrays, own.arrays, strict=True):
            os.link(theirs, mine)
        described = metadata.model_copy(update={"symbol": Symbol(name), "training_config": config})
        own.metadata.write_bytes(encode_metadata(described))


def main(symbols: int, trained: int, quick: bool, path: str | None) -> None:
    """Go through the stages."""
    source, stages = Resampled(path, symbols), Stages()
    source.end -= 1
    now, root = Morning(source), Path(tempfile.mkdtemp(prefix="sized-"))
    try:
        measure(root, source, stages, now, trained, options.training_config(quick))
    finally:
        shutil.rmtree(root)


def measure(
    root: Path, source: Resampled, stages: Stages, now: Morning, trained: int, config: TrainingConfig
) -> None:
    """Store, choose, fit, train, refresh, serve."""
    site = Site(
        registry=ModelRegistry(root / "models", now),
        store=PriceStore(root / "prices", now),
        open_source=lambda _: source,
        source=source.name,
        operations_dir=root / "state",
        training=config,
        universe=tuple(map(Symbol, source.names)),
        now=now,
    )
    made = Made(source)
    stages("prices: stored", lambda: site.store.update(made, site.universe))
    made.forget()
    learn(stages, site, trained)
    stages("models: listed", site.registry.symbols)
    stages(
        "tickgraph status",
        lambda: overview(site.registry, site.store, site.operations_dir, source.name, now()),
    )
    source.end += 1
    run = stages("refresh, no model due", lambda: refresh(site, retrain=False))
    if run.state != "done":
        raise SystemExit(f"the refresh ended as {run.state}: {run.error}")
    serve(stages, root, source, now)


class Made:
    """Bars that were made before they are asked for, so that no stage counts the making."""

    name, editable = "resampled", False

    def __init__(self, source: Resampled) -> None:
        self._names = source.names
        self._bars = {
            start: source.fetch(self._names[start : start + BATCH])
            for start in range(0, len(self._names), BATCH)
        }

    def symbols(self) -> tuple[str, ...]:
        return self._names

    def fetch(self, symbols, first=None, last=None) -> Fetched:
        return self._bars[self._names.index(symbols[0])]

    def forget(self) -> None:
        self._bars = {}


def learn(stages: Stages, site: Site, trained: int) -> None:
    """Choose peers, fit all symbols together, train some, and publish copies of these for the others."""
    names, config, registry = site.universe, site.training, site.registry
    panel = stages("prices: read", lambda: site.store.panel(site.source, names))
    choices = stages("peers of all", lambda: choose(panel, names, config))
    fit_all(stages, panel, config, registry)
    some = names[:trained]
    train_symbols(panel, some[:2], registry, config=config, pool=names)  # compiles, and publishes the state
    stages(
        "training",
        lambda: train_symbols(panel, some, registry, config=config, pool=names),
        per=len(some),
    )
    copy_models(registry, names, {symbol: choice.peers or () for symbol, choice in choices.items()})


def fit_all(stages: Stages, panel: PricePanel, config: TrainingConfig, registry: ModelRegistry) -> None:
    """What all symbols are looked at together for."""
    universe = stages("universe: features", lambda: universe_of(panel, config))
    fit = stages("universe: fit", partial(fit_universe, panel, config, universe))
    if fit is not None:
        registry.universe.publish_fit(fit)
    del universe
    stages("universe: state of the day", lambda: universe_state(panel, config.horizons))


def serve(stages: Stages, root: Path, source: Resampled, now: Morning) -> None:
    """One process with all models, and what it answers of all of them."""
    settings = load_settings(
        models_dir=root / "models",
        prices_dir=root / "prices",
        operations_dir=root / "state",
        source="sample",
    )
    settings = settings.model_copy(
        update={
            "source": source.name,
            "serve": settings.serve.model_copy(update={**MANY, "poll_seconds": 600.0}),
        }
    )
    app = create_app(settings, now=now)
    service = app.state.service
    forecaster = service.forecaster
    with TestClient(app) as client:
        names = forecaster.symbols()
        found = stages("service: first forecasts", lambda: forecaster.forecast_many(names))
        if found.failures:
            raise SystemExit("\n".join(map(str, list(found.failures.values())[:5])))
        del found
        stages("service: all forecasts", lambda: service.forecast_many(names, {}))
        for name in ("service: a look", "service: a look, nothing new"):
            stages(name, service.watcher.look)
        for route in ROUTES:
            answer = stages(f"GET {route}", partial(client.get, route))
            if answer.status_code != 200:
                raise SystemExit(f"{route}: {answer.text[:300]}")
        asked = [
            names[place] for place in np.linspace(0, len(names) - 1, min(CHAINS, len(names))).astype(int)
        ]
        stages("chains", lambda: [ask_chain(forecaster, name) for name in asked], per=len(asked))


def ask_chain(forecaster, name: Symbol) -> None:
    """Ask about every strike of every expiry."""
    expiries, strikes = CELLS
    outlook = forecaster.peek(name)
    days = known_sessions(outlook.as_of, 63)[np.linspace(4, 62, expiries).astype(int)]
    levels = (np.linspace(0.8, 1.2, strikes) * outlook.last_close).tolist()
    forecaster.chain(name, expiries=[str(day) for day in days], strikes=levels)


if __name__ == "__main__":
    main(
        int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "quick", sys.argv[4] if len(sys.argv) > 4 else None
    )
