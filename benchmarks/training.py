"""Training the sample's 42 symbols: tickgraph against Keras ``fit``, all run in full on the same snapshots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tickgraph.graph.features import num_features
from tickgraph.model.training_config import TrainingConfig

CONTESTANTS = {
    "tickgraph": "one compiled program, a thread per core",
    "keras-once": "Keras fit, model compiled once",
    "keras-new": "Keras fit, a new model per symbol",
}

ORDER = ("tickgraph", "keras-once", "tickgraph", "keras-new", "tickgraph")


QUICK_ORDER = tuple(CONTESTANTS)


def run(data: Path, config: TrainingConfig, order: Sequence[str] = ORDER) -> dict[str, dict[str, float]]:
    """Run every contestant in a process of its own and add its wall time from process start.

    Baselines run once, in full; tickgraph runs before, between and after them, and its median counts, so that
    a neighbour's burst of work on a shared machine does not decide.
    """
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTANTS}
    for name in order:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("contestant.py"), name, data, config.model_dump_json()],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        wall = time.perf_counter() - started
        runs[name].append({**json.loads(done.stdout), "wall": wall})
        print(f"  {CONTESTANTS[name]}: {wall:.1f} s", file=sys.stderr)
    return {name: sorted(done, key=lambda run: run["wall"])[len(done) // 2] for name, done in runs.items()}


def arithmetic(symbols: int, config: TrainingConfig) -> float:
    """Multiply-adds of training, times two: forward products, and twice that backward."""
    n, f = config.num_stocks, num_features(config.architecture)
    h, k = config.hidden_dim, config.num_gat_heads
    forward = n * f * h + (config.num_gcn_layers - 1) * (n * h * h + n * n * h)
    forward += n * h * h + n * h * 2 * k + n * n * h + n * h
    return 2 * 3 * forward * config.training_sessions * config.epochs * symbols


def float_rate(config: TrainingConfig, products: int) -> float:
    """Float32 operations per second of all cores, each on products of the network's own shape."""
    rows, h = config.batch_size * config.num_stocks, config.hidden_dim
    a, b = np.ones((rows, h), np.float32), np.ones((h, h), np.float32)
    seconds = []

    def work() -> None:
        out = np.empty((rows, h), np.float32)
        started = time.perf_counter()
        for _ in range(products):
            np.matmul(a, b, out=out)
        seconds.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(threads) * products * 2 * rows * h * h / max(seconds)
