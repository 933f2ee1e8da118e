from __future__ import annotations

import pytest

from made_evaluation import made_evaluation
from made_horizons import HORIZONS, LOSSES, made_horizon_evaluation
from tickgraph.lab.evaluation.html_report.horizon_section import horizon_section
from tickgraph.lab.evaluation.html_report.parts import Plot, Table
from tickgraph.lab.evaluation.html_report.sections import masthead, render, sections


@pytest.fixture(scope="module")
def evaluation():
    return made_horizon_evaluation()


@pytest.fixture(scope="module")
def section(evaluation):
    return horizon_section(evaluation)


def table(section, caption):
    return next(part for part in section.parts if isinstance(part, Table) and part.caption == caption)


def row(table, variant, name):
    return next(cells for cells in table.variants[variant] if cells[0].text == name)[1:]


def test_the_best_of_each_horizon_is_marked_and_who_may_be_it(section):
    losses = table(section, "Losses by horizon")
    assert [cell.text for cell in row(losses, "QLIKE", "har")] == ["0.4500"] * 2
    marks = {name: [cell.mark and cell.mark.short for cell in row(losses, "QLIKE", name)] for name in LOSSES}
    assert marks["network"] == ["best"] * 2
    assert marks["graph-har"] == ["≈ best"] * 2
    assert marks["har"] == [None] * 2


def test_a_ratio_stands_with_its_p_value(section):
    against = table(section, "Against a benchmark")
    assert "QLIKE against the own HAR" in against.variants
    near, far = row(against, "QLIKE against the own HAR", "network")
    assert (near.text, near.mark.kind, near.mark.short) == ("0.889", "best", "p below 0.001")
    assert (far.mark.kind, far.mark.text) == ("null", "p 0.300: not told apart from the benchmark")
    worse = row(against, "QLIKE against the own HAR", "lognormal-20")[0]
    assert worse.mark.short == "p below 0.001, worse"
    assert [cell.text for cell in row(against, "QLIKE against the own HAR", "har")] == ["–", "–"]


def test_coverage_off_its_level_is_marked_by_the_bound_of_its_horizon(section):
    coverage = table(section, "Coverage by horizon")
    marks = [cell.mark for cell in row(coverage, "80 %, all years", "lognormal-20")]
    assert [mark.short for mark in marks] == ["> 1.5 points off", "> 3 points off"]
    assert all(cell.mark is None for cell in row(coverage, "80 %, all years", "network"))
    assert [cell.text for cell in row(coverage, "95 %, 2020", "network")] == ["90.0 %"] * 2


def test_targets_say_whether_they_are_met(section):
    ((wanted, measured, verdict),) = table(section, "Targets").variants["all"]
    assert (wanted.text, measured.text, verdict.text) == (
        "QLIKE over 1 session at most 0.945 of that of har",
        "0.889",
        "met",
    )


def test_every_plot_has_a_choice_of_horizons_or_benchmarks(section):
    plots = {part.title: part.variants for part in section.parts if isinstance(part, Plot)}
    assert set(plots) == {
        "Losses beside a benchmark",
        "Probability integral transform",
        "Reliability of quantiles",
        "Coverage by year and horizon",
    }
    assert list(plots["Probability integral transform"]) == ["1 session", "21 sessions"]
    assert len(plots["Coverage by year and horizon"]) == 2 * len(HORIZONS)
    calibrated = plots["Reliability of quantiles"]["1 session"].data[0]
    assert max(abs(off) for off in calibrated.y) < 1e-9


def test_it_leads_a_report_of_both_parts_and_stands_alone_without_the_other(evaluation):
    both = made_evaluation(sessions=60).model_copy(update={"horizons": evaluation})
    assert sections(both)[0].heading == "How far prices move, by horizon"
    assert "By sector" in render(both)
    alone = both.model_copy(
        update={"forecasters": [], "windows": [], "comparisons": [], "reality_check": None}
    )
    assert [each.heading for each in sections(alone)] == [
        "How far prices move, by horizon",
        "Findings",
        "Measured on",
    ]
    assert masthead(alone).facts["Forecasts"] == "2020-01-02 to 2021-12-30"
    assert "Costs" not in masthead(alone).facts
    assert "Survivorship" in render(alone)


def test_without_it_there_is_no_such_section():
    assert horizon_section(None).parts == []
