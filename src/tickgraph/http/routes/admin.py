"""Administration: refresh, retrain, forget; jobs and how far they are. Only where a token is configured."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.exceptions import HTTPException

from tickgraph.http.routes.documented import Symbol, problems, service_of
from tickgraph.http.schema import ClearedAnswer, JobsAnswer
from tickgraph.market.universe import canonical
from tickgraph.pipeline.jobs import Job

router = APIRouter(prefix="/admin", tags=["admin"])


@router.post("/refresh", status_code=202, responses=problems())
async def refresh(request: Request) -> Job:
    """Publish every model's correlations as of the newest stored session, in the background."""
    service = service_of(request)
    job, _ = await service.in_thread(service.background.publish_correlations)
    return job


@router.post("/retrain/{symbol}", status_code=202, responses=problems(404, 422))
async def retrain(request: Request, symbol: Symbol) -> Job:
    """Train a symbol on the stored prices and publish it, in the background; requests see it when it is whole."""
    service = service_of(request)
    name = canonical(symbol)

    def submit() -> Job:
        service.must_be_known(name)
        return service.background.train(name, service.background.basis(name))

    job, _ = await service.in_thread(submit)
    return job


@router.post("/cache/clear", responses=problems())
async def clear(request: Request) -> ClearedAnswer:
    """Forget all models and prices in this process's memory; each is read again when it is asked for."""
    service = service_of(request)
    count, _ = await service.in_thread(service.forecaster.clear)
    return ClearedAnswer(models=count)


@router.get("/jobs", responses=problems())
async def jobs(request: Request) -> JobsAnswer:
    """List the background jobs, the newest first."""
    service = service_of(request)
    found, _ = await service.in_thread(service.background.board.all)
    return JobsAnswer(jobs=found)


@router.get("/jobs/{job_id}", responses=problems(404, 422))
async def job(
    request: Request, job_id: Annotated[str, Path(pattern=r"^[0-9a-f-]{1,64}$", description="Id of a job.")]
) -> Job:
    """Say how far a job is."""
    service = service_of(request)
    found, _ = await service.in_thread(lambda: service.background.board.read(job_id))
    if found is None:
        raise HTTPException(404, f"No job {job_id}")
    return found
