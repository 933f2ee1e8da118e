from __future__ import annotations

import pytest

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.evaluation.html_report.sections import render
from tickgraph.lab.joined_evaluation import chosen_forecasters, evaluate_parts
from tickgraph.lab.options import network_walk
from tickgraph.lab.options.options_conclusions import (
    judged_deciles,
    touch_findings,
    touch_targets,
    worst_decile,
)
from tickgraph.lab.options.touch_evaluation import TouchSettings, evaluate_touch
from tickgraph.lab.options.touch_methods import METHODS
from tickgraph.lab.run import Listener, Run
from tickgraph.lab.terminal_tables import touch_table
from tickgraph.registry.evaluation_record import Figure


@pytest.fixture(scope="module")
def settings(schedule):
    windows = schedule.windows.model_copy(update={"horizons": (5, 10), "density_every": 6})
    return TouchSettings(windows=windows, resamples=100)


@pytest.fixture(scope="module")
def result(moves, settings, known, tmp_path_factory):
    promised, heard = [], []
    listener = Listener(promised.append, heard.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_walk, "make_horizon_forecasters", lambda *_, **__: (known,))
        found = evaluate_parts(
            moves.panel,
            None,
            None,
            settings,
            None,
            Run(tmp_path_factory.mktemp("touch"), listener=listener),
        )
    assert promised == [sum(each.pieces for each in heard)]
    return found


def test_every_method_has_figures_at_every_horizon(result):
    touch = result.touch
    assert [method.name for method in touch.methods] == list(METHODS)
    assert all([each.horizon for each in method.horizons] == [5, 10] for method in touch.methods)
    assert touch.methods[0].horizons[0].brier_ratio is None
    assert touch.methods[2].horizons[0].brier_ratio.value > 0.5
    assert touch_table(touch).row_count == 10


def test_targets_and_findings_are_made_from_the_figures(result):
    touch = result.touch
    assert len(touch.targets) == 2 * 4
    assert touch.targets == touch_targets(touch)
    assert touch.findings == touch_findings(touch, touch.targets)
    met = sum(each.verdict == "met" for each in touch.targets)
    assert touch.findings[-1] == f"Touch: {met} of 8 targets are met."
    worst = max(touch.methods[0].horizons[0].deciles, key=lambda each: abs(each.error.value))
    assert f"is off by {worst.error.value * 100:+.1f} points" in touch.findings[0]


def test_a_tenth_of_hardly_any_levels_stands_there_and_is_not_judged(result):
    figures = result.touch.methods[0].horizons[0]
    few = figures.deciles[-1].model_copy(
        update={"levels": figures.levels // 2000, "error": Figure(value=0.5, low=None, high=None)}
    )
    lonely = figures.model_copy(update={"deciles": [*figures.deciles[:-1], few]})
    assert few not in judged_deciles(lonely)
    assert worst_decile(lonely).error.value < 0.5
    assert len(judged_deciles(figures)) == len(figures.deciles)


def test_it_stands_in_the_document_and_on_the_page(result):
    assert (result.forecasters, result.horizons, result.strategies) == ([], None, None)
    assert Evaluation.model_validate_json(result.model_dump_json()) == result
    page = render(result)
    for text in (
        "Touch: are levels touched as often as was said",
        "touch-haug",
        "By tenth of the probability",
    ):
        assert text in page


def test_nothing_that_came_to_its_end_and_unknown_methods_are_errors(
    moves, settings, known, tmp_path, monkeypatch
):
    monkeypatch.setattr(network_walk, "make_horizon_forecasters", lambda *_, **__: (known,))
    last = moves.panel.sessions[-4].astype("datetime64[D]").item()
    windows = settings.windows.model_copy(update={"start": last})
    with pytest.raises(HistoryTooShortError, match="it ends within 5 sessions"):
        evaluate_touch(moves.panel, settings.model_copy(update={"windows": windows}), Run(tmp_path))
    with pytest.raises(InputError, match="Unknown method haug"):
        evaluate_touch(moves.panel, settings.model_copy(update={"names": ("haug",)}), Run(tmp_path))


def test_touch_is_a_part_that_a_quick_run_leaves_out_unless_it_is_named():
    assert chosen_forecasters([], quick=True)["touch"] == ()
    assert chosen_forecasters(["touch"], quick=True)["touch"] == METHODS
    assert chosen_forecasters(["touch-haug"])["touch"] == ("touch-haug",)
