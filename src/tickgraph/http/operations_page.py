"""The route behind the page of operations: memory, latency, freshness, refreshes, live quality, what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from fastapi import APIRouter
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

import tickgraph
from tickgraph.http.page_answers import Latency, OperationsAnswer, Run, SourceFreshness
from tickgraph.http.parameters import CurrentService
from tickgraph.http.problem import problems
from tickgraph.http.service import Service
from tickgraph.operations.leader import leader_in_words
from tickgraph.operations.records import LiveQuality
from tickgraph.operations.watch import RunSummary
from tickgraph.registry.freshness import MODEL_AGE
from tickgraph.wording import counted, listed

RUNS = 30
QUANTILES = (0.5, 0.95, 0.99)

router = APIRouter(tags=["operations"])


@router.get("/operations", responses=problems())
async def operations(service: CurrentService) -> OperationsAnswer:
    """Say how the service stands: memory, latency, freshness, refreshes, live quality, and what is wrong.

    `/metrics` has the same counts for Prometheus, whose alerts look at their course over time.
    """
    text = (await service.scrape()).decode()
    return await service.in_thread(lambda: _operations(service, _Metrics(text)))


class _Metrics:
    """Samples of all metrics, by name."""

    def __init__(self, text: str) -> None:
        self._samples: dict[str, list[Sample]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append(sample)

    def of(self, name: str, **labels: str) -> list[Sample]:
        return [one for one in self._samples.get(name, []) if labels.items() <= one.labels.items()]

    def total(self, name: str, **labels: str) -> int:
        return round(sum(sample.value for sample in self.of(name, **labels)))

    def by(self, name: str, key: Callable[[Sample], str]) -> dict[str, int]:
        sums: dict[str, float] = {}
        for sample in self.of(name):
            sums[key(sample)] = sums.get(key(sample), 0.0) + sample.value
        return {label: round(value) for label, value in sorted(sums.items())}


def _operations(service: Service, metrics: _Metrics) -> OperationsAnswer:
    forecaster, now = service.forecaster, service.now()
    runs, quality = service.metrics.operations.seen()
    loaded = [model for symbol in forecaster.models.symbols() if (model := forecaster.models.peek(symbol))]
    sources = tuple(_sources(service))
    return OperationsAnswer(
        at=datetime.now(UTC),
        started_at=service.started_at,
        version=tickgraph.__version__,
        problems=tuple(_problems(service, sources, runs, quality)),
        models=len(forecaster.symbols()),
        models_in_memory=metrics.total("gnn_cache_models"),
        model_bytes=metrics.total("gnn_cache_bytes"),
        cache_hits=metrics.total("gnn_cache_hits_total"),
        cache_misses=metrics.total("gnn_cache_misses_total"),
        old_models=sum(now - model.trained_at > MODEL_AGE for model in loaded),
        memory_bytes=metrics.total("gnn_memory_bytes"),
        latency=tuple(_latency(metrics, cached) for cached in (True, False)),
        requests=metrics.by("gnn_http_requests_total", lambda sample: f"{sample.labels['status'][0]}xx"),
        refused=metrics.by("gnn_requests_shed_total", lambda sample: sample.labels["reason"]),
        in_flight=metrics.total("gnn_requests_in_flight"),
        waiting=metrics.total("gnn_queue_depth"),
        streams=len(service.streams),
        jobs_waiting=metrics.total("gnn_jobs_waiting"),
        jobs=metrics.by("gnn_jobs_total", lambda sample: sample.labels["state"]),
        sources=sources,
        refreshing=leader_in_words(service.registry, service.settings.operations_dir),
        runs=tuple(Run.of(run) for run in runs[:RUNS]),
        quality=quality,
    )


def _latency(metrics: _Metrics, cached: bool) -> Latency:
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for sample in metrics.of("gnn_prediction_latency_seconds_bucket", cached=str(cached).lower())
    ]
    count = round(max((below for _, below in buckets), default=0.0))
    median, p95, p99 = (_quantile(buckets, share * count) if count else None for share in QUANTILES)
    return Latency(cached=cached, count=count, median=median, p95=p95, p99=p99)


def _quantile(buckets: list[tuple[float, float]], rank: float) -> float:
    """Where the value of a rank lies: linear inside its bucket, and the last finite edge beyond all of them."""
    edge = before = 0.0
    for upper, below in sorted(buckets):
        if below >= rank:
            finite = upper if upper != float("inf") else edge
            return edge + (finite - edge) * ((rank - before) / (below - before) if below > before else 1.0)
        edge, before = upper, below
    return edge


def _sources(service: Service) -> Iterable[SourceFreshness]:
    for source, behind in sorted(service.forecaster.sessions_behind().items()):
        panel = service.forecaster.panels.peek(source)
        if panel is not None:
            last = panel.sessions[-1].astype(date) if len(panel.sessions) else None
            yield SourceFreshness(
                source=source, symbols=len(panel.symbols), last_session=last, sessions_behind=behind
            )


def _problems(
    service: Service,
    sources: Iterable[SourceFreshness],
    runs: tuple[RunSummary, ...],
    quality: LiveQuality | None,
) -> Iterable[str]:
    if service.watcher.fault is not None:
        yield f"Newer models and prices cannot be looked for: {service.watcher.fault}"
    if (away := service.forecaster.catalogue.away) is not None:
        yield f"Models or prices may not be the newest: {away}"
    if (away := service.host.away) is not None:
        yield away
    for symbol, error in service.forecaster.models.refusals().items():
        yield f"The newest model of {symbol} is not used: {error}"
    for one in sources:
        if one.sessions_behind:
            yield (
                f"Prices of {one.source} lack {counted(one.sessions_behind, 'completed session')}. "
                "Run: tickgraph refresh"
            )
    ended = next((run for run in runs if run.state != "running"), None)
    if ended is not None and ended.state != "done":
        failed = ended.symbols.get("failed", 0)
        of = f" for {counted(failed, 'symbol')}" if failed else ""
        how = "failed" if ended.state == "failed" else "was interrupted"
        yield f"The last refresh {how}{of}. See: tickgraph status"
    if quality is not None:
        for ahead, figures in quality.horizons.items():
            levels = [f"{float(level):.0%}" for level, out in figures.out_of_band.items() if out]
            if levels:
                yield (
                    f"{counted(int(ahead), 'session')} ahead, the {listed(levels)} interval holds more or fewer closes "
                    "than chance explains. Look for bad prices: tickgraph prices check"
                )
        if quality.flagged:
            yield f"Live quality of {listed(sorted(quality.flagged))} left its band. See: tickgraph status"
