from __future__ import annotations

import numpy as np
import pytest

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.lab import joined_evaluation
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.joined_evaluation import chosen_forecasters, evaluate_parts
from tickgraph.lab.options import network_walk
from tickgraph.lab.options.strategy_evaluation import StrategySettings, evaluate_strategies
from tickgraph.lab.run import Listener, Run

NAMES = ("strangle-16", "put-spread-30-16")


@pytest.fixture
def settings(schedule):
    windows = schedule.windows.model_copy(update={"horizons": (5, 10)})
    return StrategySettings(windows=windows, names=NAMES, resamples=100)


@pytest.fixture(autouse=True)
def quick_forecaster(known, monkeypatch):
    monkeypatch.setattr(network_walk, "make_horizon_forecasters", lambda *_, **__: (known,))


def test_every_strategy_has_figures_at_every_horizon_and_so_have_all_together(moves, settings, tmp_path):
    promised, heard = [], []
    listener = Listener(promised.append, heard.append)
    result = evaluate_strategies(moves.panel, settings, Run(tmp_path, listener=listener))
    assert [own.name for own in result.strategies] == [*NAMES, "all"]
    assert all([each.horizon for each in own.horizons] == [5, 10] for own in result.strategies)
    *each, together = (own.horizons[0] for own in result.strategies)
    assert together.strategies == sum(own.strategies for own in each)
    np.testing.assert_allclose(
        together.came.value,
        np.average([own.came.value for own in each], weights=[e.strategies for e in each]),
    )
    assert len(result.targets) == 6
    assert promised == [sum(each.pieces for each in heard)]


def test_it_stands_in_the_document_of_all_parts(moves, settings, tmp_path):
    result = evaluate_parts(moves.panel, None, None, None, settings, Run(tmp_path))
    assert (result.forecasters, result.horizons) == ([], None)
    assert Evaluation.model_validate_json(result.model_dump_json()) == result


def test_nothing_that_came_to_its_end_is_an_error(moves, settings, tmp_path):
    last = moves.panel.sessions[-4].astype("datetime64[D]").item()
    windows = settings.windows.model_copy(update={"start": last})
    with pytest.raises(HistoryTooShortError, match="prices end within 5 sessions of entry"):
        evaluate_strategies(moves.panel, settings.model_copy(update={"windows": windows}), Run(tmp_path))


def test_an_unknown_strategy_is_refused(moves, settings, tmp_path):
    with pytest.raises(InputError, match="Unknown strategy condor"):
        evaluate_strategies(moves.panel, settings.model_copy(update={"names": ("condor",)}), Run(tmp_path))


def test_strategies_are_a_part_that_a_quick_run_leaves_out_unless_it_is_named():
    assert (
        chosen_forecasters([])["strategies"] == chosen_forecasters(["strategies"], quick=True)["strategies"]
    )
    assert chosen_forecasters([], quick=True)["strategies"] == ()
    assert chosen_forecasters(["strangle-30"]) == {
        "returns": (),
        "horizons": (),
        "touch": (),
        "strategies": ("strangle-30",),
    }
    assert set(joined_evaluation.GROUPS) == {"returns", "horizons", "touch", "strategies"}
