"""The application: its routes, their guards, and the middleware around them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

import tickgraph
from tickgraph.http import (
    chain_file_route,
    dashboard,
    event_routes,
    fan_routes,
    forecast_routes,
    market_route,
    operations_page,
    operator_routes,
    option_routes,
    overview_routes,
    problem,
    reliability_route,
    strategy_routes,
    symbol_routes,
    template_routes,
    tracing,
)
from tickgraph.http.guards import guards, only_known_query
from tickgraph.http.middleware import Admission, Envelope
from tickgraph.http.proxy import BehindProxies
from tickgraph.http.service import Service
from tickgraph.settings import Settings

DESCRIPTION = """Forecasts of the next session's close from one small graph neural network per symbol, trained
ahead; each with a calibrated interval and probability, and with where its prices and its model came from.
Errors are problem details (RFC 9457)."""


def create_app(settings: Settings, *, now: Callable[[], datetime] | None = None) -> FastAPI:
    """Build the application; its service starts and stops with it, and measures staleness against the clock ``now``."""
    serve = settings.serve
    service = Service(settings, now)

    @contextlib.asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(service.start)  # storage may hang: a signal must be heard
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # Redis may hang; what else is to be ended must be ended
                await service.host.counters.close()
            await asyncio.to_thread(service.stop)  # the loop stays free: a second signal must be heard
            if serve.tracing:
                await asyncio.to_thread(tracing.flush)

    app = FastAPIOffline(  # /docs with its scripts from here: no browser need ask a stranger for them
        title="tickgraph",
        version=tickgraph.__version__,
        description=DESCRIPTION,
        lifespan=running,
        middleware=_middleware(service),
        redirect_slashes=False,
    )
    app.state.service = service
    problem.install(app)
    _include_routes(app, service)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    if serve.tracing:
        tracing.trace(app)
    return app


def _middleware(service: Service) -> list[Middleware]:
    """What is around every request, the outermost first."""
    serve = service.settings.serve
    around = [
        Middleware(BehindProxies, root_path=serve.root_path, trusted=serve.trusted_proxies),
        Middleware(Envelope, metrics=service.metrics, log_all=serve.access_log),
    ]
    if serve.cors_origins:
        around.append(
            Middleware(
                CORSMiddleware,
                allow_origins=serve.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                expose_headers=["X-Request-Id", "Retry-After"],
            )
        )
    exempt = (*operator_routes.PATHS, event_routes.PATH)  # streams have a bound of their own
    around.append(Middleware(Admission, metrics=service.metrics, bound=serve.max_in_flight, exempt=exempt))
    return around


def _include_routes(app: FastAPI, service: Service) -> None:
    """Add every route, behind its guards."""
    serve, counters = service.settings.serve, service.host.counters
    public = guards(serve.api_keys, serve.rate_limit, counters=counters)
    strict = Depends(only_known_query)
    app.state.guards = public
    app.router.routes.insert(0, forecast_routes.PlainRoute(public))  # the first that is tried
    app.router.routes.insert(1, option_routes.ChainRoute(public))
    app.include_router(forecast_routes.router, dependencies=[*public, strict])
    for routes in (
        chain_file_route,
        strategy_routes,
        template_routes,
        fan_routes,
        symbol_routes,
        reliability_route,
        overview_routes,
        market_route,
        operations_page,
        event_routes,
    ):
        app.include_router(routes.router, dependencies=[*public, strict])
    app.include_router(operator_routes.health)
    app.include_router(dashboard.router)
    if serve.admin_token is not None:
        only_admin = guards((), serve.rate_limit, serve.admin_token, counters)
        app.include_router(operator_routes.admin, dependencies=[*only_admin, strict])


def _document(app: FastAPI) -> dict[str, Any]:
    """OpenAPI document; routes name the schema of problems and do not return it, so it is added."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        document["components"]["schemas"]["Problem"] = problem.PROBLEM_SCHEMA
        app.openapi_schema = document
    return app.openapi_schema
