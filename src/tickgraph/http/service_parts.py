"""What a service consists of: each part, how it is set up, and what the parts tell each other."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from tickgraph.http.current_answer import CurrentAnswer
from tickgraph.http.host import Host
from tickgraph.http.known_symbols import KnownSymbols
from tickgraph.http.metrics import ServiceMetrics
from tickgraph.http.request_threads import RequestThreads
from tickgraph.http.streams import Streams
from tickgraph.http.training_on_demand import TrainingOnDemand
from tickgraph.pipeline.background import Background
from tickgraph.pipeline.jobs import Job
from tickgraph.pipeline.workplace import Workplace
from tickgraph.serving.forecaster import Fallback, Forecaster
from tickgraph.serving.journal import ForecastJournal
from tickgraph.serving.watcher import Watcher
from tickgraph.settings import Settings
from tickgraph.shared.news import ENDED, MODELS, PRICES, Kind

PRICE_SESSIONS = 1_088
"""Sessions of prices in memory, the last ones: no answer looks back further than 1,000 moves of up to 61 sessions. Of
10,000 symbols they take 0.5 GB."""
END_SECONDS = 2.0  # for calls that nobody waits for any more


class ServiceParts:
    """The parts of one process's share of a service.

    Parameters
    ----------
    settings
        Of the service.
    now
        Clock that staleness is measured against; None is the system's.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] | None = None) -> None:
        serve = settings.serve
        self.settings = settings
        self.metrics = ServiceMetrics(serve.symbol_labels)
        self.registry = settings.open_registry()
        self.forecaster = Forecaster(
            self.registry,
            settings.price_store(),
            source=settings.source,
            graph=settings.training,
            max_models=serve.max_models,
            max_bytes=serve.max_megabytes * 1024 * 1024,
            # A request hears in time that storage does not answer, and gives its thread back.
            storage_seconds=max(1.0, 0.8 * serve.request_seconds),
            now=now,
            observer=self.metrics,
            journal=ForecastJournal(settings.operations_dir / "journal", now),
            price_sessions=PRICE_SESSIONS,
        )
        self.known_symbols = KnownSymbols(self.forecaster.catalogue, settings.source)
        self.streams = Streams(serve.max_streams)
        self.market = CurrentAnswer()
        self.watcher = Watcher(
            self.forecaster, poll_seconds=serve.poll_seconds, on_change=self.streams.changed
        )
        self.host = Host(settings.shared_space, self._heard)
        self.background = Background(
            Workplace(
                models_dir=settings.models_dir.absolute(),
                prices_dir=settings.prices_dir.absolute(),
                source=settings.source,
                source_path=settings.source_path,
                peer_pool=settings.peer_pool,
                training=settings.training,
                aliases=settings.aliases,
                access=settings.access,
                exchange=settings.exchange,
                shared=settings.shared_space,
            ),
            settings.runtime_dir.absolute(),
            workers=serve.training_workers,
            max_waiting=serve.max_jobs,
            grace_seconds=serve.drain_seconds,
            on_end=self._job_ended,
            claims=self.host.claims,
        )
        self.metrics.attach(
            self.forecaster,
            self.watcher,
            lambda: self.background.waiting,
            settings.operations_dir,
            jobs_elsewhere=lambda: len(self.background.elsewhere),
            shared_away=lambda: self.host.away is not None,
        )
        # Training goes on beside the request. Meanwhile momentum answers, or nothing does.
        self.fallback: Fallback = "none" if settings.fallback == "none" else "momentum"
        self.now = now or (lambda: datetime.now(UTC))
        self.started_at = datetime.now(UTC)
        self.threads = RequestThreads(serve, self.metrics)
        self.training = TrainingOnDemand(serve, self.background, self.watcher, self.threads)

    def start(self) -> None:
        """Read the catalogue and begin to watch."""
        if self.metrics.files is not None:
            self.metrics.files.start()
        self.background.start()
        self.watcher.start()
        self.host.start()

    def stop(self) -> None:
        """Stop watching and working; calls that run may end, unless they hang."""
        self.background.close()
        self.threads.close(END_SECONDS)
        self.watcher.stop()
        self.host.stop()
        self.forecaster.close()
        if self.metrics.files is not None:
            self.metrics.files.stop(END_SECONDS)

    def _job_ended(self, job: Job, compilations: int) -> None:
        self.metrics.job_ended(job, compilations)
        self.streams.job(job)
        self.forecaster.catalogue.ask_anew()  # now: whoever waited for the job looks for its model next
        self.watcher.nudge()

    def _heard(self, kinds: Collection[Kind]) -> None:
        """Follow news of other processes and hosts."""
        if ENDED in kinds:
            self.background.elsewhere.look()
        if MODELS in kinds or PRICES in kinds:
            self.watcher.nudge()
