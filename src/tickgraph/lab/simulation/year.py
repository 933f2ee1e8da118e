"""The simulated system at work: it refreshes when that is due, serves, scores, and every forecast is checked."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import multiprocessing
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Literal

from tickgraph.errors import InputError, TickgraphError
from tickgraph.lab.simulation.faults import EXCHANGE_TIME, full_disk
from tickgraph.lab.simulation.forecast_check import Checker
from tickgraph.lab.simulation.retrained_forecasts import ExpectedForecasts
from tickgraph.lab.simulation.simulation_result import SHOWN, Counts, Event, SimulationResult
from tickgraph.lab.simulation.world import KILLED, SimulatedClock, World, refresh_and_die
from tickgraph.market.calendar import sessions
from tickgraph.market.spelling import Symbol
from tickgraph.model.training import TrainingProgram
from tickgraph.operations.records import Kind, RefreshRun, RunLog, read_quality
from tickgraph.operations.refresh import refresh
from tickgraph.operations.scoring import live_quality
from tickgraph.operations.site import Site
from tickgraph.operations.timetable import FIRST_RETRY, LAST_RETRY, due_between, missed
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.journal import ForecastJournal
from tickgraph.serving.watcher import Watcher

SERVED_AT = (clock_time(9, 45), clock_time(16, 30))  # after the open, and after the close of a full session
RESTARTED_AFTER = timedelta(minutes=10)

Step = Literal["look", "retry", "restart", "serve", "tell"]


@dataclass
class Year:
    """A span of sessions that the simulated system lives through.

    Parameters
    ----------
    world
        The system: folders, provider, symbols, faults.
    first, last
        Sessions from and to.
    verify
        Whether every forecast is made again by training as of its day.
    on_step
        Called after each step with the simulated time and the counts so far.
    """

    world: World
    first: date
    last: date
    verify: bool = True
    on_step: Callable[[datetime, Counts], None] = lambda _, __: None
    events: list[Event] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    _counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _agenda: list[tuple[datetime, int, Step]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=itertools.count)
    _crashed: set[date] = field(default_factory=set)
    _wait: timedelta = FIRST_RETRY
    _latest: datetime | None = None
    _retry_at: datetime | None = None
    _killed: bool = False

    def __post_init__(self) -> None:
        days = [day.item() for day in sessions(self.first, self.last)]
        if not days:
            raise InputError(
                f"There is no session from {self.first} to {self.last}: nothing to live through."
            )
        start = datetime.combine(days[0], clock_time(5), EXCHANGE_TIME)
        self.clock = SimulatedClock(start)
        self._end = datetime.combine(days[-1], clock_time(20), EXCHANGE_TIME).astimezone(UTC)
        replay = self.world.replay(self.clock.now)
        self._replay, self._runs = replay, RunLog(self.world.operations_dir)
        expected = None
        if self.verify:
            program = TrainingProgram(self.world.training)
            expected = ExpectedForecasts(replay, program, self.world.pool)
        self._expected, self._checker = expected, Checker(self.world, expected, self._metadata)
        for day in days:
            for hour in SERVED_AT:
                self._plan(datetime.combine(day, hour, EXCHANGE_TIME).astimezone(UTC), "serve")
        for due in due_between(self.clock.now(), self._end):
            self._plan(due.at, "look")
        for rename in self.world.faults.renames:
            self._plan(rename.told, "tell")

    def run(self) -> SimulationResult:
        """Live through all of it.

        Raises
        ------
        TickgraphError
            The very first refresh failed: there is nothing to serve.
        """
        began = time.monotonic()
        first = refresh(self._site())
        self._note_run(first)
        if not self._site().registry.symbols():
            raise TickgraphError(f"The first refresh trained nothing: {first.error or _errors(first)}")
        self._forecaster = self._open()
        self._watcher = Watcher(self._forecaster)
        while self._agenda:
            moment, _, step = heapq.heappop(self._agenda)
            self.clock.advance(max(moment, self.clock.now()))
            with self._disk():
                self._do(step)
            self.on_step(self.clock.now(), _counts(self._total()))
        self._forecaster.close()
        return self._result(time.monotonic() - began)

    def _do(self, step: Step) -> None:
        if step == "serve":
            self._serve()
        elif step == "tell":
            self.world.tell(self.clock.now())
            names = self.world.names(self.clock.now())
            self._report(f"told of new names: {', '.join(f'{old} is {new}' for old, new in names.items())}")
            self._refresh("manual", None)  # as whoever adds an alias does
        elif step == "retry" and self._retry_at != self.clock.now():
            return  # a later look took its place
        else:
            self._killed = False
            self._look()
            if step == "restart":
                self._serve()

    def _look(self) -> None:
        """Run what is due, as the scheduler does: a due moment is only a reason to look."""
        due = missed(self._runs, self.clock.now())
        if due and due[-1].at != self._latest:
            self._latest, self._wait = due[-1].at, FIRST_RETRY
        for one in due:
            self._refresh(one.kind, one.at)
        self._retry_at = None
        if not self._killed and missed(self._runs, self.clock.now()):
            self._retry_at = self.clock.now() + self._wait
            self._plan(self._retry_at, "retry")
            self._wait = min(2 * self._wait, LAST_RETRY)

    def _refresh(self, kind: Kind, due_at: datetime | None) -> None:
        day = (due_at or self.clock.now()).astimezone(EXCHANGE_TIME).date()
        after = self.world.faults.crashes.get(day)
        if after is not None and kind == "daily" and day not in self._crashed:
            self._crashed.add(day)
            self._crash(kind, due_at, after)
            return
        try:
            self._note_run(refresh(self._site(), kind=kind, due_at=due_at))
        except TickgraphError as error:
            self._count(refreshes=1, failed=1)
            self._report(f"{kind} refresh failed: {error}")

    def _crash(self, kind: Kind, due_at: datetime | None, after: int) -> None:
        now = self.clock.now()
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=refresh_and_die, args=(self.world, now, kind, due_at, after))
        process.start()
        process.join()
        died = "killed" if process.exitcode == KILLED else f"ended by itself with {process.exitcode}"
        self._count(refreshes=1, failed=1)
        self._report(f"{kind} refresh was {died} when it had published {after} models")
        self._serve()  # between the crash and the restart
        self._killed = True
        self._plan(now + RESTARTED_AFTER, "restart")

    def _serve(self) -> None:
        now = self.clock.now()
        self._watcher.look()
        self._watcher.look()  # what changed is read once it has stopped changing
        names = self.world.names(now)
        asked = tuple(dict.fromkeys(Symbol(names.get(symbol, symbol)) for symbol in self.world.symbols))
        served = self._forecaster.forecasts(asked, {})
        wrong = self._checker.check(now, served.forecasts, self._forecaster.models.peek)
        for problem in wrong.values():
            if len(self.wrong) < SHOWN:
                self.wrong.append(problem)
        for error in served.failures.values():
            self.refusals[f"{type(error).__name__}: {error}"] += 1
        answers = served.forecasts.values()
        stale = sum(answer.stale for answer in answers)
        self._count(
            served=len(answers),
            fresh=len(answers) - stale,
            stale=stale,
            momentum=sum(answer.model == "momentum" for answer in answers),
            refused=len(served.failures),
            wrong=len(wrong),
        )

    def _note_run(self, run: RefreshRun) -> None:
        symbols = run.symbols
        trained = [name for name, one in symbols.items() if one.training == "trained"]
        restated = [name for name, one in symbols.items() if one.prices == "restated"]
        self._count(refreshes=1, failed=run.state != "done", trained=len(trained), restated=len(restated))
        if run.state != "done":
            self._report(f"{run.kind} refresh {run.state}: {run.error or _errors(run)}")
        if restated:
            self._report(f"a split or dividend restated {', '.join(restated)}")
        for name in trained:
            reasons = [reason for reason in symbols[name].reasons if reason not in ("no model", "full run")]
            if reasons:
                self._report(f"{name} was trained again: {'; '.join(reasons)}")

    def _site(self) -> Site:
        site = self.world.site(self.clock.now, self._replay)
        return replace(
            site, quality=lambda: live_quality(site.operations_dir, site.store, site.registry, site.now())
        )

    def _metadata(self, symbol: Symbol) -> ModelMetadata:
        return self._site().registry.metadata(symbol)

    def _open(self) -> Forecaster:
        site = self._site()
        journal = ForecastJournal(self.world.operations_dir / "journal", self.clock.now)
        return Forecaster(
            site.registry,
            site.store,
            source=site.source,
            graph=self.world.training,
            now=self.clock.now,
            journal=journal,
        )

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        full = self.world.faults.disk_is_full(self.clock.now())
        with full_disk(self.world.folder) if full else contextlib.nullcontext():
            yield

    def _plan(self, moment: datetime, step: Step) -> None:
        if moment <= self._end:
            heapq.heappush(self._agenda, (moment, next(self._order), step))

    def _report(self, what: str) -> None:
        now, last = self.clock.now(), self.events[-1] if self.events else None
        if last is not None and last.what == what:
            self.events[-1] = last.model_copy(update={"times": last.times + 1, "until": now})
        else:
            self.events.append(Event(at=now, what=what))

    def _count(self, **counts: int) -> None:
        self._counts[f"{self.clock.now():%Y-%m}"].update(counts)

    def _total(self) -> Counter[str]:
        return sum(self._counts.values(), Counter())

    def _result(self, seconds: float) -> SimulationResult:
        return SimulationResult(
            first=self.first,
            last=self.last,
            symbols=self.world.symbols,
            total=_counts(self._total()),
            months={month: _counts(counts) for month, counts in sorted(self._counts.items())},
            verified=self._checker.verified,
            trained_again=self._expected.trained if self._expected else 0,
            largest_difference=self._checker.largest,
            wrong=tuple(self.wrong),
            refusals=dict(self.refusals),
            events=tuple(self.events),
            quality=read_quality(self.world.operations_dir),
            seconds=seconds,
        )


def _counts(counts: Counter[str]) -> Counts:
    return Counts(**counts)


def _errors(run: RefreshRun) -> str:
    errors = [error for one in run.symbols.values() for error in one.errors]
    return "; ".join(errors[:3]) + (f"; and {len(errors) - 3} more" if len(errors) > 3 else "")
