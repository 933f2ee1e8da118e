"""The service with one more route: the body of one forecast, ever the same, behind the same guards and middleware."""

from __future__ import annotations

import os

from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.routing import APIRoute

from tickgraph.http.application import create_app
from tickgraph.http.logs import configure
from tickgraph.http.server import configuration, listen
from tickgraph.settings import load_settings


def make() -> FastAPI:
    """Build the application from the settings of the environment."""
    app, body = create_app(load_settings()), b""

    async def constant() -> Response:
        """Say the same to everyone."""
        nonlocal body
        if not body:
            answer = await app.state.service.forecast("AAPL", 130.0)
            body = answer.model_dump_json().encode()
        return Response(body, media_type="application/json")

    app.router.routes.insert(0, APIRoute("/constant", constant))  # the first that is tried
    configure()
    return app


if __name__ == "__main__":
    import uvicorn

    settings = load_settings()
    opened = listen("127.0.0.1", int(os.environ["BENCHMARK_PORT"]))
    uvicorn.Server(configuration(make(), settings)).run([opened])
