"""Refreshes whose disk is full, or whose line to the provider of prices is cut."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from cut_line import Line
from made_cluster import SYMBOLS
from made_site import made_site
from other_releases import unpack
from provider_server import TOKEN, Listing, ProviderServer, patient
from real_host import SmallDisk
from real_service import EVENING
from tickgraph.errors import StorageError
from tickgraph.market.sources.tiingo import TiingoSource
from tickgraph.market.store import PriceStore
from tickgraph.market.store.update import update
from tickgraph.model.weights import weight_shapes
from tickgraph.operations.refresh import refresh
from tickgraph.registry.registry import ModelRegistry


def now():
    return EVENING


def test_one_whose_models_are_on_a_full_disk_leaves_whole_models_and_does_its_work_later(tmp_path, sample):
    disk = SmallDisk(tmp_path / "disk")
    if disk.refused:
        pytest.skip(f"no small disk can be mounted: {disk.refused}")
    try:
        released = unpack(disk.folder)
        registry, store = ModelRegistry(released / "models", now), PriceStore(released / "prices", now)
        pool = store.symbols("sample")
        site = made_site(
            tmp_path / "host", sample, now, registry=registry, store=store, peer_pool=pool, universe=()
        )
        before = {symbol: registry.generation(symbol) for symbol in SYMBOLS}
        disk.fill()
        with pytest.raises(StorageError, match="No space left on device. The disk is full: free some space"):
            refresh(site, force=True, update=False, retrain=False)
        assert {symbol: registry.load(symbol, weight_shapes).generation for symbol in SYMBOLS} == before
        assert not [path for path in registry.root.rglob("*") if path.suffix in (".tmp", ".staged")]
        disk.free()
        assert refresh(site, force=True, update=False, retrain=False).state == "done"
        for symbol in SYMBOLS:
            assert registry.load(symbol, weight_shapes).generation not in before.values()
    finally:
        disk.unmount()


@pytest.mark.parametrize("fault", ["cut", "silent"])
def test_a_host_whose_line_to_the_provider_fails_keeps_its_prices_and_catches_up(tmp_path, fault):
    server = ProviderServer(EVENING.replace(day=28))
    server.listings = {symbol: Listing(seed) for seed, symbol in enumerate(SYMBOLS)}
    with server.running():
        lines = {
            name: Line(server._http.server_address, f"127.0.0.{number}")
            for name, number in (("a", 11), ("b", 12))
        }
        stores = {name: PriceStore(tmp_path / name, now) for name in lines}
        waits = []

        def bring(name):
            source = TiingoSource(
                SecretStr(TOKEN),
                address=lines[name].url,
                manners=patient(waits),
                timeout_seconds=0.2,
                now=now,
            )
            return update(stores[name], source, SYMBOLS)

        for name in lines:
            assert set(bring(name).added) == set(SYMBOLS)
        server.now = EVENING
        {"cut": lines["a"].cut, "silent": lines["a"].silence}[fault]()
        before = stores["a"].read("tiingo", SYMBOLS)
        failed = bring("a")
        assert set(failed.failures) == set(SYMBOLS)
        assert failed.added == {}
        assert stores["a"].read("tiingo", SYMBOLS).equals(before)
        assert set(bring("b").added.values()) == {2}
        lines["a"].mend()
        assert set(bring("a").added.values()) == {2}
        assert stores["a"].read("tiingo", SYMBOLS).equals(stores["b"].read("tiingo", SYMBOLS))
        for line in lines.values():
            line.cut()
