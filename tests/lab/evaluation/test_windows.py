from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.lab.evaluation.windows import HORIZON, WindowSettings, walk_windows

HISTORY = 61


def days(count):
    return np.datetime64("2014-01-02") + np.arange(count)


@st.composite
def walks(draw):
    """Settings, a history length and sessions enough for at least one forecast."""
    settings = WindowSettings(
        scheme=draw(st.sampled_from(["rolling", "expanding"])),
        train_sessions=draw(st.integers(50, 200)),
        retrain_every=draw(st.integers(1, 90)),
        embargo=draw(st.integers(0, 10)),
    )
    history = draw(st.integers(2, 80))
    least = history - 1 + settings.train_sessions + settings.embargo + 2 + HORIZON
    return settings, history, least, least + draw(st.integers(0, 300))


@given(walks())
def test_no_training_target_touches_a_test_session(walk):
    settings, history, _, count = walk
    for window in walk_windows(days(count), settings, history):
        # Targets of training end at the closes train_first + 1 ... train_last.
        assert window.train_last < window.test_first
        assert window.test_first - window.train_last - 1 == settings.embargo
        # The first target that is judged begins where no training target ends.
        assert window.test_first >= window.train_last + HORIZON
        assert window.history_first >= 0
        assert window.train_first - window.history_first + 1 == history


@given(walks())
def test_windows_tile_the_test_range(walk):
    settings, history, least, count = walk
    windows = walk_windows(days(count), settings, history)
    tested = [t for window in windows for t in range(window.test_first, window.test_last + 1)]
    assert tested == list(range(least - 1 - HORIZON, count - HORIZON))  # all that can be, each once
    assert all(window.test_sessions == settings.retrain_every for window in windows[:-1])


@given(walks())
def test_the_length_of_training_is_the_schemes(walk):
    settings, history, _, count = walk
    for window in walk_windows(days(count), settings, history):
        targets = window.train_last - window.train_first
        if settings.scheme == "rolling":
            assert targets == settings.train_sessions
        else:
            assert window.history_first == 0
            assert targets >= settings.train_sessions


@given(walks())
def test_one_session_less_than_needed_is_an_error_that_says_how_many(walk):
    settings, history, least, _ = walk
    assert len(walk_windows(days(least), settings, history)) == 1
    with pytest.raises(HistoryTooShortError, match=f"{least - 1} sessions, need {least}"):
        walk_windows(days(least - 1), settings, history)


def test_the_product_window_by_hand():
    """61 prices behind the first features, 1000 targets, one session between, then a quarter at a time."""
    first, second, *_ = walk_windows(days(1300), WindowSettings(), HISTORY)
    assert (first.history_first, first.train_first, first.train_last) == (0, 60, 1060)
    assert (first.test_first, first.test_last) == (1062, 1124)
    assert (second.train_first, second.test_first) == (123, 1125)


def test_the_test_range_is_cut_to_what_was_asked():
    settings = WindowSettings(
        train_sessions=100, retrain_every=20, start=date(2014, 10, 1), end=date(2014, 11, 10)
    )
    sessions = days(400)
    windows = walk_windows(sessions, settings, HISTORY)
    assert sessions[windows[0].test_first] == np.datetime64("2014-10-01")
    assert sessions[windows[-1].test_last] == np.datetime64("2014-11-10")
    assert [window.test_sessions for window in windows] == [20, 20, 1]


def test_a_start_before_the_first_possible_names_it():
    with pytest.raises(HistoryTooShortError, match="up to 2014-06-13 at the earliest"):
        walk_windows(days(400), WindowSettings(train_sessions=100, start=date(2014, 3, 1)), HISTORY)


def test_an_empty_range_says_so():
    settings = WindowSettings(train_sessions=100, start=date(2014, 10, 1), end=date(2014, 9, 1))
    with pytest.raises(InputError, match="Empty test range"):
        walk_windows(days(400), settings, HISTORY)
    with pytest.raises(InputError, match="prices end on 2015-02-05"):
        walk_windows(days(400), WindowSettings(train_sessions=100, start=date(2015, 2, 5)), HISTORY)
