from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest

from tickgraph.errors import InputError, StorageError
from tickgraph.lab.evaluation.forecast_panel import ForecastPanel
from tickgraph.lab.evaluation.forecasters.method_catalogue import (
    FORECASTERS,
    ForecasterSettings,
    make_forecasters,
)
from tickgraph.lab.evaluation.portfolio import daily_returns
from tickgraph.lab.evaluation.walk_forward import same_cells, walk_forward, window_symbols
from tickgraph.lab.evaluation.windows import WindowSettings, walk_windows
from tickgraph.lab.run import Listener, Run
from tickgraph.lab.side_by_side import Stopped
from tickgraph.market.panel import PANEL_COLUMNS

SETTINGS = WindowSettings(train_sessions=120, retrain_every=60)


class LastReturn:
    """Forecasts the last return, and remembers what it was shown."""

    kind = "baseline"
    description = "For tests."

    def __init__(self, name="last-return", **settings):
        self.name = name
        self.settings = settings
        self.shown = []

    def train(self, past, check):
        seen = {"symbols": past.symbols, "sessions": past.sessions}
        self.shown.append(seen)

        def forecast(panel, count):
            seen["later"] = panel.sessions
            return panel.log_returns()[-count:]

        return forecast


@pytest.fixture
def walk(small_panel, short, tmp_path):
    """Walk into a folder of the test's own, one piece after the other."""

    def run(*forecasters, panel=small_panel, settings=SETTINGS, **more):
        run = Run(tmp_path / "pieces", jobs=1, **more)
        return walk_forward(panel, forecasters, settings, short, run)

    return run


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "pieces"


def test_training_and_forecasting_see_no_session_too_many(walk, small_panel, short):
    own = LastReturn()
    windows = walk(own).windows
    assert len(windows) == 4
    for window, seen in zip(windows, own.shown, strict=True):
        assert seen["sessions"][-1] == small_panel.sessions[window.train_last]
        assert len(seen["sessions"]) == short.history + SETTINGS.train_sessions
        assert seen["later"][-1] == small_panel.sessions[window.test_last]
        assert seen["sessions"][-1] < small_panel.sessions[window.test_first]


def test_forecasts_lie_beside_the_returns_that_came(walk, small_panel):
    forecast = walk(LastReturn()).forecasts["last-return"]
    returns = small_panel.log_returns()
    first = int(np.searchsorted(small_panel.sessions, forecast.sessions[0]))
    known = np.isfinite(forecast.forecast)
    np.testing.assert_array_equal(forecast.sessions, small_panel.sessions[first:-1])
    np.testing.assert_array_equal(forecast.forecast[known], returns[first:-1][known])
    np.testing.assert_array_equal(forecast.realised, returns[first + 1 :])


def test_a_symbol_joins_once_its_history_suffices(walk, small_panel, short):
    """ABNB began in December 2020: it is in no window whose training saw less of it than is asked."""
    own = LastReturn()
    result = walk(own)
    began = int(np.argmax(np.isfinite(small_panel.adj_close[:, small_panel.column("ABNB")])))
    for window, symbols in zip(result.windows, result.window_symbols, strict=True):
        seen = window.train_last - max(began, window.history_first) + 1
        assert ("ABNB" in symbols) == (seen >= short.history + short.min_sessions)
    assert [seen["symbols"] for seen in own.shown] == list(result.window_symbols)
    joins = ["ABNB" in symbols for symbols in result.window_symbols]
    assert joins[-1]
    assert not joins[0]
    assert np.isnan(result.forecasts["last-return"].forecast[0, small_panel.column("ABNB")])


def test_who_is_in_a_window_does_not_depend_on_what_came_later(small_panel, short):
    """A symbol that stops trading in the test range was no less in the universe."""
    window = walk_windows(small_panel.sessions, SETTINGS, short.history)[1]
    gone = small_panel.adj_close.copy()
    gone[window.train_last + 1 :, 0] = np.nan
    stopped = dataclasses.replace(small_panel, adj_close=gone)
    assert window_symbols(stopped, window, short) == window_symbols(small_panel, window, short)
    gone[window.train_last, 0] = np.nan
    assert small_panel.symbols[0] not in window_symbols(stopped, window, short)


def test_a_second_run_trains_nothing(walk):
    first, second, told = LastReturn(), LastReturn(), []
    before = walk(first)
    after = walk(second, listener=Listener(on_piece=told.append))
    assert len(first.shown) == 4
    assert second.shown == []
    assert all(progress.reused for progress in told)
    assert after.seconds == before.seconds
    np.testing.assert_array_equal(
        before.forecasts["last-return"].forecast, after.forecasts["last-return"].forecast
    )


def test_fresh_starts_over(walk):
    walk(LastReturn())
    again = LastReturn()
    walk(again, fresh=True)
    assert len(again.shown) == 4


def test_an_interrupted_run_goes_on_where_it_stopped(walk, monkeypatch):
    class Interrupted(LastReturn):
        def train(self, past, check):
            if len(self.shown) == 2:
                raise KeyboardInterrupt
            return super().train(past, check)

    with pytest.raises(KeyboardInterrupt):
        walk(Interrupted())
    rest = LastReturn()
    walk(rest)
    assert len(rest.shown) == 2


def test_a_stopped_walk_lets_training_leave_between_symbols(walk, small_panel, short, tmp_path):
    """Ctrl-C in the thread that waits; a training that runs hears of it at its next symbol."""
    training, heard = threading.Event(), []

    class Long(LastReturn):
        def train(self, past, check):
            training.set()
            try:
                while True:
                    check()
            except Stopped:
                heard.append(True)
                raise

    def interrupt(_):
        training.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walk_forward(
            small_panel,
            [LastReturn(), Long("long")],
            SETTINGS,
            short,
            Run(tmp_path / "pieces", jobs=2, listener=Listener(on_piece=interrupt)),
        )
    assert heard


@pytest.mark.parametrize("damage", ["cut", "flipped", "other", "empty"])
def test_a_damaged_piece_is_computed_again_and_said(walk, folder, damage):
    before = walk(LastReturn())
    paths = sorted(folder.rglob("*.npz"))
    data = paths[1].read_bytes()
    changed = {
        "cut": data[: len(data) // 2],
        "flipped": data[:200] + bytes([data[200] ^ 255]) + data[201:],
        "other": paths[0].read_bytes(),
        "empty": b"",
    }[damage]
    paths[1].write_bytes(changed)
    again, told = LastReturn(), []
    after = walk(again, listener=Listener(on_piece=told.append))
    assert len(again.shown) == 1
    (said,) = [progress for progress in told if not progress.reused]
    assert said.window == 1
    assert str(paths[1]) in said.damaged
    np.testing.assert_array_equal(
        before.forecasts["last-return"].forecast, after.forecasts["last-return"].forecast
    )
    assert paths[1].read_bytes() != changed


def test_changed_settings_reuse_nothing(walk, small_panel):
    walk(LastReturn(rate=1))
    moved = small_panel.adj_close.copy()
    moved[-1, 0] *= 1.01
    for own, more in (
        (LastReturn(rate=2), {}),
        (LastReturn(rate=1), {"settings": SETTINGS.model_copy(update={"embargo": 2})}),
        (LastReturn(rate=1), {"settings": SETTINGS.model_copy(update={"scheme": "expanding"})}),
        (LastReturn(rate=1), {"panel": dataclasses.replace(small_panel, adj_close=moved)}),
        (LastReturn(rate=1), {"panel": small_panel.select(small_panel.symbols[:4])}),
    ):
        walk(own, **more)
        assert len(own.shown) >= 4
    unchanged = LastReturn(rate=1)
    walk(unchanged)
    assert unchanged.shown == []


def test_expanding_windows_show_all_of_the_past(walk, small_panel):
    own = LastReturn()
    walk(own, settings=SETTINGS.model_copy(update={"scheme": "expanding"}))
    assert [len(seen["sessions"]) for seen in own.shown] == [181, 241, 301, 361]
    assert all(seen["sessions"][0] == small_panel.sessions[0] for seen in own.shown)


def test_a_folder_that_cannot_be_written_ends_the_walk(walk, folder):
    folder.write_text("a file")
    with pytest.raises(StorageError):
        walk(LastReturn())


def test_too_few_symbols_name_the_session(walk, small_panel):
    with pytest.raises(InputError, match="Only 1 symbols have 161 sessions of prices up to 20"):
        walk(LastReturn(), panel=small_panel.select(("AAPL", "ABNB")))


def test_only_what_everyone_forecast_is_compared():
    sessions, nan = np.array(["2022-01-03", "2022-01-04"], "datetime64[D]"), np.nan
    realised = np.array([[0.1, 0.2], [nan, 0.4]])

    def panel(forecast):
        return ForecastPanel(sessions, ("A", "B"), np.array(forecast), realised)

    kept = same_cells({"one": panel([[1.0, nan], [3.0, 4.0]]), "two": panel([[5.0, 6.0], [7.0, 8.0]])})
    np.testing.assert_array_equal(kept["one"].forecast, [[1.0, nan], [3.0, 4.0]])
    np.testing.assert_array_equal(kept["two"].forecast, [[5.0, nan], [7.0, 8.0]])
    np.testing.assert_array_equal(kept["two"].realised, [[0.1, nan], [nan, 0.4]])


def test_a_portfolio_does_not_know_whose_next_price_will_be_missing():
    sessions, nan = np.array(["2022-01-03", "2022-01-04"], "datetime64[D]"), np.nan
    forecast = np.array([[2.0, 1.0], [2.0, 1.0]])
    panel = ForecastPanel(sessions, ("A", "B"), forecast, np.array([[0.0, 0.0], [nan, 0.1]]))
    kept = same_cells({"one": panel})["one"]
    # A is chosen on both days, although it has no price after the second.
    held = daily_returns(kept, k=1, cost_basis_points=0, short=False)
    np.testing.assert_array_equal(held.gross, [0.0, 0.0])


def test_the_walk_of_every_forecaster_ignores_what_came_later(small_panel, short, tmp_path):
    """The whole path, universe and training included: what came after a session cannot change its forecast."""
    settings = ForecasterSettings(training=short, pool_epochs=1, tuning_epochs=1, recurrent_epochs=1)
    every = make_forecasters(FORECASTERS, settings)
    steps = WindowSettings(train_sessions=120, retrain_every=100)
    windows = walk_windows(small_panel.sessions, steps, short.history)
    cut = windows[1].test_first + 10  # in the second window: its training must not see it
    generator = np.random.default_rng(0)

    def corrupt(values):
        changed = values.copy()
        changed[cut + 1 :] = generator.uniform(1, 1e5, changed[cut + 1 :].shape)
        return changed

    corrupted = dataclasses.replace(
        small_panel, **{name: corrupt(getattr(small_panel, name)) for name in PANEL_COLUMNS}
    )
    real, shaken = (
        walk_forward(panel, every, steps, short, Run(tmp_path / name, jobs=1))
        for name, panel in (("real", small_panel), ("corrupt", corrupted))
    )
    until = cut - windows[0].test_first + 1
    for name in FORECASTERS:
        one, other = (walk.forecasts[name].forecast for walk in (real, shaken))
        assert np.isfinite(one[:until]).any()
        np.testing.assert_allclose(one[:until], other[:until], rtol=1e-3, atol=1e-7, err_msg=name)
        if name != "zero":  # the corruption is seen by who may see it
            assert not np.allclose(one[until:], other[until:], rtol=1e-3, equal_nan=True), name
