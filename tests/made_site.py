"""Sites for tests of operations: the sample as a provider that knows no more than its clock, and small models."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tickgraph.errors import SourceUnavailableError
from tickgraph.market.calendar import last_completed_session
from tickgraph.market.store import PriceStore
from tickgraph.model.training_config import TrainingConfig
from tickgraph.operations.site import Site
from tickgraph.pipeline.engines import LocalEngine
from tickgraph.registry.registry import ModelRegistry

SYMBOLS = ("AAPL", "JPM", "MSFT", "XOM")
POOL = (*SYMBOLS, "BAC", "C", "CVX", "COP", "GOOGL", "AMZN", "GS", "INTC", "MS", "WFC")
TRAINING = TrainingConfig(epochs=2, sessions=300, min_sessions=200, horizons=())


class Clock:
    def __init__(self, moment):
        self.moment = moment

    def __call__(self):
        return self.moment


class LiveSource:
    """A live provider: the sample up to the last completed session, counted, with faults on demand."""

    editable = False

    def __init__(self, sample, clock, name="sample"):
        self.name, self._sample, self._clock = name, sample, clock
        self.asked = Counter()
        self.down = False
        self.late = False
        self.failing = {}
        self.ends = {}  # last day that it has of a symbol
        self.known_as = {}  # today's name to the one it has in the sample

    def symbols(self):
        return POOL

    def fetch(self, symbols, first=None, last=None):
        if self.down:
            raise SourceUnavailableError("the provider does not answer")
        self.asked.update(symbols)
        newest = last_completed_session(self._clock()) - (1 if self.late else 0)
        until = min(filter(None, (last, newest.item())))
        back = {self.known_as.get(symbol, symbol): symbol for symbol in symbols if symbol not in self.failing}
        fetched = self._sample.fetch(tuple(back), first, until)
        bars = fetched.bars.assign(symbol=fetched.bars["symbol"].map(lambda name: back[name]))
        for symbol, day in self.ends.items():
            bars = bars[(bars["symbol"] != symbol) | (bars["date"] <= str(day))]
        failures = {symbol: self.failing[symbol] for symbol in symbols if symbol in self.failing}
        return replace(fetched, bars=bars, failures={**fetched.failures, **failures})


def made_site(folder, source, clock, **changes):
    made = Site(
        registry=ModelRegistry(folder / "models", clock),
        store=PriceStore(folder / "prices", clock),
        open_source=lambda _: source,
        source=source.name,
        operations_dir=folder / "state",
        training=TRAINING,
        peer_pool=POOL,
        universe=SYMBOLS,
        open_engine=lambda: LocalEngine(1),
        now=clock,
    )
    return replace(made, **changes)


def contents(folder):
    """Every file below a folder and its bytes, the files of locks left out."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def trained(run):
    return {symbol for symbol, done in run.symbols.items() if done.training == "trained"}


def published(run):
    return {symbol for symbol, done in run.symbols.items() if done.correlations == "published"}
