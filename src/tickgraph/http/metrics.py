"""What a service counts and measures, and the text that Prometheus reads of it.

Only a symbol that has a model has a label, and only while there are few such symbols. All others are counted under
``_other``, so that no caller can make the number of series grow.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
from prometheus_client import (
    CollectorRegistry,
    Metric,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from tickgraph.errors import LaterArtefactError, StorageError
from tickgraph.http.instruments import Instruments
from tickgraph.http.operation_metrics import OperationMetrics
from tickgraph.pipeline.jobs import Job
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.observer import Observer
from tickgraph.serving.watcher import Watcher

OTHER = "_other"


class ServiceMetrics(Instruments, Observer):
    """Counts what happens in a service; symbols have labels while at most ``symbol_labels`` of them are trained."""

    def __init__(self, symbol_labels: int = 100) -> None:
        super().__init__()
        self._symbol_labels = symbol_labels
        self._serving: tuple[Forecaster, Watcher] | None = None
        self._aged: set[str] = set()  # labels of the models in memory
        self._reading = threading.Lock()  # the watcher and a scrape may read at one time
        self._jobs_waiting: Callable[[], int] = lambda: 0
        self._jobs_elsewhere: Callable[[], int] = lambda: 0
        self._shared_away: Callable[[], bool] = lambda: False
        self.operations = OperationMetrics(self._registry, multiprocess=self.files is not None)
        self._cached = self.latency.labels("true")
        self._computed = self.latency.labels("false")

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
