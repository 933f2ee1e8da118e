"""``GET /market``: how all symbols move together, and what changed in a week."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from real_service import here, settings_of, until
from tickgraph.graph.market_network import market_network
from tickgraph.http import market_route
from tickgraph.market.store import PriceStore


def correlation(panel, first, last):
    returns = np.diff(np.log(panel.adj_close[first:last]), axis=0)
    return np.corrcoef(returns, rowvar=False)


def test_correlations_and_what_changed_are_those_of_the_prices(service, panel):
    answer = service.get("/market").json()
    names = [one["symbol"] for one in answer["symbols"]]
    assert names == sorted(panel.symbols)
    whole = panel.select(names)
    now, before = correlation(whole, -61, None), correlation(whole, -66, -5)
    assert (answer["as_of"], answer["before"]) == (str(panel.sessions[-1]), str(panel.sessions[-6]))
    for edge in answer["edges"]:
        assert edge["correlation"] == pytest.approx(now[edge["source"], edge["target"]])
    change = np.abs(np.triu(now - before, 1))
    for pair, size in zip(answer["changes"], np.sort(change.ravel())[::-1], strict=False):
        place = names.index(pair["source"]), names.index(pair["target"])
        assert (pair["before"], pair["now"]) == pytest.approx((before[place], now[place]))
        assert abs(pair["now"] - pair["before"]) == pytest.approx(size)
    assert len(answer["changes"]) == 20
    others = len(names) - 1
    for place, one in enumerate(answer["symbols"]):
        assert one["mean_correlation"] == pytest.approx((now[place].sum() - 1) / others)
        assert one["mean_change"] == pytest.approx(np.abs(now - before)[place].sum() / others)
    pairs = np.triu_indices(len(names), 1)
    assert answer["mean_correlation"] == pytest.approx(now[pairs].mean())
    assert answer["mean_correlation_before"] == pytest.approx(before[pairs].mean())
    assert answer["left_out"] == []


def test_too_few_symbols_are_an_error_that_says_what_to_do(sample, config, tmp_path):
    PriceStore(tmp_path / "prices").update(sample, ("AAPL", "MSFT"))
    settings = settings_of(tmp_path / "models", tmp_path / "prices", config, runtime_dir=tmp_path / "run")
    with here(settings) as service:
        answer = service.get("/market")
        assert answer.status_code == 503
        assert (
            "2 symbols have prices on each of the last 66 sessions; a network needs 3"
            in answer.json()["detail"]
        )


def test_one_symbol_that_is_ahead_of_the_others_leaves_none_out(sample, config, tmp_path):
    store, names = PriceStore(tmp_path / "prices"), ("AAPL", "MSFT", "JPM", "XOM")
    store.update(sample, names, last=date(2022, 12, 29))
    store.update(sample, names[:1])
    settings = settings_of(tmp_path / "models", tmp_path / "prices", config, runtime_dir=tmp_path / "run")
    with here(settings) as service:
        answer = service.get("/market").json()
        assert (answer["as_of"], answer["left_out"]) == ("2022-12-29", [])
        assert len(answer["symbols"]) == 4


def test_a_service_without_prices_says_so(config, tmp_path):
    settings = settings_of(tmp_path / "models", tmp_path / "prices", config, runtime_dir=tmp_path / "run")
    with here(settings) as service:
        assert "tickgraph train" in service.get("/market").json()["detail"]


def test_the_network_is_computed_once_for_the_same_symbols_and_prices(sample, config, tmp_path, monkeypatch):
    computed = []

    def counted(*words, **more):
        computed.append(1)
        return market_network(*words, **more)

    monkeypatch.setattr(market_route, "market_network", counted)
    store, names = PriceStore(tmp_path / "prices"), ("AAPL", "MSFT", "JPM", "XOM")
    store.update(sample, names, last=date(2022, 12, 29))
    settings = settings_of(tmp_path / "models", tmp_path / "prices", config, runtime_dir=tmp_path / "run")
    with here(settings) as service:
        first = service.get("/market").json()
        assert service.get("/market").json() == first
        assert len(computed) == 2  # now, and a week before
        store.update(sample, names)
        until(lambda: service.get("/market").json()["as_of"] == "2022-12-30", "an answer from newer prices")
        assert (first["as_of"], len(computed)) == ("2022-12-29", 4)
