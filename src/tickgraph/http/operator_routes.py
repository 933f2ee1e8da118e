"""Routes for whoever runs the service: health, metrics, and administration where a token is configured."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from tickgraph.http.parameters import CurrentService, SymbolInPath
from tickgraph.http.problem import described, problem_at, problems, respond
from tickgraph.http.responses import ClearedAnswer, HealthAnswer, JobsAnswer
from tickgraph.pipeline.jobs import Job

PATHS = ("/health/live", "/health/ready", "/metrics")

health = APIRouter(tags=["operations"])
admin = APIRouter(prefix="/admin", tags=["admin"])


@health.head("/health/live", include_in_schema=False)
@health.get("/health/live")
async def live() -> HealthAnswer:
    """Say that the process answers; restart it if it does not."""
    return HealthAnswer(status="live")


@health.head("/health/ready", include_in_schema=False)
@health.get(
    "/health/ready",
    response_model=HealthAnswer,
    responses={503: described("Not ready; see Retry-After")},
)
async def ready(request: Request, service: CurrentService) -> Response:
    """Say whether requests should be sent here: the catalogue of models can be read, or its copies can."""
    if service.watcher.fault is not None:
        return respond(problem_at(request, "not-ready", "Not ready", 503, service.watcher.fault))
    answer = HealthAnswer(
        status="ready",
        models=len(service.forecaster.symbols()),
        models_in_memory=len(service.forecaster.models),
        started_at=service.started_at,
        storage_away=service.forecaster.catalogue.away,
        shared_away=service.host.away,
    )
    return JSONResponse(answer.model_dump(mode="json"))


@health.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        503: described("The processes' metrics cannot be kept or read; see Retry-After"),
    },
)
async def metrics(service: CurrentService) -> Response:
    """Metrics in Prometheus's text format."""
    return Response(await service.scrape(), media_type=CONTENT_TYPE_LATEST)


@admin.post("/refresh", status_code=202, responses=problems(), deprecated=True, name="refresh")
@admin.post("/correlations", status_code=202, responses=problems())
async def correlations(service: CurrentService) -> Job:
    """Compute and publish every model's correlations as of the newest stored session, in the background.

    `/admin/refresh` is the former name of this route and does the same.
    """
    return await service.in_thread(service.background.publish_correlations)


@admin.post("/retrain/{symbol}", status_code=202, responses=problems(404, 422))
async def retrain(service: CurrentService, symbol: SymbolInPath) -> Job:
    """Train a symbol on the stored prices and publish it, in the background; requests see it when it is whole."""

    def submit() -> Job:
        service.known_symbols.check(symbol)
        return service.background.train(symbol, service.background.basis(symbol), insists=True)

    return await service.in_thread(submit)


@admin.post("/cache/clear", responses=problems())
async def clear(service: CurrentService) -> ClearedAnswer:
    """Forget all models and prices in this process's memory; the next request for each reads it again."""
    return ClearedAnswer(models=await service.in_thread(service.forecaster.clear))


@admin.get("/jobs", responses=problems())
async def jobs(service: CurrentService) -> JobsAnswer:
    """List the background jobs, the newest first."""
    return JobsAnswer(jobs=await service.in_thread(service.background.board.all))


@admin.get("/jobs/{job_id}", responses=problems(404, 422))
async def job(
    service: CurrentService,
    job_id: Annotated[str, Path(pattern=r"^[0-9a-f-]{1,64}$", description="Id of a job.")],
) -> Job:
    """Say how far a job is."""
    known = await service.in_thread(lambda: service.background.board.read(job_id))
    if known is None:
        raise HTTPException(404, f"No job {job_id}")
    return known
