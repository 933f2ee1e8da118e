"""The service with one more route: a constant body of a forecast's size, behind the same guards and middleware."""

from __future__ import annotations

import os

from fastapi import FastAPI
from fastapi.responses import Response
from fastapi.routing import APIRoute

from tickgraph.http.app import create_app
from tickgraph.http.examples import FORECAST
from tickgraph.http.logs import configure
from tickgraph.http.schema import ForecastAnswer
from tickgraph.http.server import configuration, listen
from tickgraph.settings import load_settings

BODY = ForecastAnswer.model_validate(FORECAST).model_dump_json().encode()


async def constant() -> Response:
    """Say the same to everyone."""
    return Response(BODY, media_type="application/json")


def make() -> FastAPI:
    """Build the application from the settings of the environment."""
    app = create_app(load_settings())
    app.router.routes.insert(0, APIRoute("/constant", constant))  # the first that is tried
    configure()
    return app


if __name__ == "__main__":
    import uvicorn

    settings = load_settings()
    opened = listen("127.0.0.1", int(os.environ["BENCHMARK_PORT"]))
    uvicorn.Server(configuration(make(), settings)).run([opened])
