from __future__ import annotations

from datetime import date

from real_service import EVENING, here, settings_of
from tickgraph.serving.journal_reading import read_journal


def test_a_service_logs_what_it_forecasts_once_per_model_and_prices(registry, prices_dir, config):
    settings = settings_of(registry.root, prices_dir, config, poll_seconds=3600)
    with here(settings) as service:
        for price in (120, 130, 140):
            assert service.get(f"/forecast/AAPL?price={price}").status_code == 200
        answer = service.get("/forecast/MSFT").json()
        assert service.get("/forecast/NKE").json()["status"] == "momentum"
        assert service.metric("gnn_forecasts_logged_total") == 3
        assert service.metric("gnn_journal_dropped_total") == 0

    found = read_journal(settings.operations_dir / "journal").set_index("symbol")
    assert list(found.index) == ["AAPL", "MSFT", "NKE"]
    assert set(found["logged_at"]) == {EVENING}
    msft = found.loc["MSFT"]
    assert msft["generation"] == answer["generation"]
    assert msft["target_session"].date() == date.fromisoformat(answer["target_session"])
    assert abs(msft["predicted_return"] / answer["predicted_return"] - 1) < 1e-6
    likely = answer["intervals"][0]
    assert abs(msft["lower_0.8"] / likely["lower_return"] - 1) < 1e-6


def test_a_service_that_cannot_log_answers_and_counts(registry, prices_dir, config):
    settings = settings_of(registry.root, prices_dir, config, poll_seconds=3600)
    settings.operations_dir.write_text("a file stands where the folder should be")
    with here(settings) as service:
        assert service.get("/forecast/AAPL").json()["status"] == "pre-trained"
        assert service.metric("gnn_journal_dropped_total") == 1
        assert service.metric("gnn_forecasts_logged_total") == 0
