"""The metrics of a service: their names, their texts and their labels.

Prometheus's dashboards and alerts know these names, so none is renamed.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from tickgraph.http.shared_metrics import choose_values

# Edges at the objectives: 1 ms and 5 ms inside, 25 ms at the 95th percentile, 50 ms for a first load, 2 s alert.
SECONDS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0,
)  # fmt: skip


class Instruments:
    """Every metric of one process, in a registry of its own.

    Attributes
    ----------
    files
        Where several processes share their metrics; None for a process that shares them with none.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge beside every counter, which nobody asks for
        self.files = choose_values()  # before the first metric, whose numbers it keeps
        self._registry = CollectorRegistry()

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
        # Known labels exist from the start, so that the first event is an increase and no new series.
        for reason in ("overload", "timeout"):
            self.shed.labels(reason)
        for kind in ("train", "refresh"):
            for state in ("done", "failed"):
                self.jobs.labels(kind, state)
