from __future__ import annotations

import pytest

from real_service import here, settings_of

pytest.importorskip("opentelemetry.sdk")


def test_a_request_is_one_span_with_its_route_and_health_is_none(registry, prices_dir, config):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    with here(settings_of(registry.root, prices_dir, config, tracing=True)) as service:
        service.get("/forecast/AAPL")
        service.get("/health/live")
        service.get("/metrics")
    requests = [span for span in exporter.get_finished_spans() if span.kind is trace.SpanKind.SERVER]
    assert [span.name for span in requests] == ["GET /forecast/{symbol}"]
    assert requests[0].attributes["http.route"] == "/forecast/{symbol}"
