"""Prometheus metrics of a service: the names that dashboards already know, and what an operator needs.

Only a symbol that has a model has a label, and only while there are few such symbols. All others are counted under
``_other``, so that no caller can make the number of series grow.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from tickgraph.errors import LaterArtefactError, StorageError
from tickgraph.http.operation_metrics import OperationMetrics
from tickgraph.http.shared_metrics import choose_values
from tickgraph.pipeline.jobs import Job
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.observer import Observer
from tickgraph.serving.watcher import Watcher

OTHER = "_other"

# Edges at the objectives: 1 ms and 5 ms inside, 25 ms at the 95th percentile, 50 ms for a first load, 2 s alert.
SECONDS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0,
)  # fmt: skip


class ServiceMetrics(Observer):
    """Counts what happens in a service; symbols have labels while at most ``symbol_labels`` of them are trained."""

    def __init__(self, symbol_labels: int = 100) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge beside every counter, which nobody asks for
        self.files = choose_values()  # None for a process that shares its metrics with none
        self._registry = CollectorRegistry()
        self._symbol_labels = symbol_labels
        self._serving: tuple[Forecaster, Watcher] | None = None
        self._aged: set[str] = set()  # labels of the models in memory
        self._reading = threading.Lock()  # the watcher and a scrape may read at one time
        self._jobs_waiting: Callable[[], int] = lambda: 0
        self._jobs_elsewhere: Callable[[], int] = lambda: 0
        self._shared_away: Callable[[], bool] = lambda: False

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self._registry)

        def gauge(name: str, text: str, *labels: str, mode: str = "livesum") -> Gauge:
            return Gauge(name, text, labels, registry=self._registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        def histogram(name: str, text: str, *labels: str, edges: Sequence[float] = SECONDS) -> Histogram:
            return Histogram(name, text, labels, registry=self._registry, buckets=edges)

        self.latency = histogram(
            "gnn_prediction_latency_seconds", "Time of a forecast inside the service.", "cached"
        )
        self.hits = counter("gnn_cache_hits", "Models found in memory.", "symbol")
        self.misses = counter("gnn_cache_misses", "Models that had to be loaded.", "symbol")
        self.staleness = gauge(
            "gnn_model_staleness_hours",
            "Hours since a model in memory was trained.",
            "symbol",
            mode="livemostrecent",
        )
        self.loads = counter("gnn_model_loads", "Generations loaded and verified.")
        self.load_seconds = histogram("gnn_model_load_seconds", "Time to read and verify a generation.")
        self.verification_failures = counter(
            "gnn_verification_failures", "Generations that could not be read or verified.", "symbol"
        )
        self.refused_models = gauge(
            "gnn_models_refused", "Symbols whose current generation is not in service."
        )
        self.evictions = counter("gnn_cache_evictions", "Models that made room for others.")
        self.eviction_idle = histogram(
            "gnn_cache_eviction_idle_seconds",
            "How long nobody had asked for an evicted model.",
            edges=(1, 10, 60, 600, 3600, 86400),
        )
        self.models = gauge("gnn_cache_models", "Models in memory.")
        self.bytes = gauge("gnn_cache_bytes", "Bytes of the models in memory.")
        self.idle = gauge(
            "gnn_cache_idle_seconds",
            "How long nobody asked for the least recently used model; seconds: the cache is too small.",
        )
        self.fallbacks = counter("gnn_fallbacks", "Momentum forecasts computed, by reason.", "reason")
        self.forecasts_logged = counter("gnn_forecasts_logged", "Forecasts written to the journal.")
        self.journal_dropped = counter(
            "gnn_journal_dropped", "Forecasts that could not be written to the journal."
        )
        self.correlations = counter(
            "gnn_correlations_computed",
            "Correlations computed since the stored ones were not fresh.",
            "reason",
        )
        self.computations = histogram("gnn_compute_seconds", "Time of one network call, features included.")
        self.batch = histogram(
            "gnn_batch_symbols",
            "Symbols of one network call.",
            edges=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
        )
        self.compilations = counter("gnn_compilations", "Training programs compiled by worker processes.")
        self.jobs = counter("gnn_jobs", "Background jobs that ended.", "kind", "state")
        self.jobs_waiting = gauge("gnn_jobs_waiting", "Background jobs queued or running.")
        self.jobs_elsewhere = gauge(
            "gnn_jobs_elsewhere", "Of these, trainings that another process or machine does."
        )
        self.in_flight = gauge("gnn_requests_in_flight", "Requests in work.")
        self.queued = gauge("gnn_queue_depth", "Requests that wait for a thread.")
        self.queue_seconds = histogram("gnn_queue_seconds", "Time that requests waited for a thread.")
        self.shed = counter(
            "gnn_requests_shed", "Requests refused with 503: too many in work, or too slow.", "reason"
        )
        self.requests = counter("gnn_http_requests", "Requests by route and status.", "route", "status")
        self.request_seconds = histogram("gnn_http_request_seconds", "Time of a request by route.", "route")
        self.prices_kept_total = counter(
            "gnn_price_read_failures",
            "Changed prices that could not be read; older ones stay in use.",
            "source",
        )
        self.prices_behind = gauge(
            "gnn_price_staleness_sessions",
            "Completed sessions that prices in memory lack.",
            "source",
            mode="livemax",
        )
        self.watch_fault = gauge(
            "gnn_watch_fault",
            "1 while newer models and prices cannot be looked for, 0 otherwise.",
            mode="livemax",
        )
        self.storage_away = gauge(
            "gnn_storage_away",
            "1 while copies on this machine stand in for object storage, 0 otherwise.",
            mode="livemax",
        )
        self.shared_away = gauge(
            "gnn_shared_away",
            "1 while the Redis server that hosts share does not answer, 0 otherwise.",
            mode="livemax",
        )
        self.last_look = gauge(
            "gnn_last_look_timestamp_seconds",
            "When a look for newer models and prices last ended; one that hangs ends no more.",
            mode="livemin",
        )
        self.memory = gauge("gnn_memory_bytes", "Resident memory of the service's processes.")
        self.operations = OperationMetrics(self._registry, multiprocess=self.files is not None)
        self._cached = self.latency.labels("true")
        self._computed = self.latency.labels("false")
        # Known labels exist from the start, so that the first event is an increase and no new series.
        for reason in ("overload", "timeout"):
            self.shed.labels(reason)
        for kind in ("train", "refresh"):
            for state in ("done", "failed"):
                self.jobs.labels(kind, state)

    def attach(
        self,
        forecaster: Forecaster,
        watcher: Watcher,
        jobs_waiting: Callable[[], int],
        operations_dir: Path | None = None,
        *,
        jobs_elsewhere: Callable[[], int] = lambda: 0,
        shared_away: Callable[[], bool] = lambda: False,
    ) -> None:
        """Read gauges from this forecaster and its watcher, the jobs, the folder of operations and Redis."""
        self._serving, self._jobs_waiting = (forecaster, watcher), jobs_waiting
        self._jobs_elsewhere, self._shared_away = jobs_elsewhere, shared_away
        if operations_dir is not None:
            self.operations.follow(
                operations_dir, lambda symbol: symbol if self._label(symbol) == symbol else None
            )

    def _label(self, symbol: str) -> str:
        trained = self._serving[0].catalogue.trained if self._serving else ()
        return symbol if symbol in trained and len(trained) <= self._symbol_labels else OTHER

    def hit(self, symbol: str) -> None:
        """Count."""
        self.hits.labels(self._label(symbol)).inc()

    def missed(self, symbol: str) -> None:
        """Count."""
        self.misses.labels(self._label(symbol)).inc()

    def loaded(self, symbol: str, seconds: float) -> None:
        """Count and time."""
        self.loads.inc()
        self.load_seconds.observe(seconds)

    def refused(self, symbol: str, error: Exception) -> None:
        """Count, unless a later release wrote it: no disk and no intruder is at fault."""
        if not isinstance(error, LaterArtefactError):
            self.verification_failures.labels(self._label(symbol)).inc()

    def evicted(self, symbol: str, idle: float) -> None:
        """Count, and note how long nobody had asked for the model."""
        self.evictions.inc()
        self.eviction_idle.observe(idle)

    def computed(self, symbols: int, seconds: float) -> None:
        """Time, and note the size of the batch."""
        self.computations.observe(seconds)
        self.batch.observe(symbols)

    def correlated(self, symbol: str, reason: str) -> None:
        """Count by reason."""
        self.correlations.labels(reason).inc()

    def fell_back(self, symbol: str, reason: str) -> None:
        """Count by reason."""
        self.fallbacks.labels(reason).inc()

    def looked(self) -> None:
        """Bring the gauges up to date: a scrape asks only one of several processes."""
        self.last_look.set_to_current_time()
        self.operations.look()  # here only: no request waits for a file
        self._read_gauges()

    def prices_kept(self, source: str, error: Exception) -> None:
        """Count by source."""
        self.prices_kept_total.labels(source).inc()

    def journaled(self, written: int, dropped: int) -> None:
        """Count."""
        self.forecasts_logged.inc(written)
        self.journal_dropped.inc(dropped)

    def answered(self, seconds: float, *, cached: bool) -> None:
        """Time one forecast."""
        (self._cached if cached else self._computed).observe(seconds)

    def job_ended(self, job: Job, compilations: int) -> None:
        """Count a background job, and how often the training program was compiled for it."""
        self.jobs.labels(job.kind, job.state).inc()
        self.compilations.inc(compilations)

    def expose(self) -> bytes:
        """Text of all metrics, in Prometheus's format; of all processes where there are several.

        Raises
        ------
        StorageError
            The folder that several processes share cannot be written or read.
        """
        self._read_gauges()
        if self.files is None:
            return _text(self._registry)
        self.files.write()
        try:
            return _text(self.files.collector())
        except Exception as error:  # a file that vanished or was cut while it was read
            raise StorageError(
                f"Metrics of all processes cannot be read: {error}. Ask again in a second."
            ) from error

    def _read_gauges(self) -> None:
        with self._reading:
            self.memory.set(psutil.Process().memory_info().rss)
            if self._serving is not None:
                self._read_serving(*self._serving)

    def _read_serving(self, forecaster: Forecaster, watcher: Watcher) -> None:
        models = forecaster.models
        self.jobs_waiting.set(self._jobs_waiting())
        self.jobs_elsewhere.set(self._jobs_elsewhere())
        self.shared_away.set(self._shared_away())
        self.models.set(len(models))
        self.bytes.set(models.nbytes)
        self.idle.set(models.idle_seconds)
        self.refused_models.set(len(models.refusals()))
        self.watch_fault.set(0 if watcher.fault is None else 1)
        self.storage_away.set(0 if forecaster.catalogue.away is None else 1)
        for source, behind in forecaster.sessions_behind().items():
            self.prices_behind.labels(source).set(behind)
        now = datetime.now(UTC)
        held = [(symbol, model.trained_at) for symbol in models.symbols() if (model := models.peek(symbol))]
        oldest: dict[str, datetime] = {}
        if len(forecaster.catalogue.trained) > self._symbol_labels:  # all under one label
            if held:
                oldest = {OTHER: min(trained_at for _, trained_at in held)}
        else:
            for symbol, trained_at in held:
                label = self._label(symbol)
                oldest[label] = min(trained_at, oldest.get(label, trained_at))
        for label, trained_at in oldest.items():
            self.staleness.labels(label).set((now - trained_at).total_seconds() / 3600)
        for label in self._aged - oldest.keys():
            self.staleness.labels(label).set(math.nan)  # several processes' files forget no series
            if self.files is None:
                self.staleness.remove(label)
        self._aged = set(oldest)


def _text(source: CollectorRegistry | MultiProcessCollector) -> bytes:
    registry = CollectorRegistry()
    registry.register(_WithoutTheUnknown(source))
    return generate_latest(registry)


class _WithoutTheUnknown:
    """Metrics without the series of unknown value: of models that have left memory, of runs that never were."""

    def __init__(self, source: CollectorRegistry | MultiProcessCollector) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """Give each metric."""
        for metric in self._source.collect():
            metric.samples = [sample for sample in metric.samples if not math.isnan(sample.value)]
            yield metric
