"""``GET /forecast/{symbol}/templates``."""

from __future__ import annotations

import pytest

from made_outlooks import with_horizons
from real_service import here, settings_of
from tickgraph.client import Client, Templates
from tickgraph.http.responses import TemplatesAnswer
from tickgraph.options.templates import TEMPLATES

ROUTE = "/forecast/AAPL/templates"


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    """A service whose model of AAPL forecasts every horizon; that of XOM the next session."""
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path_factory.mktemp("runtime"))
    with pytest.MonkeyPatch.context() as patch:
        with_horizons(patch, ("AAPL",))
        with here(settings) as running:
            yield running


def test_the_legs_of_every_template_are_what_the_route_of_strategies_takes(service):
    answer = service.get(f"{ROUTE}?expiry=2023-01-20&price=130").json()
    assert [each["name"] for each in answer["templates"]] == list(TEMPLATES)
    for each in answer["templates"]:
        body = {"legs": each["legs"], "price": 130}
        asked = service.post("/forecast/AAPL/strategy", json=body)
        assert asked.status_code == 200, (each["name"], asked.text)


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("", 422, "Give either sessions"),
        ("?expiry=2023-01-21", 422, "expiry 2023-01-21 is no session of XNYS"),
        ("?sessions=64", 422, "sessions"),
        ("?sessions=5&when=now", 422, "when"),
    ],
)
def test_what_cannot_be_struck_is_refused_with_its_reason(service, query, status, detail):
    answer = service.get(ROUTE + query)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_a_symbol_that_forecasts_one_session_has_templates_of_that_one(service):
    assert service.get("/forecast/XOM/templates?sessions=5").status_code == 404
    names = [each["name"] for each in service.get("/forecast/XOM/templates?sessions=1").json()["templates"]]
    assert names == [name for name in TEMPLATES if name != "calendar"]


def test_the_client_asks_the_same(service):
    with Client(service.url) as client:
        answer = client.templates("aapl", expiry="2023-01-20", price=130.0)
    assert isinstance(answer, Templates)
    assert Templates is TemplatesAnswer
    assert answer.model_dump(mode="json") == service.get(f"{ROUTE}?expiry=2023-01-20&price=130").json()
