from __future__ import annotations

import json
import re

import pytest

from real_service import ADMIN, TOKEN, here, settings_of

KEY = "a-key-of-tests-0001"
OTHER = "a-key-of-tests-0002"


@pytest.fixture
def open_here(registry, prices_dir, config):
    def make(**serve):
        return here(settings_of(registry.root, prices_dir, config, **serve))

    return make


def test_with_keys_configured_one_is_needed(open_here):
    with open_here(api_keys=(KEY, OTHER)) as service:
        for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": ""}, {"x-api-key": KEY[:-1]}):
            answer = service.get("/forecast/AAPL", headers=headers)
            assert answer.status_code == 401
            assert answer.json()["type"] == "urn:tickgraph:problem:unauthorised"
            assert "www-authenticate" in answer.headers
        for key in (KEY, OTHER):
            assert service.get("/forecast/AAPL", headers={"x-api-key": key}).status_code == 200
        for path in ("/symbols", "/symbols/AAPL", "/forecast/all", "/forecast/AAPL/probability?strike=1"):
            assert service.get(path).status_code == 401, path
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert service.get(path).status_code == 200, path


def test_a_warm_forecast_is_guarded_as_any_other_and_counted_once(open_here):
    with open_here(rate_limit="4/hour", api_keys=(KEY,)) as service:
        mine = {"x-api-key": KEY}
        for _ in range(2):
            assert service.get("/forecast/AAPL", headers=mine).status_code == 200
        assert service.service.forecaster.peek("AAPL") is not None
        assert service.get("/forecast/AAPL", headers={"x-api-key": "wrong"}).status_code == 401
        for _ in range(2):
            assert service.get("/forecast/AAPL", headers=mine).status_code == 200
        assert service.get("/forecast/AAPL", headers=mine).status_code == 429


def test_admin_needs_the_token_and_a_key_is_none(open_here):
    with open_here(admin_token=TOKEN, api_keys=(KEY,)) as service:
        tries = (
            {},
            {"x-api-key": KEY},
            {"authorization": "Bearer wrong"},
            {"authorization": f"Basic {TOKEN}"},
        )
        for headers in tries:
            answer = service.post("/admin/cache/clear", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert service.post("/admin/cache/clear", headers=ADMIN).status_code == 200


def test_without_a_token_there_is_no_admin(service):
    for path in ("/admin/correlations", "/admin/refresh", "/admin/retrain/AAPL", "/admin/cache/clear"):
        assert service.post(path, headers=ADMIN).status_code == 404


def test_a_client_beyond_its_rate_is_refused_and_told_when_to_return(open_here):
    with open_here(rate_limit="5/hour", api_keys=(KEY, OTHER)) as service:
        mine = {"x-api-key": KEY}
        for _ in range(5):
            assert service.get("/forecast/AAPL", headers=mine).status_code == 200
        answer = service.get("/forecast/AAPL", headers=mine)
        assert answer.status_code == 429
        assert answer.json()["type"] == "urn:tickgraph:problem:rate-limited"
        assert 1 <= int(answer.headers["retry-after"]) <= 7200
        assert service.get("/symbols", headers=mine).status_code == 429  # of one client, whatever it asks
        assert service.get("/forecast/AAPL", headers={"x-api-key": OTHER}).status_code == 200
        assert service.get("/health/live").status_code == 200


def test_inventing_keys_does_not_get_round_the_rate(open_here):
    with open_here(rate_limit="5/hour", api_keys=(KEY,)) as service:
        statuses = [
            service.get("/forecast/AAPL", headers={"x-api-key": f"guess-{n}"}).status_code for n in range(7)
        ]
        assert statuses == [401] * 5 + [429] * 2


def test_every_answer_has_an_id_and_security_headers(service):
    for path in ("/forecast/AAPL", "/forecast/APPL", "/nowhere", "/metrics"):
        headers = service.get(path).headers
        assert len(headers["x-request-id"]) == 16
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


@pytest.mark.parametrize(
    ("page", "script"), [("/docs", "swagger-ui-bundle.js"), ("/redoc", "redoc.standalone.js")]
)
def test_the_pages_of_documentation_need_nobody_else(service, page, script):
    answer = service.get(page)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert any(path.endswith(script) for path in loaded)
    for path in loaded:
        assert path.startswith("/"), "from this service, whose policy lets nothing else in"
        assert service.get(path).status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "http" not in policy


def test_a_callers_id_is_kept_if_it_is_harmless(service):
    assert (
        service.get("/health/live", headers={"x-request-id": "job-7.a_B"}).headers["x-request-id"]
        == "job-7.a_B"
    )
    for bad in ("a b", "x" * 65, "<script>"):
        assert service.get("/health/live", headers={"x-request-id": bad}).headers["x-request-id"] != bad


def test_cors_is_off_by_default_and_only_for_the_origins_named(service, open_here):
    asked = {"origin": "https://app.example", "access-control-request-method": "GET"}
    assert "access-control-allow-origin" not in service.get("/forecast/AAPL", headers=asked).headers
    with open_here(cors_origins=("https://app.example",)) as opened:
        allowed = opened.get("/forecast/AAPL", headers=asked).headers
        assert allowed["access-control-allow-origin"] == "https://app.example"
        stranger = opened.get("/forecast/AAPL", headers={"origin": "https://evil.example"}).headers
        assert "access-control-allow-origin" not in stranger


def test_secrets_are_in_no_answer_and_no_setting_that_is_printed(open_here):
    with open_here(admin_token=TOKEN, api_keys=(KEY,)) as service:
        for path in ("/openapi.json", "/metrics", "/forecast/AAPL"):
            text = service.get(path).text
            assert TOKEN not in text
            assert KEY not in text
        shown = repr(service.service.settings) + json.dumps(service.service.settings.model_dump(mode="json"))
        assert TOKEN not in shown
        assert KEY not in shown
