"""What a refresh does, step by step, and how its plan comes about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tickgraph.errors import PriceDataError, TickgraphError, reason_of
from tickgraph.market import calendar
from tickgraph.market.calendar import is_future
from tickgraph.market.panel import PricePanel
from tickgraph.model.choice import choose
from tickgraph.model.training import program_for
from tickgraph.operations.due import Evidence, due, reasons_of
from tickgraph.operations.records import LiveQuality, RefreshRun, SymbolRun, read_quality, write_quality
from tickgraph.operations.scope import Scope, look
from tickgraph.operations.site import Site
from tickgraph.operations.stock import behind, held, own_sessions, read_panel, update_prices
from tickgraph.pipeline.correlations import publish_correlations
from tickgraph.pipeline.remarks import remarks
from tickgraph.pipeline.train import Outcome, train_symbols
from tickgraph.registry.freshness import is_current
from tickgraph.wording import listed


@dataclass(frozen=True)
class Wishes:
    """What a run was asked for; see :func:`tickgraph.operations.refresh.refresh`."""

    symbols: tuple[str, ...] | None = None
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
        self.run = run
        self._scope = Scope()
        self._panels: dict[str, PricePanel | None] = {}
        self._problems: list[str] = []
        self._ended_symbols: set[str] = set()

    def do(self) -> RefreshRun:
        """Do everything; the run as it ended."""
        self._look()
        self._write()
        if self._wishes.update:
            self._update_prices()
        quality = self._score()
        reasons = self._due(quality)
        trained = self._wishes.retrain
        self._plan_training(reasons)
        self._write()
        self._publish_correlations([s for s in self._scope.models if not (trained and s in reasons)])
        self._write()
        if trained:
            self._train(reasons)
        return self._ended()

    def plan(self) -> RefreshRun:
        """What :meth:`do` would do, from what is stored; nothing is changed."""
        self._look()
        asked = {symbol for symbols in self._behind().values() for symbol in symbols}
        for symbol in sorted(asked):
            self._note(symbol, prices="planned")
        reasons = self._due(read_quality(self._site.operations_dir))
        have = {name: held(self._site.store, name) for name in {*self._scope.source_of.values()}}
        for symbol, metadata in self._scope.models.items():
            if symbol in reasons and self._wishes.retrain:
                continue
            stored = have[self._scope.source_of[symbol]].get(symbol)
            as_of = metadata.correlations.as_of
            session = as_of if stored is None else max(as_of, min(stored.last, self.run.session))
            current = is_current(metadata, session, self._site.registry.now())
            planned = self._wishes.force or not current or not asked.isdisjoint(metadata.nodes)
            self._note(symbol, correlations="planned" if planned else "unchanged")
        self._plan_training(reasons)
        error = "; ".join(self._problems) or None
        return self.run.model_copy(
            update={"state": "failed" if error else "done", "error": error, "finished_at": self._site.now()}
        )

    def _look(self) -> None:
        """Find out what the run is about, and note it."""
        scope = self._scope = look(
            self._site, self._wishes.symbols, tuple(self.run.symbols), verify=self._wishes.retrain
        )
        # A full run that is killed before it has looked at everything leaves behind which models it was to train.
        planned = "planned" if self.run.full and self._wishes.retrain else None
        for symbol in scope.symbols:
            self._note(symbol, training=planned)
        for symbol, problem in scope.unknown.items():
            self._note(symbol, correlations="failed", errors=(problem,))
        self._unreachable(scope.unopened)
        if self._wishes.symbols is None and not (scope.symbols or scope.unknown):
            self._problems.append(
                f"there is nothing to refresh: no model in {self._site.registry.root}, and no universe is set. "
                "If models were there, look whether their disk is mounted. If there never was one, "
                "run: tickgraph train --symbols TIER_1"
            )

    def _behind(self) -> dict[str, tuple[str, ...]]:
        """Symbols to ask for, by source."""
        wanted = self._scope.prices(with_pools=self._wishes.retrain)
        sources = self._scope.sources if self._wishes.update else {}
        return {
            name: behind(self._site.store, source, wanted[name], self.run.session)
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
            self.run.session,
            wanted=self._scope.prices(with_pools=self._wishes.retrain),
            before_fetch=self._check,
            on_symbol=lambda symbol: self._on_event("prices", symbol),
        )
        for symbol, found in update.symbols.items():
            self._note(
                symbol,
                prices=found.prices,
                sessions_added=found.sessions_added,
                errors=found.errors,
                findings=found.findings,
            )
        self._unreachable(update.unreachable)
        self._say(*update.notes)
        self._ended_symbols = update.ended
        self._write()

    def _score(self) -> LiveQuality | None:
        self._begin("quality", 0)
        try:
            quality = self._site.quality()
        except Exception as error:  # noqa: BLE001  nothing that was logged may keep models from being refreshed
            text = str(error) if isinstance(error, TickgraphError) else f"{type(error).__name__}: {error}"
            self._problems.append(f"live forecasts could not be scored: {text}")
            return None
        if quality is not None:
            self._check()
            write_quality(self._site.operations_dir, quality)
        return quality

    def _due(self, quality: LiveQuality | None) -> dict[str, tuple[str, ...]]:
        run = self.run
        since = min(run.started_at, run.due_at or run.started_at) if run.full else None
        revised = {
            (name, symbol): stored.revised_at
            for name in self._scope.pools
            for symbol, stored in held(self._site.store, name).items()
            if stored.revised_at is not None
        }
        self._say_of_the_future(revised)
        evidence = Evidence(
            now=self._site.now(),
            training=self._site.training,
            damaged=self._scope.damaged,
            missing=self._scope.missing,
            renamed=self._scope.renamed,
            peers=self._peers_today(),
            revised=revised,
            quality=quality,
            full_since=since,
        )
        found = due(evidence)
        for symbol, metadata in self._scope.models.items():
            try:
                if reasons := reasons_of(symbol, metadata, evidence):
                    found[symbol] = reasons
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                self._note(symbol, errors=(f"whether it is due: {reason_of(symbol, error)}",))
        return dict(sorted(found.items()))

    def _peers_today(self) -> dict[str, tuple[str, ...]]:
        """Peers that each model would have today; what falls out is noted."""
        found: dict[str, tuple[str, ...]] = {}
        for name, pool in self._scope.pools.items():
            panel = self._panel(name)
            if panel is None:
                continue
            wanted = (*self._scope.models, *self._scope.damaged, *self._scope.missing)
            own = [s for s in wanted if self._scope.source_of[s] == name and s in panel.columns]
            try:
                choices = choose(panel, own, self._site.training, pool)
                self._say(*remarks(panel, choices, self._site.training, pool))
            except Exception as error:  # noqa: BLE001  models may be due for other reasons
                text = reason_of(f"source {name!r}", error)
                self._problems.append(f"the peers of today could not be chosen: {text}")
                continue
            found |= {symbol: choice.peers for symbol, choice in choices.items() if choice.peers is not None}
        return found

    def _say_of_the_future(self, revised: Mapping[tuple[str, str], datetime]) -> None:
        now = self._site.now()
        late = sorted({symbol for (_, symbol), at in revised.items() if is_future(at, now)})
        if late:
            self._say(
                f"{listed(late)}: the stored prices were revised in the future, by their file; a clock was wrong, and "
                "no model is trained again for it"
            )

    def _plan_training(self, reasons: dict[str, tuple[str, ...]]) -> None:
        for symbol in self._scope.symbols:
            planned = self._wishes.retrain and symbol in reasons
            self._note(symbol, training="planned" if planned else None, reasons=reasons.get(symbol, ()))

    def _publish_correlations(self, symbols: list[str]) -> None:
        self._begin("correlations", len(symbols))
        report = publish_correlations(
            self._site.registry,
            self._nodes_panel,
            symbols,
            force=self._wishes.force,
            on_symbol=lambda symbol: self._on_event("correlations", symbol),
            before_publish=self._check,
        )
        for symbol in report.published:
            self._note(symbol, correlations="published")
        for symbol in report.unchanged:
            self._note(symbol, correlations="unchanged")
        for symbol, error in report.failed.items():
            if self._was_trained_meanwhile(symbol):  # by a service, on demand: with correlations of its own
                self._note(symbol, correlations="unchanged")
            else:
                self._note(symbol, correlations="failed", errors=(f"correlations: {error}",))

    def _train(self, reasons: dict[str, tuple[str, ...]]) -> None:
        self._begin("training", len(reasons))
        failed: list[str] = []
        for name in sorted({self._scope.source_of[symbol] for symbol in reasons}):
            panel = self._panel(name)
            wanted = [symbol for symbol in reasons if self._scope.source_of[symbol] == name]
            have = [symbol for symbol in wanted if panel is not None and symbol in panel.columns]
            for symbol in set(wanted) - set(have):
                self._outcome(Outcome(symbol, error=f"no prices of {symbol} are stored from source {name!r}"))
            if panel is None or not have:
                failed += wanted
                continue
            pool = tuple(symbol for symbol in self._scope.pools[name] if symbol in panel.columns)
            report = train_symbols(
                panel,
                have,
                self._site.registry,
                pool=pool,
                workers=self._site.workers,
                program=program_for(self._site.training),
                on_outcome=self._outcome,
                before_publish=self._check,
            )
            if report.interrupted:
                for symbol in report.done:
                    self._note(symbol, training="trained", correlations="published")
                raise KeyboardInterrupt
            for symbol, reason in report.failed.items():
                training = self.run.symbols[symbol].training
                # Its outcome could not be noted, or who heard of it failed.
                if training in ("planned", "trained"):
                    known = "trained" if symbol in report.done else "failed"
                    self._note(symbol, training=known, errors=(f"training: {reason}",))
            failed += [symbol for symbol in wanted if symbol not in report.done]
        self._publish_correlations([symbol for symbol in failed if symbol in self._scope.models])

    def _outcome(self, outcome: Outcome) -> None:
        symbol = outcome.symbol
        if outcome.metadata is not None:
            stale = calendar.sessions_behind(outcome.metadata.data_stats.last_session, self._site.now())
            said = self.run.symbols[symbol].reasons
            if stale:
                said += (
                    f"trained on prices to {outcome.metadata.data_stats.last_session}: {stale} sessions old",
                )
            self._note(symbol, training="trained", correlations="published", reasons=said)
        elif outcome.too_short and symbol in self._scope.missing:
            # Nothing is wrong with a young symbol, and trying again within the day mends nothing.
            reasons = self.run.symbols[symbol].reasons
            self._note(symbol, training="waiting", reasons=(*reasons, str(outcome.error)))
        else:
            self._note(symbol, training="failed", errors=(f"training: {outcome.error}",))
        self._on_event("training", symbol)

    def _ended(self) -> RefreshRun:
        own = {node for symbol in self._scope.source_of for node in self._scope.nodes(symbol)}
        # A candidate for peers that nobody has as a peer may lack prices for ever.
        broken = sorted(
            s
            for s, done in self.run.symbols.items()
            if done.errors and s in own and not self._is_given_up(s, done)
        )
        problems = [*self.run.unreachable.values(), *self._problems]
        if broken:
            problems.append(f"{len(broken)} symbols failed: {', '.join(broken)}")
        return self.run.model_copy(
            update={"state": "failed" if problems else "done", "error": "; ".join(problems) or None}
        )

    def _is_given_up(self, symbol: str, done: SymbolRun) -> bool:
        """Whether its prices have ended and nothing else failed: trying all day, every day, brings nothing."""
        asked_for_all = self._wishes.symbols is None
        return (
            asked_for_all
            and symbol in self._ended_symbols
            and "failed" not in (done.correlations, done.training)
        )

    # What they share.

    def _panel(self, source: str) -> PricePanel | None:
        if source not in self._panels:
            wanted = self._scope.prices(with_pools=self._wishes.retrain)[source]
            self._panels[source] = read_panel(self._site.store, source, wanted, self.run.session)
        return self._panels[source]

    def _nodes_panel(self, source: str, symbols: Iterable[str]) -> PricePanel:
        panel = self._panel(source)
        if panel is None:
            raise PriceDataError(f"No prices are stored from source {source!r}.")
        return own_sessions(panel, tuple(symbols))

    def _was_trained_meanwhile(self, symbol: str) -> bool:
        try:
            now = self._site.registry.metadata(symbol)
        except Exception:  # noqa: BLE001  that it failed is noted by who asks
            return False
        return now.checksums.weights != self._scope.models[symbol].checksums.weights

    def _note(self, symbol: str, errors: tuple[str, ...] = (), **changes: object) -> None:
        before = self.run.symbols.get(symbol, SymbolRun())
        after = before.model_copy(update={**changes, "errors": before.errors + errors})
        self.run = self.run.model_copy(update={"symbols": {**self.run.symbols, symbol: after}})

    def _say(self, *notes: str) -> None:
        self.run = self.run.model_copy(update={"notes": tuple(dict.fromkeys((*self.run.notes, *notes)))})

    def _unreachable(self, found: Mapping[str, str]) -> None:
        self.run = self.run.model_copy(update={"unreachable": {**self.run.unreachable, **found}})

    def _begin(self, step: str, count: int) -> None:
        self._check()
        self._on_event(f"begin {step}", str(count))

    def _write(self) -> None:
        self._check()
        self._record(self.run)
