"""The steps of a refresh, and the plan that a dry run tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tickgraph.errors import PriceDataError, reason_of, text_of
from tickgraph.market import calendar
from tickgraph.market.calendar import is_future
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.choice import choose
from tickgraph.model.training import program_for
from tickgraph.operations.due import Evidence, due
from tickgraph.operations.records import LiveQuality, RefreshRun, SymbolRun, read_quality, write_quality
from tickgraph.operations.scope import Scope, look
from tickgraph.operations.site import Site
from tickgraph.operations.stock import behind, held, update_prices
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.pipeline.gathering import read_panel
from tickgraph.pipeline.remarks import remarks
from tickgraph.pipeline.state_of_the_day import horizons_by_source, publish_states
from tickgraph.pipeline.train import Outcome, train_symbols
from tickgraph.registry.freshness import is_current
from tickgraph.wording import counted, listed

Reasons = dict[Symbol, tuple[str, ...]]


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
        self._begun, self._symbols = run, dict(run.symbols)
        self._notes = dict.fromkeys(run.notes)
        self._unreachable = dict(run.unreachable)
        self._scope = Scope()
        self._horizons: dict[str, tuple[int, ...]] = {}
        self._panels: dict[str, PricePanel | None] = {}
        self._problems: list[str] = []
        self._ended: set[Symbol] = set()

    @property
    def run(self) -> RefreshRun:
        """The run as far as it is."""
        return self._begun.model_copy(
            update={
                "symbols": dict(self._symbols),
                "notes": tuple(self._notes),
                "unreachable": dict(self._unreachable),
            }
        )

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
        return self._finished([*self._unreachable.values(), *self._problems, *self._failures()])

    def plan(self) -> RefreshRun:
        """Say what :meth:`do` would do, from what is stored; nothing is changed."""
        self._look()
        asked = {symbol for symbols in self._behind().values() for symbol in symbols}
        for symbol in sorted(asked):
            self._note(symbol, prices="planned")
        reasons = self._due(read_quality(self._site.operations_dir))
        have = {name: held(self._site.store, name, self._own(name)) for name in self._scope.pools}
        for symbol, metadata in self._scope.models.items():
            if symbol in reasons and self._wishes.retrain:
                continue
            as_of, stored = metadata.correlations.as_of, have[self._scope.source_of[symbol]].get(symbol)
            session = max(as_of, min(stored.last, self._begun.session)) if stored else as_of
            current = is_current(metadata, session, self._site.registry.now())
            planned = self._wishes.force or not current or not asked.isdisjoint(metadata.nodes)
            self._note(symbol, correlations="planned" if planned else "unchanged")
        self._plan_training(reasons)
        return self._finished(self._problems).model_copy(update={"finished_at": self._site.now()})

    # What the run is about.

    def _look(self) -> None:
        retrain, registry = self._wishes.retrain, self._site.registry
        scope = self._scope = look(
            self._site, self._wishes.symbols, tuple(map(Symbol, self._symbols)), verify=retrain
        )
        self._horizons = horizons_by_source(scope.models.values())
        # A full run that is killed before it has looked at everything leaves behind which models it was to train.
        planned = "planned" if self._begun.full and retrain else None
        for symbol in scope.symbols:
            self._note(symbol, training=planned)
        for symbol, problem in scope.unknown.items():
            self._note(symbol, correlations="failed", errors=(problem,))
        self._unreachable |= scope.unopened
        if self._wishes.symbols is None and not (scope.symbols or scope.unknown):
            self._problems.append(
                f"there is nothing to refresh: no model in {registry.place}, and no universe is set. "
                "If models were there, look whether their disk is mounted. If there never was one, "
                "run: tickgraph train --symbols TIER_1"
            )

    def _wanted(self) -> dict[str, tuple[Symbol, ...]]:
        return self._scope.prices(with_pools=self._wishes.retrain)

    def _own(self, source: str) -> list[Symbol]:
        """Symbols of the run whose prices come from a source."""
        return [symbol for symbol in self._scope.symbols if self._scope.source_of[symbol] == source]

    def _behind(self) -> dict[str, tuple[Symbol, ...]]:
        """Symbols to ask for, by source."""
        wanted, sources = self._wanted(), self._scope.sources if self._wishes.update else {}
        return {
            name: behind(self._site.store, source, wanted[name], self._begun.session)
            for name, source in sources.items()
        }

    # The steps.

    def _update_prices(self) -> None:
        asked = self._behind()
        self._begin("prices", sum(map(len, asked.values())))
        update = update_prices(
            self._site.store,
            self._scope.sources,
            asked,
            self._begun.session,
            wanted=self._wanted(),
            before_fetch=self._check,
            on_symbol=lambda symbol: self._on_event("prices", symbol),
        )
        for symbol, outcome in update.symbols.items():
            fields = outcome.model_dump(include={"prices", "sessions_added"})
            self._note(symbol, outcome.errors, **fields, findings=outcome.findings)
        self._unreachable |= update.unreachable
        self._say(update.notes)
        self._ended = update.ended
        self._write()

    def _score(self) -> LiveQuality | None:
        self._begin("quality", 0)
        try:
            quality = self._site.quality()
        except Exception as error:  # noqa: BLE001  nothing that was logged may keep models from being refreshed
            self._problems.append(f"live forecasts could not be scored: {text_of('the journal', error)}")
            return None
        if quality is not None:
            with self._site.permit.holding():
                write_quality(self._site.operations_dir, quality)
        return quality

    def _due(self, quality: LiveQuality | None) -> Reasons:
        run, now, scope = self._begun, self._site.now(), self._scope
        revised = {
            (name, symbol): stored.revised_at
            for name, symbols in self._wanted().items()
            for symbol, stored in held(self._site.store, name, symbols).items()
            if stored.revised_at is not None
        }
        if late := sorted({symbol for (_, symbol), at in revised.items() if is_future(at, now)}):
            text = "the stored prices were revised in the future, say their files. A clock was wrong, and no model is "
            self._say([f"{listed(late)}: {text}trained again for it"])
        evidence = Evidence(
            now=now,
            training=self._site.training,
            models=scope.models,
            damaged=scope.damaged,
            missing=scope.missing,
            renamed=scope.renamed,
            peers=self._peers_today(),
            revised=revised,
            quality=quality,
            full_since=min(run.started_at, run.due_at or run.started_at) if run.full else None,
        )
        return due(evidence, self._cannot_tell)

    def _cannot_tell(self, symbol: Symbol, error: Exception) -> None:
        self._note(symbol, (f"whether it is due: {reason_of(symbol, error)}",))

    def _peers_today(self) -> dict[Symbol, tuple[str, ...]]:
        """Peers that each model would have today; what falls out is noted."""
        today: dict[Symbol, tuple[str, ...]] = {}
        for name, pool in self._scope.pools.items():
            panel = self._panel(name)
            if panel is None:
                continue
            own = [symbol for symbol in self._own(name) if symbol in panel.columns]
            try:
                choices = choose(panel, own, self._site.training, pool)
                self._say(remarks(panel, choices, self._site.training, pool))
            except Exception as error:  # noqa: BLE001  models may be due for other reasons
                text = reason_of(f"source {name!r}", error)
                self._problems.append(f"the peers of today could not be chosen: {text}")
                continue
            for symbol in own:
                if symbol in choices and (peers := choices[symbol].peers) is not None:
                    today[symbol] = peers
        return today

    def _plan_training(self, reasons: Reasons) -> None:
        for symbol in self._scope.symbols:
            planned = self._wishes.retrain and symbol in reasons
            self._note(symbol, training="planned" if planned else None, reasons=reasons.get(symbol, ()))

    def _publish_correlations(self, symbols: list[Symbol]) -> None:
        self._begin("correlations", len(symbols))
        report = publish_correlations(
            self._site.registry,
            self._nodes_panel,
            symbols,
            force=self._wishes.force,
            on_symbol=lambda symbol: self._on_event("correlations", symbol),
        )
        for symbol in report.published:
            self._note(symbol, correlations="published")
        for symbol in report.unchanged:
            self._note(symbol, correlations="unchanged")
        for symbol, error in report.failed.items():
            if self._was_trained_meanwhile(symbol):  # by a service, on demand: with correlations of its own
                self._note(symbol, correlations="unchanged")
            else:
                self._note(symbol, (f"correlations: {error}",), correlations="failed")

    def _was_trained_meanwhile(self, symbol: Symbol) -> bool:
        try:
            now = self._site.registry.metadata(symbol)
        except Exception:  # noqa: BLE001  that it failed is noted by who asks
            return False
        return now.checksums.weights != self._scope.models[symbol].checksums.weights

    def _publish_states(self) -> None:
        """Renew what models hear of the universe, of every source that has models of several horizons."""
        self._begin("universe", len(self._horizons))
        failures = publish_states(
            self._site.registry,
            self._panel,
            self._horizons,
            on_source=lambda source: self._on_event("universe", source),
        )
        self._problems += failures.values()

    def _train(self, reasons: Reasons) -> None:
        self._begin("training", len(reasons))
        failed: list[Symbol] = []
        for name in sorted({self._scope.source_of[symbol] for symbol in reasons}):
            wanted = [symbol for symbol in reasons if self._scope.source_of[symbol] == name]
            failed += self._train_from(name, wanted)
        self._publish_correlations([symbol for symbol in failed if symbol in self._scope.models])

    def _train_from(self, source: str, wanted: Sequence[Symbol]) -> list[Symbol]:
        """Train symbols on the prices of a source; returns those that failed."""
        panel = self._panel(source)
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
        self._say(report.universe_notes)
        if report.interrupted:
            for trained in report.done:
                self._note(trained, training="trained", correlations="published")
            raise KeyboardInterrupt
        for failed, reason in report.failed.items():
            # The outcome could not be noted, or who heard of it failed.
            if self._symbols[failed].training in ("planned", "trained"):
                known = "trained" if failed in report.done else "failed"
                self._note(failed, (f"training: {reason}",), training=known)
        return [symbol for symbol in wanted if symbol not in report.done]

    def _outcome(self, outcome: Outcome) -> None:
        symbol, reasons = outcome.symbol, self._symbols[outcome.symbol].reasons
        if outcome.metadata is not None:
            last = outcome.metadata.data_stats.last_session
            if stale := calendar.sessions_behind(last, self._site.now()):
                reasons += (f"trained on prices to {last}: {stale} sessions old",)
            self._note(symbol, training="trained", correlations="published", reasons=reasons)
        elif outcome.too_short and symbol in self._scope.missing:
            # A young symbol is not at fault, and another try within the day would not help.
            self._note(symbol, training="waiting", reasons=(*reasons, str(outcome.error)))
        else:
            self._note(symbol, (f"training: {outcome.error}",), training="failed")
        self._on_event("training", symbol)

    def _failures(self) -> list[str]:
        """Say which symbols failed the run; one that is only a candidate for peers may lack prices for ever."""
        own = {node for symbol in self._scope.source_of for node in self._scope.nodes(symbol)}
        broken = sorted(
            s for s, one in self._symbols.items() if one.errors and s in own and not self._is_given_up(s)
        )
        return [f"{counted(len(broken), 'symbol')} failed: {', '.join(broken)}"] if broken else []

    def _is_given_up(self, symbol: str) -> bool:
        """Whether its prices have ended and nothing else failed: trying all day, every day, brings nothing."""
        one = self._symbols[symbol]
        only_prices = "failed" not in (one.correlations, one.training)
        return self._wishes.symbols is None and symbol in self._ended and only_prices

    # What the steps share.

    def _panel(self, source: str) -> PricePanel | None:
        if source not in self._panels:
            wanted = self._wanted()[source]
            if source in self._horizons or self._site.training.horizons:  # then all stored symbols are heard
                wanted = (*wanted, *self._site.store.symbols(source))
            self._panels[source] = read_panel(self._site.store, source, wanted, self._begun.session)
        return self._panels[source]

    def _nodes_panel(self, source: str, symbols: Iterable[str]) -> PricePanel:
        panel = self._panel(source)
        if panel is None:
            raise PriceDataError(f"No prices are stored from source {source!r}.")
        return panel.traded(*symbols)

    def _note(self, symbol: str, errors: tuple[str, ...] = (), **changes: object) -> None:
        before = self._symbols.get(symbol, SymbolRun())
        self._symbols[symbol] = before.model_copy(update={**changes, "errors": before.errors + errors})

    def _say(self, notes: Iterable[str]) -> None:
        self._notes |= dict.fromkeys(notes)

    def _begin(self, step: str, count: int) -> None:
        self._check()
        self._on_event(f"begin {step}", str(count))

    def _write(self) -> None:
        self._check()
        self._record(self.run)

    def _finished(self, problems: Sequence[str]) -> RefreshRun:
        return self.run.model_copy(
            update={"state": "failed" if problems else "done", "error": "; ".join(problems) or None}
        )
