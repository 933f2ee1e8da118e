"""An error that nobody foresaw, at every step of one symbol's way: that symbol fails alone, with a reason."""

from __future__ import annotations

import pytest

from real_service import ADMIN, TOKEN, here, settings_of
from tickgraph.http import symbol_routes
from tickgraph.market.store import PriceStore
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving import answer_json, network_outlooks, outlook_cache, priced_outlooks
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.outlook import Outlook

BAD, GOOD = "JPM", ["AAPL", "MSFT", "XOM"]


@pytest.fixture(scope="module")
def running(trained_dir, prices_dir, config, tmp_path_factory):
    settings = settings_of(
        trained_dir,
        prices_dir,
        config,
        admin_token=TOKEN,
        poll_seconds=3600,
        runtime_dir=tmp_path_factory.mktemp("runtime"),
    )
    with here(settings) as service:
        yield service


def mentions(words, name=BAD):
    return any(
        name
        in (word, getattr(word, "symbol", None), getattr(getattr(word, "metadata", None), "symbol", None))
        for word in words
    )


STEPS = [
    (ModelRegistry, "load"),
    (LoadedModel, "from_stored"),
    (outlook_cache, "last_session"),
    (outlook_cache, "network_outlooks"),
    (network_outlooks, "own_returns"),
    (Outlook, "__post_init__"),
    (Forecaster, "_keep"),
    (priced_outlooks, "answer_json"),
]


@pytest.mark.parametrize(("owner", "name"), STEPS, ids=lambda step: getattr(step, "__name__", step))
def test_that_symbol_fails_with_a_reason_and_the_others_are_answered(running, monkeypatch, owner, name):
    real = getattr(owner, name)

    def broken(*words, **more):
        flat = [part for word in words for part in (word if isinstance(word, list | tuple) else (word,))]
        if mentions(flat):
            raise ZeroDivisionError("nobody foresaw this")
        return real(*words, **more)

    running.post("/admin/cache/clear", headers=ADMIN)
    monkeypatch.setattr(owner, name, broken)
    for path in ("/forecast/all", "/forecast?symbols=AAPL,JPM:140,MSFT,XOM"):
        body = running.get(path).json()
        assert sorted(body["forecasts"]) == GOOD
        assert list(body["failures"]) == [BAD]
        assert "JPM: an unforeseen error, ZeroDivisionError" in body["failures"][BAD]["detail"]
    assert running.get("/symbols").json()["count"] == 42
    running.service.watcher.look()
    assert running.get("/health/ready").status_code == 200
    assert running.get("/forecast/AAPL").status_code == 200
    assert running.get("/forecast/JPM").status_code in (200, 500)  # 200 where it takes another way
    monkeypatch.undo()
    running.post("/admin/cache/clear", headers=ADMIN)
    assert running.get("/forecast/JPM").status_code == 200


def test_prices_that_one_symbol_alone_needs_fail_that_symbol_alone(running, monkeypatch):
    registry = running.service.forecaster.registry
    needed = {name: {name, *registry.metadata(name).nodes} for name in (*GOOD, BAD)}
    own = needed[BAD] - set().union(*(needed[name] for name in GOOD))
    for name in ("panel", "stamp", "recent"):
        real = getattr(PriceStore, name)

        def broken(store, source, symbols, real=real, **how):
            if own & ({symbols} if isinstance(symbols, str) else set(symbols)):
                raise ZeroDivisionError("nobody foresaw this")
            return real(store, source, symbols, **how)

        running.post("/admin/cache/clear", headers=ADMIN)
        with monkeypatch.context() as broken_store:
            broken_store.setattr(PriceStore, name, broken)
            body = running.get("/forecast/all").json()
            assert set(body["forecasts"]) >= set(GOOD)
            running.service.watcher.look()
            assert running.get("/health/ready").status_code == 200


def test_a_model_that_cannot_be_looked_up_fails_alone_in_the_watchers_look(running, monkeypatch):
    running.get("/forecast/all")
    models, real = running.service.forecaster.models, running.service.forecaster.models._generation

    def broken(symbol):
        if symbol == BAD:
            raise ZeroDivisionError("nobody foresaw this")
        return real(symbol)

    monkeypatch.setattr(models, "_generation", broken)
    running.service.watcher.look()
    assert set(models.refusals()) == {BAD}
    assert running.get("/health/ready").status_code == 200
    assert "unforeseen error" in running.get("/forecast/JPM").json()["notes"][-1]
    monkeypatch.undo()
    running.service.watcher.look()
    assert models.refusals() == {}


def test_a_sector_that_cannot_be_told_is_left_out_of_the_list(running, monkeypatch):
    real = symbol_routes.sector_of
    monkeypatch.setattr(symbol_routes, "sector_of", lambda name: 1 / 0 if name == BAD else real(name))
    entries = {entry["symbol"]: entry for entry in running.get("/symbols").json()["symbols"]}
    assert (entries[BAD]["sector"], entries["AAPL"]["sector"]) == (None, real("AAPL"))


def test_an_answer_that_cannot_be_written_fails_alone(running, monkeypatch):
    real = answer_json.per_dollar

    def unwritable(outlook, *words, **more):
        key, fields = real(outlook, *words, **more)
        return key, {**fields, "notes": (object(),)} if outlook.symbol == BAD else fields

    running.post("/admin/cache/clear", headers=ADMIN)
    monkeypatch.setattr(answer_json, "per_dollar", unwritable)
    body = running.get("/forecast/all").json()
    assert (sorted(body["forecasts"]), list(body["failures"])) == (GOOD, [BAD])
