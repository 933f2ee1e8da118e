from __future__ import annotations

import numpy as np
import pytest

from made_horizons import made_comparison, made_horizon_evaluation
from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.lab.horizons.evaluate_horizons import (
    HorizonSettings,
    default_steps,
    evaluate_horizons,
)
from tickgraph.lab.horizons.horizon_result import HorizonEvaluation
from tickgraph.lab.horizons.horizon_targets import check_targets
from tickgraph.lab.horizons.method import HorizonForecast
from tickgraph.lab.run import Listener, Run
from tickgraph.model.training_config import TrainingConfig

NAMES = ("lognormal-20", "ewma", "gjr-fhs", "har-free", "har", "graph-har")


@pytest.fixture(scope="module")
def settings(windows):
    return HorizonSettings(windows=windows, names=NAMES, resamples=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("horizons")


@pytest.fixture(scope="module")
def result(few, settings, folder):
    return evaluate_horizons(few, settings, Run(folder, jobs=1))


def test_all_forecasters_are_judged_on_the_same_cells(result):
    assert [own.name for own in result.forecasters] == list(NAMES)
    assert all([each.horizon for each in own.horizons] == [1, 5, 21] for own in result.forecasters)
    assert result.sessions["1"] > result.sessions["21"] > 60
    assert result.origins["1"] < result.sessions["1"]
    assert result.training == TrainingConfig(horizons=(1, 2, 3, 5, 10, 21, 42, 63))


def test_the_bar_is_the_better_of_the_own_hars(result):
    by_name = {own.name: own for own in result.forecasters}
    for place, horizon in enumerate(result.horizons):
        losses = {name: by_name[name].horizons[place].qlike.value for name in ("har", "har-free")}
        assert result.bar[str(horizon)] == min(losses, key=losses.get)


def test_ratios_are_those_of_the_losses_and_p_values_go_with_their_sentences(result):
    losses = {(own.name, each.horizon): each for own in result.forecasters for each in own.horizons}
    assert result.comparisons
    for own in result.comparisons:
        first, second = (
            getattr(losses[name, own.horizon], own.measure).value for name in (own.first, own.second)
        )
        np.testing.assert_allclose(own.ratio.value, first / second)
        assert own.ratio.low <= own.ratio.value <= own.ratio.high
        assert ("not told apart" in own.conclusion) == (own.p_value >= 0.05)


def test_distributions_are_measured_whole_and_by_year(result):
    for own in result.forecasters:
        for each in own.horizons:
            np.testing.assert_allclose(sum(each.pit), 1)
            np.testing.assert_allclose(each.brier.value, np.mean(list(each.brier_by_strike.values())))
            assert list(each.coverage_by_year) == ["2022"]
            for level, covered in each.coverage.items():
                np.testing.assert_allclose(each.coverage_by_year["2022"][level], covered.value)
            assert each.width["0.95"] > each.width["0.8"]


def test_some_forecaster_is_in_every_confidence_set(result):
    for place in range(3):
        for measure in ("qlike", "crps", "brier"):
            p_values = [own.horizons[place].in_confidence_set[measure] for own in result.forecasters]
            assert max(p_values) == 1.0


def test_the_document_survives_json(result):
    assert HorizonEvaluation.model_validate_json(result.model_dump_json()) == result


def test_findings_answer_what_was_asked(result):
    text = "\n".join(result.findings)
    assert "Least QLIKE by sessions ahead. 1: " in text
    assert "What the graph is worth to a regression: by QLIKE graph-har against har is" in text
    assert "network" not in text


def test_targets_are_of_a_named_forecaster(result):
    assert check_targets(result, 6) == []
    targets = check_targets(result, 6, product="graph-har")
    wanted = {each.wanted for each in targets}
    assert {
        f"QLIKE over 5 sessions at most 0.88 of that of {result.bar['5']}",
        "In the 90 % model confidence set by QLIKE over 1 session",
        "CRPS over 5 sessions below that of gjr-fhs, p below 0.05",
        "CRPS over 21 sessions below that of gjr-fhs",
        "Brier score over 21 sessions at most 0.974 of that of lognormal-20",
        "Coverage of the 95 % interval over 21 sessions within 3 points",
    } <= wanted
    for each in targets:
        if each.wanted.startswith("QLIKE"):
            assert (each.verdict == "met") == (each.measured.value <= each.bound)
    assert {each.bound for each in check_targets(result, 479, product="graph-har")} > {0.87, 0.76, 0.83}


def test_an_ablation_of_the_network_must_be_worse_where_it_is_in_the_run():
    evaluation = made_horizon_evaluation()
    ablation = made_comparison("network", "har", "qlike", 1).model_copy(update={"second": "network-linear"})
    for p_value, verdict in ((0.01, "met"), (0.2, "missed")):
        asked = ablation.model_copy(update={"p_value": p_value})
        checked = check_targets(evaluation.model_copy(update={"comparisons": [asked]}), 42)
        (found,) = [each for each in checked if "network-linear" in each.wanted]
        assert (found.wanted, found.verdict) == (
            "QLIKE over 1 session below that of network-linear, p below 0.05",
            verdict,
        )


def test_finished_forecasters_are_taken_up_again_and_damaged_files_are_not(few, settings, folder, result):
    heard = []
    again = evaluate_horizons(few, settings, Run(folder, jobs=1, listener=Listener(on_piece=heard.append)))
    assert all(each.reused for each in heard)
    assert len(heard) == len(NAMES)
    for one, two in zip(again.forecasters, result.forecasters, strict=True):
        for a, b in zip(one.horizons, two.horizons, strict=True):
            np.testing.assert_allclose(a.crps.value, b.crps.value, rtol=1e-6)  # kept in single precision
    (path,) = folder.glob("*/ewma-*.npz")
    path.write_bytes(path.read_bytes()[:-100])
    heard.clear()
    evaluate_horizons(few, settings, Run(folder, jobs=1, listener=Listener(on_piece=heard.append)))
    mended = [each for each in heard if not each.reused]
    assert {each.forecaster for each in mended} == {"ewma"}
    assert [each.damaged is not None for each in mended] == [each.done for each in mended]


def test_progress_comes_to_the_number_that_was_promised(few, settings, tmp_path):
    promised, heard = [], []
    names = settings.model_copy(update={"names": ("ewma", "har")})
    listener = Listener(promised.append, heard.append)
    evaluate_horizons(few, names, Run(tmp_path, jobs=1, listener=listener))
    assert promised == [sum(each.pieces for each in heard)]
    assert [each.forecaster for each in heard if each.done] == ["ewma", "har"]
    heard.clear()
    evaluate_horizons(few, names, Run(tmp_path, jobs=1, listener=listener))
    assert promised[1] == sum(each.pieces for each in heard)


def test_an_interrupted_run_keeps_what_was_finished(few, settings, tmp_path, monkeypatch):
    from tickgraph.lab.horizons.range_regressions import RangeRegression

    def interrupted(self, moves):
        raise KeyboardInterrupt

    names = settings.model_copy(update={"names": ("ewma", "har")})
    with monkeypatch.context() as broken:
        broken.setattr(RangeRegression, "prepare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate_horizons(few, names, Run(tmp_path, jobs=1))
    heard = []
    evaluate_horizons(few, names, Run(tmp_path, jobs=1, listener=Listener(on_piece=heard.append)))
    assert {each.forecaster: each.reused for each in heard} == {"ewma": True, "har": False}


def test_a_forecaster_without_forecasts_is_named(few, settings, tmp_path, monkeypatch):
    from tickgraph.lab.horizons.range_regressions import RangeRegression

    def silent(self, moves):
        shape = (*few.adj_close.shape, len(moves.horizons))
        return lambda stretch: HorizonForecast(np.full(shape, np.nan)[stretch.rows])

    monkeypatch.setattr(RangeRegression, "prepare", silent)
    names = settings.model_copy(update={"names": ("ewma", "har")})
    with pytest.raises(HistoryTooShortError, match="left to judge after har"):
        evaluate_horizons(few, names, Run(tmp_path, jobs=1))


def test_an_unknown_name_is_refused(few, settings, tmp_path):
    with pytest.raises(InputError, match="Unknown forecaster oracle"):
        evaluate_horizons(few, settings.model_copy(update={"names": ("oracle",)}), Run(tmp_path))


def test_large_universes_are_fitted_less_often():
    assert (default_steps(42), default_steps(479)) == ((21, 1), (63, 3))
