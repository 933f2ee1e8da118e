"""What a symbol's model is fitted on: as of which session, on how much history, and with which peers."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from tickgraph.graph.peers import select_peers
from tickgraph.market.ends import last_sessions, shared_sessions
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig
from tickgraph.shapes import Bool, Float64

HORIZON = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What one symbol's model is fitted on.

    Attributes
    ----------
    session
        The last session whose prices are used: the symbol's own last one, or one shortly before that most others
        have. See :func:`tickgraph.market.ends.shared_sessions`.
    own_last
        The symbol's own last session.
    history
        Sessions of prices the symbol has in the window up to ``session``.
    peers
        The strongest first; None where the history is too short for a model.
    candidates
        Symbols that peers could come from.
    absent
        How many of them have no price at ``session``, and so cannot be peers.
    """

    session: np.datetime64
    own_last: np.datetime64
    history: int
    peers: tuple[str, ...] | None
    candidates: int
    absent: int


def training_window(panel: PricePanel, config: TrainingConfig) -> PricePanel:
    """The last sessions of the panel that a full window needs, history and horizon included."""
    return panel.tail(min(len(panel.sessions), config.history + config.sessions))


def choose(
    panel: PricePanel, symbols: Sequence[str], config: TrainingConfig, pool: Collection[str] | None = None
) -> dict[str, Choice]:
    """Choose session and peers of each symbol: the one place where peers are chosen.

    Peers are chosen on the training part of the window only, among symbols that have a price at its end. Symbols that
    share a session and a length of history are compared at once.

    Parameters
    ----------
    panel
        Prices of the symbols and of every candidate peer.
    symbols
        Targets.
    config
        Sizes and windows.
    pool
        Symbols that peers are chosen from; None is every symbol of the panel.

    Returns
    -------
    dict
        By symbol; one without any price is left out.

    Raises
    ------
    PriceDataError
        The panel lacks a symbol.
    """
    allowed = set(panel.symbols if pool is None else pool)
    wanted: dict[np.datetime64, list[str]] = {}
    ends = shared_sessions(panel, symbols, allowed)
    for symbol, session in ends.items():
        wanted.setdefault(session, []).append(symbol)
    own_last = last_sessions(panel, set(symbols))
    choices: dict[str, Choice] = {}
    for session, group in wanted.items():
        window = training_window(panel.through(session), config)
        priced = np.isfinite(window.adj_close)
        in_pool = np.array([name in allowed for name in window.symbols], dtype=np.bool_)
        present = priced[-1] & in_pool
        peers = _peers(window, group, config, present)
        candidates, absent = int(in_pool.sum()), int(in_pool.sum() - present.sum())
        for symbol in group:
            column = window.column(symbol)
            choices[symbol] = Choice(
                session,
                np.datetime64(own_last[symbol], "D"),
                int(priced[:, column].sum()),
                peers.get(symbol),
                candidates - int(in_pool[column]),
                absent,
            )
    return choices


def choose_all(
    panel: PricePanel, symbols: Sequence[str], config: TrainingConfig, pool: Collection[str] | None = None
) -> dict[str, Choice]:
    """As :func:`choose`, for those who train the symbols one by one; empty after an unforeseen error.

    An error does not say which symbol caused it. Where there is no choice each symbol chooses by itself in
    :func:`tickgraph.model.fitting.fit`, so that one fails alone.
    """
    try:
        return choose(panel, [symbol for symbol in symbols if symbol in panel.columns], config, pool)
    except Exception:  # noqa: BLE001
        _log.exception("peers could not be chosen for all symbols at once; each chooses its own")
        return {}


def is_long_enough(history: int, config: TrainingConfig) -> bool:
    """Whether so many sessions of prices make a model."""
    return history >= config.history + config.min_sessions


def _peers(
    window: PricePanel, group: Sequence[str], config: TrainingConfig, candidates: Bool[np.ndarray, "symbols"]
) -> dict[str, tuple[str, ...]]:
    """Peers of the symbols of a group whose history is long enough."""
    returns, priced = window.log_returns(), np.isfinite(window.adj_close)
    long_enough, ends, overlap = [], [], []
    for symbol in group:
        column = window.column(symbol)
        history = int(priced[:, column].sum())
        if is_long_enough(history, config):
            end = _training_returns(window, history, config)  # of most symbols the same
            long_enough.append(symbol)
            ends.append(end)
            overlap.append(_overlap(returns[:end, column], config))
    return select_peers(returns, window.symbols, long_enough, config.num_peers, overlap, candidates, ends)


def _training_returns(window: PricePanel, history: int, config: TrainingConfig) -> int:
    """Rows of the window's returns that belong to the training part."""
    held_out = round((history - config.history) * config.calibration_fraction)
    return len(window.sessions) - held_out - HORIZON


def _overlap(own: Float64[np.ndarray, "returns"], config: TrainingConfig) -> int:
    return max(config.lookback, int(np.isfinite(own).sum()) // 2)
