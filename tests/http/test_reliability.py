"""``GET /symbols/{symbol}/reliability``."""

from __future__ import annotations

from itertools import pairwise

import pytest

from made_outlooks import ahead, record, write_journal
from made_walk_forward import made_horizon_walk_forward
from tickgraph.client import Client
from tickgraph.market.calendar import sessions

ROUTE = "/symbols/AAPL/reliability"
DAYS = sessions("2022-12-19", "2022-12-30")


def test_what_was_logged_stands_beside_what_came(own):
    records = [
        record(as_of=str(day), target=str(following), logged=f"{following}T12:00", **ahead(str(day), 1, 5))
        for day, following in pairwise(DAYS)
    ]
    write_journal(own.service.settings.operations_dir, *records)
    answer = own.get(ROUTE).json()
    assert [(each["sessions"], each["forecasts"]) for each in answer["live"]] == [(1, 8), (5, 4)]
    closes = own.get("/symbols/AAPL/prices?sessions=9").json()["close"]
    inside = sum(abs(later / before - 1) < 0.05 for before, later in pairwise(closes))
    (one, five) = answer["live"]
    assert one["inside"][0] == pytest.approx({**one["inside"][0], "probability": 0.8, "share": inside / 8})
    assert five["last"] == "2022-12-30"
    with Client(own.url) as client:
        assert client.reliability("AAPL").model_dump(mode="json") == answer


def test_a_recorded_evaluation_is_given_and_its_overlap_is_counted(own, monkeypatch):
    known = own.service.forecaster.registry.metadata("AAPL")
    evaluated = made_horizon_walk_forward(known.training_config, ("AAPL", "MSFT"))
    monkeypatch.setattr(
        own.service.forecaster.registry,
        "metadata",
        lambda name: known.model_copy(update={"evaluation_by_horizon": evaluated}),
    )
    answer = own.get(ROUTE).json()
    assert answer["live"] == []
    found = answer["evaluated"]
    assert (found["symbols"], found["forecaster"]) == (2, evaluated.forecaster)
    assert [str(each["sessions"]) for each in found["horizons"]] == sorted(evaluated.figures, key=int)
    for each in found["horizons"]:
        assert [one["share"] for one in each["inside"]] == [0.797, 0.941]
        assert each["independent"] <= each["forecasts"]
        assert each["below"] == []


def test_a_symbol_without_a_past_says_so_and_an_unknown_one_is_refused(service):
    answer = service.get("/symbols/AMZN/reliability").json()
    assert (answer["symbol"], answer["live"], answer["evaluated"]) == ("AMZN", [], None)
    assert service.get("/symbols/APPL/reliability").status_code == 404
