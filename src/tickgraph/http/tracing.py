"""OpenTelemetry traces: one span a request, sent where the standard OTEL_ variables say (extra ``otel``)."""

from __future__ import annotations

import os

from fastapi import FastAPI

from tickgraph.errors import InputError
from tickgraph.extras import lacking

FLUSH_MILLISECONDS = 5_000

# Whole addresses: a host may be called metrics.
_UNTRACED = r"^https?://[^/]+/(health/live|health/ready|metrics)$"


def must_be_installed() -> None:
    """Raise :class:`InputError` where OpenTelemetry is not installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http
        import opentelemetry.instrumentation.fastapi
        import opentelemetry.sdk  # noqa: F401
    except ImportError as error:
        raise InputError(lacking("Tracing", "otel", error)) from error


def trace(app: FastAPI) -> None:
    """Trace the application's requests, but not those for health and metrics.

    Spans go by OTLP over HTTP to ``OTEL_EXPORTER_OTLP_ENDPOINT`` (http://localhost:4318), or to stdout with
    ``OTEL_TRACES_EXPORTER=console``. A provider of traces that the process already has is used as it is.

    Raises
    ------
    InputError
        OpenTelemetry is not installed.
    """
    must_be_installed()
    from opentelemetry import trace as api
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    if isinstance(api.get_tracer_provider(), api.ProxyTracerProvider):
        _provide()
    FastAPIInstrumentor.instrument_app(app, excluded_urls=_UNTRACED)


def flush() -> None:
    """Send the spans that still wait: one of several processes ends without the interpreter's exit."""
    from opentelemetry import trace as api
    from opentelemetry.sdk.trace import TracerProvider

    provider = api.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(FLUSH_MILLISECONDS)


def _provide() -> None:
    from opentelemetry import trace as api
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "tickgraph"}
    provider = TracerProvider(resource=Resource.create(named))
    to_console = os.environ.get("OTEL_TRACES_EXPORTER") == "console"
    provider.add_span_processor(
        BatchSpanProcessor(ConsoleSpanExporter() if to_console else OTLPSpanExporter())
    )
    api.set_tracer_provider(provider)
