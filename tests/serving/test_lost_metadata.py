"""An emptied metadata folder withdraws no model: memory answers, and no symbol is taken for one without a model."""

from __future__ import annotations

import pytest

from tickgraph.errors import StorageError
from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.watcher import Watcher


def emptied(registry):
    kept = {path: path.read_bytes() for path in (registry.root / "metadata").iterdir()}
    for path in kept:
        path.unlink()
    return kept


def test_what_is_in_memory_stays_in_service_until_the_folder_is_back(live, watcher, registry):
    before = live.answer(live.outlook("AAPL"), None)
    kept = emptied(registry)
    watcher.look()
    assert "was not emptied by tickgraph remove" in watcher.fault
    assert live.symbols() == ("AAPL", "JPM", "MSFT", "XOM")
    assert live.answer(live.peek("AAPL"), None) == before
    for symbol in ("JPM", "TSLA"):  # not in memory, and never trained: neither can be told
        with pytest.raises(StorageError, match=f"The model of {symbol} cannot be looked up"):
            live.outlook(symbol)
    for path, data in kept.items():
        path.write_bytes(data)
    watcher.look()
    assert watcher.fault is None
    assert live.answer(live.outlook("JPM"), None).status == "pre-trained"
    assert live.answer(live.outlook("TSLA"), None).status == "momentum"


def test_a_service_that_starts_on_an_emptied_folder_is_at_fault(registry, store):
    emptied(registry)
    late = Forecaster(registry, store)
    watcher = Watcher(late)
    watcher.look()
    assert watcher.fault
    with pytest.raises(StorageError):
        late.outlook("AAPL")
    late.close()


@pytest.mark.parametrize("fallback", ["momentum", "train", "none"])
def test_a_forecaster_neither_falls_back_nor_trains(registry, prices_dir, fallback):
    emptied(registry)
    forecaster = Forecaster(
        registry, PriceStore(prices_dir), train=lambda *_: pytest.fail("it trained by itself")
    )
    with pytest.raises(StorageError, match="The model of AAPL cannot be looked up: .*metadata"):
        forecaster.forecast("AAPL", fallback=fallback)
    with pytest.raises(StorageError, match="holds no metadata"):
        forecaster.forecast_all()


def test_after_the_last_model_was_removed_momentum_answers(live, watcher, registry):
    live.outlook("AAPL")
    for symbol in registry.symbols():
        registry.remove(symbol)
    watcher.look()
    assert (watcher.fault, live.symbols()) == (None, ())
    assert live.answer(live.outlook("AAPL"), None).status == "momentum"
