"""The walk: every forecast method is trained on each window's past and forecasts each session of its test range."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import InputError
from tickgraph.lab.evaluation.forecast_panel import ForecastPanel
from tickgraph.lab.evaluation.forecasters.method import ForecastMethod
from tickgraph.lab.evaluation.forecasters.pooled_rows import following_returns
from tickgraph.lab.evaluation.walk_pieces import Piece, piece_path, read_piece, write_piece
from tickgraph.lab.evaluation.windows import Window, WindowSettings, walk_windows
from tickgraph.lab.run import Progress, Run
from tickgraph.lab.side_by_side import Check, run_side_by_side
from tickgraph.lab.stored_arrays import fingerprint, take_up
from tickgraph.market.panel import PricePanel
from tickgraph.model.still import FEWEST_MOVES, moves
from tickgraph.model.training_config import TrainingConfig


@dataclass(frozen=True)
class Walk:
    """Out-of-sample forecasts of all windows.

    Attributes
    ----------
    windows
        Positions in the panel's sessions.
    window_symbols
        Symbols of each window.
    forecasts
        By method; all of the same sessions and symbols.
    seconds
        By method, all windows; also of pieces that were reused.
    failed
        By symbol, why a forecast is missing in some window.
    """

    windows: tuple[Window, ...]
    window_symbols: tuple[tuple[str, ...], ...]
    forecasts: dict[str, ForecastPanel]
    seconds: dict[str, float]
    failed: dict[str, str] = field(default_factory=dict)


def walk_forward(
    panel: PricePanel,
    methods: Sequence[ForecastMethod],
    settings: WindowSettings,
    config: TrainingConfig,
    run: Run,
) -> Walk:
    """Run forecast methods over all windows.

    Training gets the panel cut at the window's last training session. Forecasting gets the panel cut at the last test
    session. Both panels hold only the symbols that had enough history by the end of training. Each piece is stored
    as soon as it is computed, under a name made of all that determines it.

    Parameters
    ----------
    panel
        Prices of the symbols to evaluate, which are also each other's peers.
    methods
        Each with a name of its own.
    settings
        The windows.
    config
        For the history that features need, and the fewest sessions a symbol must have.
    run
        Where pieces are kept. Its listener is called in this thread after each.

    Raises
    ------
    HistoryTooShortError, InputError
        As :func:`tickgraph.lab.evaluation.windows.walk_windows`; or a window without symbols.
    StorageError
        The folder cannot be written.
    KeyboardInterrupt
        Ctrl-C. What was finished is kept; training stops at the next symbol.
    """
    windows = walk_windows(panel.sessions, settings, config.history)
    symbols = tuple(window_symbols(panel, window, config) for window in windows)
    folder = run.folder / fingerprint(
        {
            "data": panel.data_version,
            "windows": settings.model_dump(mode="json"),
            "history": config.history,
            "min_sessions": config.min_sessions,
        }
    )

    def piece_of(method: ForecastMethod, index: int, check: Check) -> tuple[Piece, Progress]:
        window, names = windows[index], symbols[index]
        path = piece_path(folder, method.name, method.settings, index)
        sessions = panel.sessions[window.test_first : window.test_last + 1]
        stored, damaged = take_up(lambda: read_piece(path, sessions, names), fresh=run.fresh)
        if stored is not None:
            return stored, Progress(method.name, index, reused=True)
        piece = forecast_window(panel, method, window, names, config, check)
        if not piece.failed:
            write_piece(path, piece)
        return piece, Progress(method.name, index, damaged=damaged)

    results = run_side_by_side(
        {
            (method.name, index): partial(piece_of, method, index)
            for method in methods
            for index in range(len(windows))
        },
        run.jobs,
        lambda _, result: run.listener.on_piece(result[1]),
    )
    pieces = {key: piece for key, (piece, _) in results.items()}
    return Walk(
        windows,
        symbols,
        {method.name: _joined(panel, windows, method.name, pieces) for method in methods},
        {
            method.name: sum(pieces[method.name, index].seconds for index in range(len(windows)))
            for method in methods
        },
        {
            symbol: f"{name}, window {index + 1}: {reason}"
            for (name, index), piece in sorted(pieces.items())
            for symbol, reason in piece.failed.items()
        },
    )


def window_symbols(panel: PricePanel, window: Window, config: TrainingConfig) -> tuple[str, ...]:
    """Symbols that have enough prices and moves by the end of training, and a price there; later rows are not read."""
    past = panel.adj_close[window.history_first : window.train_last + 1]
    sessions = window.train_last - window.train_first
    needed = config.history + min(config.min_sessions, sessions)
    enough = (np.isfinite(past).sum(axis=0) >= needed) & np.isfinite(past[-1]) & (moves(past) >= FEWEST_MOVES)
    chosen = tuple(name for name, here in zip(panel.symbols, enough, strict=True) if here)
    if len(chosen) < 2:
        raise InputError(
            f"Only {len(chosen)} symbols have {needed} sessions of prices up to "
            f"{panel.sessions[window.train_last]}: the cross-section needs at least 2. Name more symbols, or "
            "start the test range later."
        )
    return chosen


def forecast_window(
    panel: PricePanel,
    method: ForecastMethod,
    window: Window,
    symbols: tuple[str, ...],
    config: TrainingConfig,
    check: Check,
) -> Piece:
    """Train on what lies before a window's test range and forecast each session of it."""
    started = time.perf_counter()
    own = panel.select(symbols)
    past = own.through(panel.sessions[window.train_last]).tail(window.train_last - window.history_first + 1)
    trained = method.train(past, check)
    # Twice the history, because sequences of features reach further back than one set of features.
    visible = own.through(panel.sessions[window.test_last]).tail(window.test_sessions + 2 * config.history)
    forecast = trained(visible, window.test_sessions)
    sessions = panel.sessions[window.test_first : window.test_last + 1]
    failed = getattr(trained, "failed", {})
    return Piece(sessions, symbols, forecast, time.perf_counter() - started, dict(failed))


def _joined(
    panel: PricePanel, windows: Sequence[Window], name: str, pieces: dict[tuple[str, int], Piece]
) -> ForecastPanel:
    first, last = windows[0].test_first, windows[-1].test_last
    forecast = np.full((last - first + 1, len(panel.symbols)), np.nan)
    for index, window in enumerate(windows):
        piece = pieces[name, index]
        columns = [panel.column(symbol) for symbol in piece.symbols]
        forecast[window.test_first - first : window.test_last - first + 1, columns] = piece.forecast
    realised = following_returns(panel)[first : last + 1]
    return ForecastPanel(panel.sessions[first : last + 1], panel.symbols, forecast, realised)


def same_cells(forecasts: dict[str, ForecastPanel]) -> dict[str, ForecastPanel]:
    """Keep the sessions and symbols that every method forecast.

    Cells whose return never came to be known stay: a portfolio must not pass over a symbol because its next price
    will be missing.
    """
    everyone: NDArray[np.bool_] = np.logical_and.reduce(
        [np.isfinite(own.forecast) for own in forecasts.values()]
    )
    return {
        name: ForecastPanel(
            own.sessions,
            own.symbols,
            np.where(everyone, own.forecast, np.nan),
            np.where(everyone, own.realised, np.nan),
        )
        for name, own in forecasts.items()
    }
