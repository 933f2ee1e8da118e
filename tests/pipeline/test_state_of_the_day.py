"""The universe's state of the day: renewed where it is new, kept where it is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tickgraph.model.universe_state import universe_state
from tickgraph.permit import PermitEnded
from tickgraph.pipeline.state_of_the_day import bring_state, horizons_by_source, publish_states
from tickgraph.registry.registry import ModelRegistry


@pytest.fixture
def own(tmp_path):
    return ModelRegistry(tmp_path / "models")


@pytest.fixture
def brief(few):
    """Sessions enough for features."""
    return few.tail(600)


def publish(registry, panel, horizons=(1, 5), **more):
    return publish_states(registry, lambda _: panel, {"sample": horizons}, **more)


def test_the_state_is_that_of_the_newest_session_of_all_symbols(own, brief):
    told = []
    assert publish(own, brief, on_source=told.append) == {}
    state, expected = own.universe.state("sample"), universe_state(brief, (1, 5))
    assert told == ["sample"]
    assert (state.session, state.symbols) == (brief.sessions[-1], brief.symbols)
    np.testing.assert_array_equal(state.values, expected.values)
    assert state.known.all()


def test_what_is_published_is_left_alone_until_a_price_changes(own, brief):
    publish(own, brief)
    first = own.universe.files("sample")
    publish(own, brief)
    assert own.universe.files("sample") == first
    close = brief.close.copy()
    close[-1, 0] *= 1.01
    publish(own, replace(brief, close=close))
    assert own.universe.state("sample").close[0] == close[-1, 0]
    publish(own, brief, (1, 2))
    assert own.universe.state("sample").horizons == (1, 2)


def test_it_is_of_the_session_that_most_symbols_reach(own, brief):
    closes = {
        name: np.where(
            (np.arange(600) == 599)[:, None] & (np.array(brief.symbols) != "XOM"),
            np.nan,
            getattr(brief, name),
        )
        for name in ("open", "high", "low", "close", "adj_close", "volume")
    }
    publish(own, replace(brief, **closes))
    state = own.universe.state("sample")
    assert state.session == brief.sessions[-2]
    assert state.known.all()


def test_a_symbol_that_has_ended_is_not_known(own, brief):
    gone = {
        name: np.where(
            (np.arange(600) >= 590)[:, None] & (np.array(brief.symbols) == "XOM"),
            np.nan,
            getattr(brief, name),
        )
        for name in ("open", "high", "low", "close", "adj_close", "volume")
    }
    publish(own, replace(brief, **gone))
    state = own.universe.state("sample")
    assert state.known.tolist() == [symbol != "XOM" for symbol in brief.symbols]


def test_a_source_that_fails_is_said_and_the_others_are_renewed(own, brief):
    def panels(source):
        if source == "files":
            raise ValueError("a fault")
        return None if source == "yahoo" else brief

    failures = publish_states(own, panels, {"files": (1,), "sample": (1,), "yahoo": (1,)})
    assert list(failures) == ["files"]
    assert "the state of the universe of 'files'" in failures["files"]
    assert own.universe.sources() == ("sample",)


def test_a_lost_lease_ends_it(own, brief, lost):
    with pytest.raises(PermitEnded, match="it is gone"):
        publish(own.under(lost), brief)
    assert own.universe.state("sample") is None


def test_a_damaged_state_is_replaced(own, brief):
    publish(own, brief)
    (own.root / "universe" / "sample_state.npz").write_bytes(b"half")
    publish(own, brief)
    assert own.universe.state("sample").session == brief.sessions[-1]


def test_a_training_run_leaves_a_newer_or_a_fuller_state_in_place(own, brief):
    assert bring_state(own, brief, (1, 5)) == []
    first = own.universe.files("sample")
    bring_state(own, brief.through(brief.sessions[-2]), (1, 5))  # as of an earlier day
    bring_state(own, brief.select(brief.symbols[:5]), (1, 5))
    assert own.universe.files("sample") == first
    bring_state(own, brief.through(brief.sessions[-2]), (1,))  # the former would be of no use to these models
    assert own.universe.state("sample").horizons == (1,)
    bring_state(own, brief.select(brief.symbols[:5]), (1,))  # a newer one
    assert own.universe.state("sample").symbols == brief.symbols[:5]


def test_the_horizons_are_those_of_most_models_of_a_source(drawn, registry):
    several, alone = drawn.metadata("AAPL"), registry.metadata("AAPL")
    assert horizons_by_source([several, alone, alone]) == {"sample": (1, 5)}
    assert horizons_by_source([alone]) == {}
    config = several.training_config.model_copy(update={"horizons": (1, 2)})
    other = several.model_copy(update={"training_config": config})
    assert horizons_by_source([several, other, other]) == {"sample": (1, 2)}
