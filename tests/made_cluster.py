"""Hosts that share one bucket, each with a disk and lines of its own; and what they should say."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

import made_storage
from other_releases import unpack
from real_host import Host, SmallDisk, all_serving
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.copying import copy_models
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster

SYMBOLS = ("AAPL", "JPM")
MODELS, PRICES = (f"s3://{made_storage.BUCKET}/{prefix}" for prefix in ("gnn", "prices"))


class Truth:
    """What is published, and what each generation of it says: forecasts of a registry that no fault touches."""

    def __init__(self, models, prices):
        self.registry, self._store = ModelRegistry(models), PriceStore(prices)
        self._said = {}
        self.remember()

    def remember(self):
        for symbol in SYMBOLS:
            forecast = Forecaster(self.registry, self._store).forecast(symbol, 100.0)
            self._said[symbol, self.registry.generation(symbol)] = forecast.predicted_return

    def publish(self, symbol, factor):
        """Publish a symbol's model again with every weight multiplied, as another machine; gives its generation."""
        stored = self.registry.load(symbol, weight_shapes)
        weights = {path: value * np.float32(factor) for path, value in stored.weights.items()}
        self.registry.publish(stored.metadata, weights, stored.correlation)
        self.remember()
        return self.registry.generation(symbol)

    def must_be(self, said):
        """Hold what was served, by symbol and generation, to what that generation says."""
        for key, value in said.items():
            assert value == pytest.approx(self._said[key], rel=1e-5, abs=1e-9), key


@contextmanager
def made_cluster(s3, folder, redis=None, **environment):
    """Hosts ``a``, whose disk is small, and ``b`` serve; ``c`` and ``d`` are there to publish."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", made_storage.KEY_ID)
        patch.setenv("AWS_SECRET_ACCESS_KEY", made_storage.SECRET)
        s3.reset()
        released = unpack(folder / "released")
        copy_models(ModelRegistry(released / "models"), ModelRegistry(s3.place(folder / "seed")))
        own, shared = PriceStore(released / "prices"), PriceStore(s3.place(folder / "seed", "prices"))
        shared.write("sample", own.read("sample", own.symbols("sample")))
        truth = Truth(s3.place(folder / "truth"), released / "prices")
        disk = SmallDisk(folder / "a")
        hosts = {
            name: Host(
                name,
                number,
                folder,
                s3,
                redis,
                **environment,
                TICKGRAPH_SERVE__TRAIN_ON_DEMAND="true" if name == "a" else "false",
            )
            for number, name in enumerate("abcd", start=11)
        }
        # They begin with copies, so that no start waits for a storage that is slow on a busy machine.
        for name in "ab":
            copies = ModelRegistry(hosts[name].place(MODELS)), PriceStore(hosts[name].place(PRICES))
            for symbol in SYMBOLS:
                copies[0].verified(symbol)
            copies[0].universe.state("sample")
            copies[1].symbols("sample")
        try:
            with all_serving((hosts["a"], hosts["b"]), MODELS, PRICES) as (a, b):
                for service in (a, b):
                    for symbol in SYMBOLS:
                        service.forecast(symbol)
                yield SimpleNamespace(
                    hosts=hosts,
                    a=a,
                    b=b,
                    services={"a": a, "b": b},
                    truth=truth,
                    disk=disk,
                    s3=s3,
                    folder=folder,
                )
        finally:
            disk.unmount()
