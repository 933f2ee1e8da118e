"""A rolling upgrade: what one release writes, those before and after it read, keep whole, or refuse and leave alone."""

from __future__ import annotations

import json

import jsonschema
import pyarrow.parquet as pq
import pytest

from made_site import made_site
from other_releases import ADDED, add_fields, later_header, publish_later, take_next_version, unpack
from real_service import EVENING, here, settings_of
from tickgraph.errors import LaterArtefactError, LaterPricesError
from tickgraph.market.store import PriceStore, history
from tickgraph.market.store.repair import repair
from tickgraph.market.store.update import update
from tickgraph.model.weights import weight_shapes
from tickgraph.operations.records import RunLog
from tickgraph.operations.refresh import refresh
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.pipeline.train import must_be_replaceable
from tickgraph.registry.copying import copy_models
from tickgraph.registry.registry import ModelRegistry
from tickgraph.registry.sealed_files import unseal_files
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.panels import PanelCache

UPGRADE = "Upgrade tickgraph on this machine. The file is left as it is"


def now():
    return EVENING


@pytest.fixture
def released(tmp_path):
    """Files of the last release."""
    return unpack(tmp_path / "released")


@pytest.fixture
def store(released):
    return PriceStore(released / "prices", now)


@pytest.fixture(params=["folder", "bucket"])
def shared(released, request, tmp_path):
    """Models of the last release where hosts share them: their place, and the storage of a bucket."""
    if request.param == "folder":
        return released / "models", None
    storage = request.getfixturevalue("storage")
    copy_models(ModelRegistry(released / "models"), ModelRegistry(storage.place(tmp_path / "former")))
    return storage.place(tmp_path / "here"), storage


@pytest.fixture
def registry(shared):
    return ModelRegistry(shared[0], now)


def answers(registry, store):
    found = Forecaster(registry, store, now=now).forecast_many(("AAPL", "JPM")).forecasts
    return {symbol: forecast.predicted_return for symbol, forecast in found.items()}


def stored_bytes(registry, shared, symbol):
    if shared[1] is not None:
        return shared[1].get(f"gnn/models/{symbol}.model.zip")
    return registry.paths(symbol).metadata.read_bytes()


def test_files_of_the_last_release_say_what_they_said(released, registry, store):
    before = json.loads((released / "answers.json").read_text())
    for symbol, answer in answers(registry, store).items():
        assert answer == pytest.approx(before[symbol]["predicted_return"], rel=1e-4, abs=1e-8)
    assert registry.universe.fit("sample").symbols == registry.universe.state("sample").symbols
    [run] = RunLog(released / "operations").newest_first()
    assert (run.state, run.full) == ("interrupted", True)


def test_what_this_release_writes_the_last_one_reads(released, registry, store, shared, sample, tmp_path):
    """Its schemas take no unknown field: as long as this test passes, hosts may be upgraded in any order."""
    schemas = {path.stem: json.loads(path.read_text()) for path in (released / "schemas").glob("*.json")}

    def read(text, kind):
        jsonschema.validate(json.loads(text), schemas[kind])

    site = made_site(
        tmp_path,
        sample,
        now,
        registry=registry,
        store=store,
        peer_pool=store.symbols("sample"),
        universe=(),
        operations_dir=released / "operations",
    )
    run = refresh(site, force=True, retrain=False)
    assert {symbol for symbol, one in run.symbols.items() if one.correlations == "published"} == {
        "AAPL",
        "JPM",
    }
    read((released / "operations" / "runs" / f"{run.id}.json").read_text(), "run")
    for symbol in ("AAPL", "JPM"):
        assert registry.metadata(symbol).correlations.computed_at == EVENING
        read(registry.paths(symbol).metadata.read_text(), "metadata")
    registry.universe.publish_fit(registry.universe.fit("sample"))
    registry.universe.publish_state(registry.universe.state("sample"))
    for kind in ("fit", "state"):
        path = registry.root / "universe" / f"sample_{kind}.npz"
        read(unseal_files(path.read_bytes())["header.json"], kind)


def test_fields_of_a_later_release_are_kept_when_this_one_publishes(registry, store, shared):
    before = answers(registry, store)
    publish_later(shared[0], "AAPL", add_fields, shared[1])
    assert answers(registry, store) == before
    report = publish_correlations(registry, PanelCache(store), registry.symbols(), force=True)
    assert set(report.published) == {"AAPL", "JPM"}
    again = ModelRegistry(shared[0], now).load("AAPL", weight_shapes).metadata
    assert again.correlations.computed_at == EVENING
    assert again.model_extra == {"added": ADDED}
    assert again.training_config.model_extra == {"clipping": 1.5}
    assert again.data_stats.model_extra == {"holidays": 9}
    assert again.calibration.model_extra == {"weighting": {"half_life": 60}}
    assert answers(registry, store) == before


def test_a_model_of_the_next_version_is_refused_with_the_remedy_and_never_replaced(
    registry, store, shared, sample, tmp_path
):
    own = registry.load("AAPL", weight_shapes)
    publish_later(shared[0], "AAPL", take_next_version, shared[1])
    before = stored_bytes(registry, shared, "AAPL")
    with pytest.raises(LaterArtefactError) as refused:
        registry.load("AAPL", weight_shapes)
    text = str(refused.value)
    assert UPGRADE in text
    assert (
        "tickgraph 0.9.0 wrote it with schema version 2, and tickgraph 0.1.0 reads version 1 at most" in text
    )
    assert "tickgraph train" not in text
    # Neither training nor a copy nor a refresh, whose way with a damaged model is to train it again, touches it.
    with pytest.raises(LaterArtefactError):
        must_be_replaceable(registry, "AAPL")
    with pytest.raises(LaterArtefactError):
        registry.publish(own.metadata, own.weights, own.correlation)
    source = ModelRegistry(unpack(tmp_path / "source") / "models")
    assert UPGRADE in copy_models(source, registry, ("AAPL",)).failed["AAPL"]
    site = made_site(tmp_path, sample, now, registry=registry, store=store, peer_pool=store.symbols("sample"))
    run = refresh(site, symbols=("AAPL",), full=True, update=False)
    assert UPGRADE in run.symbols["AAPL"].errors[0]
    assert run.symbols["AAPL"].training is None
    assert stored_bytes(registry, shared, "AAPL") == before
    assert set(answers(registry, store)) == {"JPM"}
    registry.remove("AAPL")  # for whoever goes back to the former release
    must_be_replaceable(registry, "AAPL")
    registry.publish(own.metadata, own.weights, own.correlation)
    assert set(answers(registry, store)) == {"AAPL", "JPM"}


def test_a_fit_and_a_state_of_a_later_release(registry, shared):
    """An array more is left alone, and the next version is neither read nor replaced."""
    places = {kind: registry.root / "universe" / f"sample_{kind}.npz" for kind in ("fit", "state")}
    fit, state = registry.universe.fit("sample"), registry.universe.state("sample")

    def publish(**changes):
        for path in places.values():
            data = later_header(path.read_bytes(), **changes)
            path.write_bytes(data) if shared[1] is None else shared[1].put(f"gnn/universe/{path.name}", data)

    publish(added=ADDED)
    assert registry.universe.fit("sample").version == fit.version
    assert registry.universe.state("sample").session == state.session
    publish(schema_version=2)
    for read in (registry.universe.fit, registry.universe.state):
        with pytest.raises(LaterArtefactError, match="reads version 1 at most. Upgrade"):
            read("sample")
    with pytest.raises(LaterArtefactError, match="Upgrade"):
        registry.universe.publish_fit(fit)
    with pytest.raises(LaterArtefactError, match="Upgrade"):
        registry.universe.publish_state(state)


def rewritten(path, **facts):
    """Rewrite a history as a later release may."""
    own = history.facts_in(pq.ParquetFile(path), path) | facts
    table = pq.read_table(path)
    path.write_bytes(history.parquet_bytes(table, own, [0, len(table)], ["symbol"]))


def test_facts_of_a_later_release_stay_in_a_history_that_is_folded(store, released):
    path = released / "prices" / "sample" / "AAPL.parquet"
    rewritten(path, added=ADDED)
    assert store.fold("sample", always=True) == 8
    assert store.reader.head("sample", "AAPL").others == {"added": ADDED}
    assert history.facts_in(pq.ParquetFile(path), path)["added"] == ADDED


def test_prices_of_the_next_version_are_neither_read_nor_fetched_anew(store, released, sample):
    for name in ("AAPL.parquet", "recent/sessions.parquet"):
        path = released / "prices" / "sample" / name
        before = path.read_bytes()
        rewritten(path, schema_version=2)
        later = path.read_bytes()
        with pytest.raises(LaterPricesError, match="reads version 1 at most. Upgrade"):
            store.read("sample", ("AAPL",))
        for change in (update, repair):
            with pytest.raises(LaterPricesError, match="Upgrade"):
                change(store, sample, ("AAPL",))
        assert path.read_bytes() == later
        path.write_bytes(before)


def test_a_manifest_of_a_later_release(released, storage, sample, tmp_path):
    """Fields that this release does not know stay when it publishes; the next version is neither read nor replaced."""
    here = PriceStore(storage.place(tmp_path / "here", "prices"), now)
    here.update(sample, ("AAPL", "JPM"), last=EVENING.date().replace(day=29))
    key = "prices/sources/sample.json"
    manifest = json.loads(storage.get(key))
    jsonschema.validate(manifest, json.loads((released / "schemas" / "manifest.json").read_text()))
    manifest["added"] = ADDED
    for file in manifest["files"].values():
        file["rows"] = 7
    storage.put(key, json.dumps(manifest).encode())
    assert here.update(sample, ("AAPL", "JPM")).added == {"AAPL": 1, "JPM": 1}
    newest = json.loads(storage.get(key))
    assert newest["added"] == ADDED
    changed = {name for name, file in newest["files"].items() if "rows" not in file}
    assert changed == {"recent/sessions.parquet"}
    later = json.dumps(newest | {"schema_version": 2, "files": []}).encode()
    storage.put(key, later)
    for act in (lambda: here.read("sample", ("AAPL",)), lambda: here.update(sample, ("AAPL",))):
        with pytest.raises(LaterPricesError, match="sources/sample.json cannot be read: .*Upgrade"):
            act()
    assert storage.get(key) == later


def test_a_run_of_a_later_release_is_carried_on_without_losing_what_it_says(released):
    log = RunLog(released / "operations")
    [file] = log.files()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"added": ADDED}))
    [run] = log.newest_first()
    log.write(run.model_copy(update={"state": "done"}))
    assert json.loads(file.read_text())["added"] == ADDED


def test_a_service_serves_what_other_releases_publish_and_keeps_its_model_where_it_cannot(
    shared, store, config
):
    place, storage = shared
    with here(settings_of(place, store.root, config, poll_seconds=3600)) as service:
        before = {symbol: service.get(f"/forecast/{symbol}").json() for symbol in ("AAPL", "JPM")}
        publish_later(place, "AAPL", add_fields, storage)
        publish_later(place, "JPM", take_next_version, storage)
        service.service.watcher.look()
        after = {symbol: service.get(f"/forecast/{symbol}").json() for symbol in ("AAPL", "JPM")}
        assert after["AAPL"]["generation"] != before["AAPL"]["generation"]
        assert after["JPM"]["generation"] == before["JPM"]["generation"]
        for symbol, answer in after.items():
            assert answer["predicted_return"] == before[symbol]["predicted_return"]
        [note] = [note for note in after["JPM"]["notes"] if "a newer model is not used" in note]
        assert UPGRADE in note
        assert service.metric("gnn_models_refused") == 1
        assert service.metric("gnn_verification_failures_total") == 0  # an alert of those speaks of intruders
        service.service.forecaster.models.clear()
        assert service.get("/forecast/AAPL").status_code == 200
        refused = service.get("/forecast/JPM")
        assert refused.status_code == 503
        assert UPGRADE in refused.json()["detail"]
