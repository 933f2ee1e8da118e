"""Health and metrics, for those who watch the service."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from tickgraph.http.problem import MEDIA_TYPE, respond
from tickgraph.http.routes.documented import service_of
from tickgraph.http.schema import HealthAnswer, Problem

router = APIRouter(tags=["operations"])

PATHS = ("/health/live", "/health/ready", "/metrics")


@router.head("/health/live", include_in_schema=False)
@router.get("/health/live")
async def live() -> HealthAnswer:
    """Say that the process answers; restart it if it does not."""
    return HealthAnswer(status="live")


@router.head("/health/ready", include_in_schema=False)
@router.get(
    "/health/ready",
    response_model=HealthAnswer,
    responses={
        503: {
            "description": "Not ready; see Retry-After",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
)
async def ready(request: Request) -> Response:
    """Say whether requests should be sent here: the catalogue of models can be read."""
    service = service_of(request)
    if service.watcher.fault is not None:
        return respond(
            Problem(
                type="urn:tickgraph:problem:not-ready",
                title="Not ready",
                status=503,
                detail=service.watcher.fault,
                instance=request.url.path,
                request_id=request.scope.get("request_id"),
            )
        )
    answer = HealthAnswer(
        status="ready",
        models=len(service.forecaster.symbols()),
        models_in_memory=len(service.forecaster.models),
        started_at=service.started_at,
    )
    return JSONResponse(answer.model_dump(mode="json"))


@router.get("/", include_in_schema=False)
async def root(request: Request) -> RedirectResponse:
    """Send a person who opens the service's address to its documentation."""
    return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        503: {
            "description": "The processes' metrics cannot be kept or read; see Retry-After",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
    },
)
async def metrics(request: Request) -> Response:
    """Metrics in Prometheus's text format."""
    return Response(service_of(request).metrics.expose(), media_type=CONTENT_TYPE_LATEST)
