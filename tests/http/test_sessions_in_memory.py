"""How much of the prices a service keeps in memory, and what it reads for those who ask for more."""

from __future__ import annotations

from tickgraph.http.service_parts import PRICE_SESSIONS


def test_a_service_keeps_the_last_sessions_and_answers_about_all(service):
    service.get("/forecast/all")
    panel = service.service.forecaster.panels.peek("sample")
    assert len(panel.sessions) == PRICE_SESSIONS
    body = service.get("/symbols/AAPL/prices?sessions=2000").json()
    assert len(body["sessions"]) == 2000
    told = service.get("/symbols/AAPL").json()
    assert told["sessions"] > PRICE_SESSIONS
    assert told["first_session"] == "2014-01-02"
    assert service.service.forecaster.panels.peek("sample") is panel  # what was read is not kept
