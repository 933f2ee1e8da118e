"""Which fit of the universe models are drawn to: the published one, a new one, or the one that ships in the package."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tickgraph.errors import ArtefactError, text_of
from tickgraph.market.ends import ends_of, last_sessions
from tickgraph.market.panel import PricePanel
from tickgraph.model.choice import Choice
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import (
    MIN_SESSIONS,
    MIN_SYMBOLS,
    UniverseFit,
    fit_universe,
)
from tickgraph.model.variance_examples import Universe, universe_of
from tickgraph.registry.default_universe import default_for, default_universe
from tickgraph.registry.freshness import MODEL_AGE
from tickgraph.registry.registry import ModelRegistry
from tickgraph.wording import counted, listed

KNOWN = 0.9
"""Share of a panel's symbols that a published fit must know; else the panel gives a new one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunUniverse:
    """What the models of a run are drawn to.

    Attributes
    ----------
    fit
        The universe's fit.
    prices
        Features and targets up to the session that most symbols end on, of at least the nodes of all models that are
        as of that session.
    notes
        What a person should know of it.
    apart
        The same up to other sessions, each of which several models are as of.
    """

    fit: UniverseFit
    prices: Universe
    notes: tuple[str, ...]
    apart: Mapping[np.datetime64, Universe] = field(default_factory=dict)

    def prices_of(self, choice: Choice | None) -> Universe | None:
        """Give the prices to a model that is as of their last session; None to one that is alone with its session."""
        if choice is None:
            return None
        sessions = self.prices.features.sessions
        is_shared = len(sessions) and choice.session == sessions[-1]
        return self.prices if is_shared else self.apart.get(choice.session)


def universe_at_hand(registry: ModelRegistry, source: str, config: TrainingConfig) -> UniverseFit | None:
    """Give the published fit of a source, or the one that ships: nothing is fitted, so no request waits for it.

    None where the configuration has no horizons.

    Raises
    ------
    HistoryTooShortError
        There is neither a published fit nor one that ships for these horizons and sizes.
    OtherExchangeError
        The published fit is of another exchange.
    """
    if not config.horizons:
        return None
    try:
        published = registry.universe.fit(source)
    except ArtefactError as error:
        _log.warning("the default fit of the universe is used: %s", error)
        published = None
    return published if published and published.suits(config) else default_for(config)


def universe_of_run(
    registry: ModelRegistry,
    panel: PricePanel,
    choices: Mapping[str, Choice],
    config: TrainingConfig,
    *,
    on_fitting: Callable[[str], None] | None = None,
) -> RunUniverse:
    """Choose the fit that the models of a run are drawn to; publish it where it is new.

    The published fit is taken if it has the horizons and sizes, knows nine in ten of the panel's symbols, and ends
    within the seven days up to the session that most symbols end on. Else a new one is fitted on the panel. Where that
    has too few prices, an older published fit stands in, and then the one that ships. No published fit that ends
    after the panel is taken: it would have seen what a forecast as of then must not.

    Parameters
    ----------
    registry
        Where fits are published.
    panel
        Prices of targets and of the symbols that peers are chosen from.
    choices
        Session and peers of each target.
    config
        How the models are trained; it has horizons.
    on_fitting
        Called with a line of text before a fit, which takes seconds.

    Raises
    ------
    HistoryTooShortError
        The panel is too small, and no fit at hand has these horizons and sizes.
    StorageError
        The fit cannot be written.
    """
    notes: list[str] = []
    last = common_end(panel)
    shared = panel.through(last)
    published = _published(registry, panel.source, config, last, notes)
    apart = _prices_apart(panel, choices, last, config)
    if published and _is_fresh(published, shared):
        return RunUniverse(published, _prices_of_nodes(shared, choices, config), tuple(notes), apart)
    fitted, prices, fault = _fit(shared, config, on_fitting)
    if fitted:
        try:
            registry.universe.publish_fit(fitted)
        except ArtefactError as error:
            fitted, fault = None, str(error)
    fit = fitted or published or default_for(config)
    if fitted is None:
        notes.append(f"{fault}: models use {_described(fit)}")
    return RunUniverse(fit, prices or _prices_of_nodes(shared, choices, config), tuple(notes), apart)


def remark_on_later(fit: UniverseFit, choices: Mapping[str, Choice]) -> list[str]:
    """Say which models are drawn to a fit that ends after their own prices."""
    early = sorted(symbol for symbol, choice in choices.items() if choice.session < fit.last_session)
    if not early:
        return []
    return [
        f"{listed(early)}: trained with a fit of the universe up to {fit.last_session}, which is later than the "
        "model's own prices. The model is for use, and no test of what could have been known then"
    ]


def common_end(panel: PricePanel) -> np.datetime64:
    """Session that most symbols of a panel end on."""
    common = ends_of(last_sessions(panel)).common
    return panel.sessions[-1] if common is None else np.datetime64(common, "D")


def _published(
    registry: ModelRegistry, source: str, config: TrainingConfig, last: np.datetime64, notes: list[str]
) -> UniverseFit | None:
    try:
        published = registry.universe.fit(source)
    except ArtefactError as error:  # it is about to be replaced
        notes.append(str(error))
        return None
    if published is None or not published.suits(config) or published.last_session > last:
        return None
    return published


def _is_fresh(published: UniverseFit, panel: PricePanel) -> bool:
    known = len(set(panel.symbols).intersection(published.symbols))
    age = panel.sessions[-1] - published.last_session
    return bool(age < np.timedelta64(MODEL_AGE.days, "D")) and known >= KNOWN * len(panel.symbols)


def _fit(
    panel: PricePanel, config: TrainingConfig, on_fitting: Callable[[str], None] | None
) -> tuple[UniverseFit | None, Universe | None, str]:
    """A fit on a panel, the prices that it was made from, and why there is none."""
    few = (
        f"A fit of the universe needs {MIN_SYMBOLS} symbols with {MIN_SESSIONS} sessions, and there are fewer"
    )
    if (np.isfinite(panel.adj_close).sum(axis=0) >= MIN_SESSIONS).sum() < MIN_SYMBOLS:
        return None, None, few
    if on_fitting:
        on_fitting(f"fitting the universe of {counted(len(panel.symbols), 'symbol')}")
    prices = universe_of(panel, config)
    try:
        return fit_universe(panel, config, prices), prices, few
    except (FloatingPointError, np.linalg.LinAlgError) as error:
        return None, prices, f"The universe could not be fitted ({error})"
    except Exception as error:  # noqa: BLE001  the models are wanted all the same
        return None, prices, text_of("the fit of the universe", error)


def _described(fit: UniverseFit) -> str:
    whose = "the one that ships" if fit.version == default_universe().version else "the last published one"
    return f"{whose}, of {counted(len(fit.symbols), 'symbol')} up to {fit.last_session}"


def _prices_of_nodes(panel: PricePanel, choices: Mapping[str, Choice], config: TrainingConfig) -> Universe:
    """Prices of the nodes of all models that are as of the panel's last session; of others there is no need."""
    nodes = dict.fromkeys(
        node
        for symbol, choice in choices.items()
        if choice.session == panel.sessions[-1]
        for node in (symbol, *(choice.peers or ()))
    )
    return universe_of(panel, config, tuple(nodes))


def _prices_apart(
    panel: PricePanel, choices: Mapping[str, Choice], last: np.datetime64, config: TrainingConfig
) -> dict[np.datetime64, Universe]:
    """Prices up to each session but the last that several models are as of.

    All symbols are listened to up to each of them. So it is done once a session and not once a model.
    """
    models: dict[np.datetime64, list[tuple[str, ...]]] = {}
    for symbol, choice in choices.items():
        if choice.session != last and choice.peers is not None:
            models.setdefault(choice.session, []).append((symbol, *choice.peers))
    found = {}
    for session, graphs in models.items():
        if len(graphs) > 1:
            nodes = tuple(dict.fromkeys(node for graph in graphs for node in graph))
            try:
                found[session] = universe_of(panel.through(session), config, nodes)
            except Exception:  # noqa: BLE001  each of these models finds out by itself, and fails alone
                _log.exception("prices up to %s could not be prepared for several models at once", session)
    return found
