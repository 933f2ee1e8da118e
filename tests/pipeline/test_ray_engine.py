"""Training on a real Ray cluster of three nodes on this machine: one for the driver, two that fit."""

from __future__ import annotations

import numpy as np
import pytest

from real_ray import real_ray
from tickgraph.errors import ClusterError, InputError
from tickgraph.model.fitting import FittedModel
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.engines import open_engine, ray_engine
from tickgraph.pipeline.engines.plan import Plan
from tickgraph.pipeline.engines.ray_engine import RayEngine, fit_shard, shards_of
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.library_versions import library_versions
from tickgraph.registry.registry import ModelRegistry

# Ray leaves sockets and processes to the end of its own processes.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def cluster():
    with real_ray() as running:
        yield running


def test_a_node_that_is_killed_in_the_middle_loses_nothing_and_the_models_are_those_of_one_machine(
    cluster, panel, config, tmp_path
):
    symbols, heard = list(panel.symbols[:8]), []

    def listen(outcome):
        heard.append(outcome.symbol)
        if len(heard) == 2:
            cluster.kill_a_node()

    own = ModelRegistry(tmp_path / "models")
    report = train_symbols(
        panel, symbols, own, config=config, engine=RayEngine(cluster.address), on_outcome=listen
    )
    assert not report.failed
    assert set(report.done) == set(symbols) == set(own.symbols()) == set(heard)
    there = ModelRegistry(tmp_path / "one machine")
    train_symbols(panel, symbols, there, config=config)
    for symbol in symbols:
        ours, theirs = own.load(symbol, weight_shapes), there.load(symbol, weight_shapes)
        assert ours.metadata.training_config == theirs.metadata.training_config
        assert ours.metadata.variance == theirs.metadata.variance
        for path, value in theirs.weights.items():
            np.testing.assert_allclose(ours.weights[path], value, rtol=1e-4, atol=1e-6)


def test_an_address_where_no_cluster_is_says_so():
    with pytest.raises(ClusterError, match=r"The Ray cluster at 127\.0\.0\.1:1 cannot be reached"):
        open_engine("ray", address="127.0.0.1:1")


def test_a_machine_with_other_versions_fits_nothing(panel, config):
    versions = library_versions() | {"jax": "0.0.1"}
    plan = Plan(panel, {}, config)
    with pytest.raises(ClusterError, match=r"has jax [\d.]+ \(not 0\.0\.1\): its models would differ"):
        fit_shard(plan, ["AAPL"], "XNYS", versions)


def test_one_symbol_of_a_shard_fails_alone_and_the_universes_fit_is_not_sent_back(panel, config):
    outcomes = dict(
        fit_shard(Plan(panel.tail(400), {}, config), ["AAPL", "NOPE"], "XNYS", library_versions())
    )
    fitted = outcomes["AAPL"]
    assert isinstance(fitted, FittedModel)
    assert (fitted.symbol, fitted.universe) == ("AAPL", None)
    assert isinstance(outcomes["NOPE"], Exception)


@pytest.mark.parametrize(
    ("symbols", "cores", "sizes"), [(3, 8, {1}), (100, 4, {6, 4}), (10_000, 64, {8}), (0, 2, set())]
)
def test_shards_hold_every_symbol_once_and_are_small(symbols, cores, sizes):
    names = [f"S{number}" for number in range(symbols)]
    shards = shards_of(names, cores)
    assert [name for shard in shards for name in shard] == names
    assert {len(shard) for shard in shards} == sizes
    assert max(sizes, default=0) <= ray_engine.LARGEST_SHARD


def test_without_ray_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match='Ray needs the extra "ray"'):
        open_engine("ray")


def test_the_local_engine_has_no_address():
    with pytest.raises(InputError, match="ray_address: the local engine has no address"):
        open_engine("local", address="10.0.0.1:6379")
