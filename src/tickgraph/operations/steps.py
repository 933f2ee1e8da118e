"""The steps of a refresh, and the plan that a dry run tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tickgraph.errors import text_of
from tickgraph.market import calendar
from tickgraph.market.spelling import Symbol
from tickgraph.model.training import program_for
from tickgraph.operations.due_models import Reasons, due_models
from tickgraph.operations.records import LiveQuality, RefreshRun, read_quality, write_quality
from tickgraph.operations.run_prices import RunPrices
from tickgraph.operations.run_so_far import RunSoFar
from tickgraph.operations.scope import Scope, look
from tickgraph.operations.site import Site
from tickgraph.operations.stock import held, update_prices
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.pipeline.state_of_the_day import publish_states
from tickgraph.pipeline.train import Outcome, train_symbols
from tickgraph.registry.freshness import is_current
from tickgraph.wording import counted


@dataclass(frozen=True)
class Wishes:
    """What a run was asked for; see :func:`tickgraph.operations.refresh.refresh`."""

    symbols: tuple[Symbol, ...] | None = None
    force: bool = False
    update: bool = True
    retrain: bool = True


class Steps:
    """One run over one site.

    Parameters
    ----------
    site, run, wishes
        Where, which, and what for.
    check
        Called before anything is fetched or published; raises where the run must stop.
    on_event
        Hears of what is done.
    record
        Writes the run down.
    """

    def __init__(
        self,
        site: Site,
        run: RefreshRun,
        wishes: Wishes,
        check: Callable[[], None],
        on_event: Callable[[str, str], None],
        record: Callable[[RefreshRun], object],
    ) -> None:
        self._site, self._wishes, self._check = site, wishes, check
        self._on_event, self._record = on_event, record
        self._run = RunSoFar(run)
        self._scope = Scope()
        self._prices = RunPrices(site, self._scope, run.session, with_pools=wishes.retrain)
        self._ended: set[Symbol] = set()  # whose prices come no more

    @property
    def run(self) -> RefreshRun:
        """The run as far as it is."""
        return self._run.record

    def do(self) -> RefreshRun:
        """Do everything; returns the run as it ended."""
        retrain = self._wishes.retrain
        self._look()
        self._write()
        if self._wishes.update:
            self._update_prices()
        reasons = self._due(self._score())
        self._plan_training(reasons)
        self._write()
        self._publish_correlations([s for s in self._scope.models if not (retrain and s in reasons)])
        self._publish_states()
        self._write()
        if retrain:
            self._train(reasons)
        return self._run.ended([*self._run.unreachable.values(), *self._run.problems, *self._failures()])

    def plan(self) -> RefreshRun:
        """Say what :meth:`do` would do, from what is stored; nothing is changed."""
        self._look()
        behind = self._prices.behind() if self._wishes.update else {}
        asked = {symbol for symbols in behind.values() for symbol in symbols}
        for symbol in sorted(asked):
            self._run.note(symbol, prices="planned")
        reasons = self._due(read_quality(self._site.operations_dir))
        have = {name: held(self._site.store, name, self._scope.of_source(name)) for name in self._scope.pools}
        for symbol, metadata in self._scope.models.items():
            if symbol in reasons and self._wishes.retrain:
                continue
            as_of, stored = metadata.correlations.as_of, have[self._scope.source_of[symbol]].get(symbol)
            session = max(as_of, min(stored.last, self._run.begun.session)) if stored else as_of
            current = is_current(metadata, session, self._site.registry.now())
            planned = self._wishes.force or not current or not asked.isdisjoint(metadata.nodes)
            self._run.note(symbol, correlations="planned" if planned else "unchanged")
        self._plan_training(reasons)
        return self._run.ended(self._run.problems).model_copy(update={"finished_at": self._site.now()})

    # What the run is about.

    def _look(self) -> None:
        retrain, registry = self._wishes.retrain, self._site.registry
        scope = self._scope = look(
            self._site, self._wishes.symbols, tuple(map(Symbol, self._run.symbols)), verify=retrain
        )
        self._prices = RunPrices(self._site, scope, self._run.begun.session, with_pools=retrain)
        # A full run that is killed before it has looked at everything leaves behind which models it was to train.
        planned = "planned" if self._run.begun.full and retrain else None
        for symbol in scope.symbols:
            self._run.note(symbol, training=planned)
        for symbol, problem in scope.unknown.items():
            self._run.note(symbol, correlations="failed", errors=(problem,))
        self._run.unreachable |= scope.unopened
        if self._wishes.symbols is None and not (scope.symbols or scope.unknown):
            self._run.problems.append(
                f"there is nothing to refresh: no model in {registry.place}, and no universe is set. "
                "If models were there, look whether their disk is mounted. If there never was one, "
                "run: tickgraph train --symbols TIER_1"
            )

    # The steps.

    def _update_prices(self) -> None:
        asked = self._prices.behind()
        self._begin("prices", sum(map(len, asked.values())))
        update = update_prices(
            self._site.store,
            self._scope.sources,
            asked,
            self._run.begun.session,
            wanted=self._prices.wanted,
            before_fetch=self._check,
            on_symbol=lambda symbol: self._on_event("prices", symbol),
        )
        for symbol, outcome in update.symbols.items():
            fields = outcome.model_dump(include={"prices", "sessions_added"})
            self._run.note(symbol, outcome.errors, **fields, findings=outcome.findings)
        self._run.unreachable |= update.unreachable
        self._run.say(update.notes)
        self._ended = update.ended
        self._write()

    def _score(self) -> LiveQuality | None:
        self._begin("quality", 0)
        try:
            quality = self._site.quality()
        except Exception as error:  # noqa: BLE001  nothing that was logged may keep models from being refreshed
            self._run.problems.append(f"live forecasts could not be scored: {text_of('the journal', error)}")
            return None
        if quality is not None:
            with self._site.permit.holding():
                write_quality(self._site.operations_dir, quality)
        return quality

    def _due(self, quality: LiveQuality | None) -> Reasons:
        return due_models(self._site, self._scope, self._prices, self._run, quality)

    def _plan_training(self, reasons: Reasons) -> None:
        for symbol in self._scope.symbols:
            planned = self._wishes.retrain and symbol in reasons
            self._run.note(symbol, training="planned" if planned else None, reasons=reasons.get(symbol, ()))

    def _publish_correlations(self, symbols: list[Symbol]) -> None:
        self._begin("correlations", len(symbols))
        report = publish_correlations(
            self._site.registry,
            self._prices.traded,
            symbols,
            force=self._wishes.force,
            on_symbol=lambda symbol: self._on_event("correlations", symbol),
        )
        for symbol in report.published:
            self._run.note(symbol, correlations="published")
        for symbol in report.unchanged:
            self._run.note(symbol, correlations="unchanged")
        for symbol, error in report.failed.items():
            if self._was_trained_meanwhile(symbol):  # by a service, on demand: with correlations of its own
                self._run.note(symbol, correlations="unchanged")
            else:
                self._run.note(symbol, (f"correlations: {error}",), correlations="failed")

    def _was_trained_meanwhile(self, symbol: Symbol) -> bool:
        try:
            now = self._site.registry.metadata(symbol)
        except Exception:  # noqa: BLE001  that it failed is noted by who asks
            return False
        return now.checksums.weights != self._scope.models[symbol].checksums.weights

    def _publish_states(self) -> None:
        """Renew what models hear of the universe, of every source that has models of several horizons."""
        self._begin("universe", len(self._prices.horizons))
        failures = publish_states(
            self._site.registry,
            self._prices.panel,
            self._prices.horizons,
            on_source=lambda source: self._on_event("universe", source),
        )
        self._run.problems += failures.values()

    def _train(self, reasons: Reasons) -> None:
        self._begin("training", len(reasons))
        failed: list[Symbol] = []
        for name in sorted({self._scope.source_of[symbol] for symbol in reasons}):
            wanted = [symbol for symbol in reasons if self._scope.source_of[symbol] == name]
            failed += self._train_from(name, wanted)
        self._publish_correlations([symbol for symbol in failed if symbol in self._scope.models])

    def _train_from(self, source: str, wanted: Sequence[Symbol]) -> list[Symbol]:
        """Train symbols on the prices of a source; returns those that failed."""
        panel = self._prices.panel(source)
        columns = panel.columns if panel else {}
        for symbol in set(wanted).difference(columns):
            self._outcome(Outcome(symbol, error=f"no prices of {symbol} are stored from source {source!r}"))
        have = [symbol for symbol in wanted if symbol in columns]
        if panel is None or not have:
            return list(wanted)
        report = train_symbols(
            panel,
            have,
            self._site.registry,
            pool=[symbol for symbol in self._scope.pools[source] if symbol in columns],
            engine=self._site.open_engine(),
            program=program_for(self._site.training),
            on_fitting=lambda _: self._begin("universe", 1),
            on_outcome=self._outcome,
        )
        self._run.say(report.universe_notes)
        if report.interrupted:
            for trained in report.done:
                self._run.note(trained, training="trained", correlations="published")
            raise KeyboardInterrupt
        for failed, reason in report.failed.items():
            # The outcome could not be noted, or who heard of it failed.
            if self._run.symbols[failed].training in ("planned", "trained"):
                known = "trained" if failed in report.done else "failed"
                self._run.note(failed, (f"training: {reason}",), training=known)
        return [symbol for symbol in wanted if symbol not in report.done]

    def _outcome(self, outcome: Outcome) -> None:
        symbol, reasons = outcome.symbol, self._run.symbols[outcome.symbol].reasons
        if outcome.metadata is not None:
            last = outcome.metadata.data_stats.last_session
            if stale := calendar.sessions_behind(last, self._site.now()):
                reasons += (f"trained on prices to {last}: {stale} sessions old",)
            self._run.note(symbol, training="trained", correlations="published", reasons=reasons)
        elif outcome.too_short and symbol in self._scope.missing:
            # A young symbol is not at fault, and another try within the day would not help.
            self._run.note(symbol, training="waiting", reasons=(*reasons, str(outcome.error)))
        else:
            self._run.note(symbol, (f"training: {outcome.error}",), training="failed")
        self._on_event("training", symbol)

    def _failures(self) -> list[str]:
        """Say which symbols failed the run; one that is only a candidate for peers may lack prices for ever."""
        own = {node for symbol in self._scope.source_of for node in self._scope.nodes(symbol)}
        broken = sorted(
            s for s, one in self._run.symbols.items() if one.errors and s in own and not self._is_given_up(s)
        )
        return [f"{counted(len(broken), 'symbol')} failed: {', '.join(broken)}"] if broken else []

    def _is_given_up(self, symbol: str) -> bool:
        """Whether its prices have ended and nothing else failed: trying all day, every day, brings nothing."""
        one = self._run.symbols[symbol]
        only_prices = "failed" not in (one.correlations, one.training)
        return self._wishes.symbols is None and symbol in self._ended and only_prices

    # What the steps share.

    def _begin(self, step: str, count: int) -> None:
        self._check()
        self._on_event(f"begin {step}", str(count))

    def _write(self) -> None:
        self._check()
        self._record(self.run)
