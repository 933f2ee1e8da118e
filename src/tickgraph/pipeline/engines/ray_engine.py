"""The engine of many machines: shards of symbols are tasks of a Ray cluster, and this process publishes the models.

Prices and the universe's fit go into Ray's object store once. A task takes them from there, fits its shard with the
programs that its process has compiled, and sends the models back. If a machine dies, Ray gives its tasks to another.
Nothing is lost, since only this process publishes. So the machines need no folder that all of them see.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from tickgraph.errors import ClusterError, InputError, TickgraphError
from tickgraph.extras import lacking
from tickgraph.market.calendar import exchange, use_exchange
from tickgraph.market.spelling import Symbol
from tickgraph.model.fitting import FittedModel
from tickgraph.model.training import TrainingProgram, program_for
from tickgraph.pipeline.engines.local_engine import settle
from tickgraph.pipeline.engines.plan import Plan, Publish
from tickgraph.registry.library_versions import library_versions
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.threads import cores

LARGEST_SHARD = 8
"""Symbols of one task: what a machine that dies leaves to be done again."""
SHARDS_PER_CORE = 2
"""Tasks that Ray knows of at a time, for each core of the cluster: results wait in memory no longer than needed."""
MOST_WAITING = 256
"""Models that may wait to be published before no more are fetched."""
RETRIES = 20
"""Machines that may die under one shard."""
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 10.0

_log = logging.getLogger(__name__)


class RayEngine:
    """Fits on a Ray cluster, which it joins when it is made and leaves when it is closed.

    Parameters
    ----------
    address
        Of a running cluster, such as ``10.0.0.1:6379`` or ``auto``; None starts Ray on this machine.
    workers
        Cores that Ray uses if it is started here; 0 is all of them.

    Raises
    ------
    InputError
        Ray is not installed.
    ClusterError
        The cluster cannot be reached.
    """

    def __init__(self, address: str | None = None, workers: int = 0) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        try:
            import ray
        except ImportError as error:
            raise InputError(
                f"engine: {lacking('Ray', 'ray', error)}, here and on each machine of the cluster."
            ) from None
        self._ray: Any = ray
        self._address = address
        self._stopping = threading.Event()
        self._collector: threading.Thread | None = None
        self._waiting: list[Future[ModelMetadata]] = []
        # Now, since Ray starts processes by forking, and JAX's threads do not live through a fork.
        self._connect(workers or cores())

    def start(
        self, plan: Plan, symbols: Sequence[Symbol], program: TrainingProgram, publish: Publish
    ) -> dict[Future[ModelMetadata], Symbol]:
        """Begin; each symbol's future ends with the metadata of its published model, or with its error."""
        futures: dict[Symbol, Future[ModelMetadata]] = {symbol: Future() for symbol in symbols}
        self._waiting = list(futures.values())
        self._collector = threading.Thread(
            target=self._collect, args=(plan, futures, publish), name="ray-results"
        )
        self._collector.start()
        return {future: symbol for symbol, future in futures.items()}

    def close(self) -> None:
        """Begin nothing more, cancel what has not ended, and leave the cluster."""
        self._stopping.set()
        for future in self._waiting:
            future.cancel()
        if self._collector:
            self._collector.join()
        with contextlib.suppress(Exception):  # it is lost already
            self._ray.shutdown()

    def _connect(self, cores_here: int) -> None:
        where: dict[str, Any] = {"address": self._address}
        if self._address is None:
            where = {"address": "local", "num_cpus": cores_here, "include_dashboard": False}
        own = threading.current_thread() is threading.main_thread()
        terminated = signal.getsignal(signal.SIGTERM)
        try:
            _must_answer(self._address)
            self._ray.init(**where, log_to_driver=False, configure_logging=False)
            if own:  # Ray puts its own handler there, and a run that is told to end would not end in order
                signal.signal(signal.SIGTERM, terminated)
        except Exception as error:
            raise ClusterError(
                f"The Ray cluster at {self._address or 'this machine'} cannot be reached: "
                f"{_first_line(error)}. Look with: ray status --address {self._address or 'auto'}"
            ) from error

    def _collect(self, plan: Plan, futures: dict[Symbol, Future[ModelMetadata]], publish: Publish) -> None:
        try:
            with ThreadPoolExecutor(cores(), "publish") as threads:
                self._run_shards(plan, futures, publish, threads)
        except BaseException as error:  # noqa: BLE001  whoever waits must hear of it
            lost = ClusterError(
                f"The run on the Ray cluster broke off: {_first_line(error)}. "
                "What was published is kept; go on with: tickgraph train --resume"
            )
            for future in futures.values():
                if not future.done():
                    with contextlib.suppress(Exception):  # it is being published
                        future.set_exception(lost)

    def _run_shards(
        self,
        plan: Plan,
        futures: dict[Symbol, Future[ModelMetadata]],
        publish: Publish,
        threads: ThreadPoolExecutor,
    ) -> None:
        ray = self._ray
        fit = ray.remote(num_cpus=1, max_retries=RETRIES)(fit_shard)
        # The plan is pickled once: the universe's prices share memory among the processes of a machine.
        stored, surroundings = ray.put(plan), (exchange(), library_versions())
        shards = deque(shards_of(list(futures), self._cores()))
        running: dict[Any, tuple[Symbol, ...]] = {}
        publishing: set[Future[None]] = set()
        while (shards or running) and not self._stopping.is_set():
            publishing = {each for each in publishing if not each.done()}
            if len(publishing) > MOST_WAITING:  # storage is slower than the cluster
                wait(publishing, LOOK_SECONDS, FIRST_COMPLETED)
                continue
            while shards and len(running) < SHARDS_PER_CORE * self._cores():
                shard = shards.popleft()
                running[fit.remote(stored, shard, *surroundings)] = shard
            done, _ = ray.wait(list(running), num_returns=1, timeout=LOOK_SECONDS)
            for task in done:
                shard = running.pop(task)
                for symbol, outcome in self._outcomes(task, shard):
                    if futures[symbol].set_running_or_notify_cancel():
                        if isinstance(outcome, FittedModel) and plan.universe:
                            outcome = replace(outcome, universe=plan.universe.fit)
                        publishing.add(threads.submit(settle, publish, futures[symbol], outcome))
        for task in running:
            ray.cancel(task)

    def _outcomes(
        self, task: Any, shard: Sequence[Symbol]
    ) -> Sequence[tuple[Symbol, FittedModel | BaseException]]:
        try:
            outcomes: Sequence[tuple[Symbol, FittedModel | BaseException]] = self._ray.get(task)
            return outcomes
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause if isinstance(error.cause, Exception) else error
            return [(symbol, cause) for symbol in shard]
        except self._ray.exceptions.RayError as error:
            lost = TickgraphError(f"Ray gave its shard up: {_first_line(error)}")
            return [(symbol, lost) for symbol in shard]

    def _cores(self) -> int:
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))


def shards_of(symbols: Sequence[Symbol], cores: int) -> list[tuple[Symbol, ...]]:
    """Cut symbols into shards: at least four for each core, so that all cores end at about the same time."""
    size = max(1, min(LARGEST_SHARD, len(symbols) // (4 * cores)))
    return [tuple(symbols[first : first + size]) for first in range(0, len(symbols), size)]


def fit_shard(
    plan: Plan,
    symbols: Sequence[Symbol],
    exchange_name: str,
    versions: Mapping[str, str],
) -> list[tuple[Symbol, FittedModel | Exception]]:
    """Fit a shard on a machine of the cluster.

    Parameters
    ----------
    plan, symbols
        What is fitted.
    exchange_name
        In force where the run began.
    versions
        Of the libraries there.

    Returns
    -------
    list
        Each symbol's model without the universe's fit, which the caller has; or its error.

    Raises
    ------
    ClusterError
        This machine has other versions, with which the models would differ.
    """
    own = library_versions()
    other = [
        f"{name} {own.get(name)} (not {want})" for name, want in versions.items() if own.get(name) != want
    ]
    if other:
        raise ClusterError(
            f"A machine of the cluster has {', '.join(other)}: its models would differ. "
            "Install the same versions on all machines."
        )
    use_exchange(exchange_name)
    program = program_for(plan.config)
    outcomes: list[tuple[Symbol, FittedModel | Exception]] = []
    for symbol in symbols:
        try:
            outcomes.append((symbol, replace(plan.fit(symbol, program), universe=None)))
        except (TickgraphError, ArithmeticError, ValueError) as error:
            outcomes.append((symbol, error))
        except Exception as error:  # noqa: BLE001  it fails this symbol
            _log.exception("fitting %s failed", symbol)
            outcomes.append((symbol, RuntimeError(f"{type(error).__name__}: {error}")))  # some cannot be sent
    return outcomes


def _must_answer(address: str | None) -> None:
    """Raise OSError where nothing listens: Ray itself tries for minutes."""
    host, _, port = (address or "").rpartition(":")
    if port.isdigit():
        socket.create_connection((host.removeprefix("ray://").strip("[]"), int(port)), ANSWER_SECONDS).close()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
