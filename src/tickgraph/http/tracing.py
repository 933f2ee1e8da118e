"""OpenTelemetry traces: one span a request, sent where the standard OTEL_ variables say (extra ``otel``)."""

from __future__ import annotations

from fastapi import FastAPI

from tickgraph.errors import InputError


def trace(app: FastAPI) -> None:
    """Trace the application's requests; health and metrics are left out.

    Raises
    ------
    InputError
        OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    except ImportError as error:
        raise InputError('Tracing needs the extra: pip install "tickgraph[otel]".') from error
    FastAPIInstrumentor.instrument_app(app, excluded_urls="health/live,health/ready,metrics")
