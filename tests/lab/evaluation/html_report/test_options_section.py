from __future__ import annotations

import pytest

from made_evaluation import made_evaluation
from made_strategies import made_strategy_evaluation
from tickgraph.lab.evaluation.html_report.options_section import strategy_section
from tickgraph.lab.evaluation.html_report.parts import Plot, Table
from tickgraph.lab.evaluation.html_report.sections import masthead, render, sections

TITLE = "Strategies: does the probability of profit come true"


@pytest.fixture(scope="module")
def evaluation():
    return made_strategy_evaluation()


@pytest.fixture(scope="module")
def tables(evaluation):
    parts = strategy_section(evaluation).parts
    return {part.caption: part for part in parts if isinstance(part, Table)}


def test_what_came_stands_beside_what_was_stated_and_what_is_off_is_marked(tables):
    figures = tables["Probability of profit, stated and come true"]
    name, stated, came, difference, lognormal, *_ = figures.variants["5 sessions"][0]
    assert [cell.text for cell in (name, stated, came, lognormal)] == [
        "strangle-16",
        "80.0 %",
        "79.0 %",
        "83.0 %",
    ]
    assert difference.mark is None or difference.mark.kind != "off"
    assert figures.variants["21 sessions"][0][3].mark.short == "> 2 points off"


def test_tenths_and_years_are_told(tables):
    tenths = tables["By tenth of the stated probability"].variants["covered-call-30, 5 sessions"]
    assert [[cell.text for cell in row] for row in tenths] == [
        ["1", "55.0 %", "54.0 %", "3,360"],
        ["2", "65.0 %", "64.0 %", "3,360"],
    ]
    years = tables["By year of entry"].variants["21 sessions"]
    assert [cell.text for cell in years[0]] == ["strangle-16", "2020", "80.0 %", "76.0 %"]


def test_the_plot_has_a_point_for_each_tenth_and_the_line_of_what_was_stated(evaluation):
    (plot,) = (part for part in strategy_section(evaluation).parts if isinstance(part, Plot))
    assert list(plot.variants) == ["5 sessions", "21 sessions"]
    first, second, line = plot.variants["21 sessions"].data
    assert (first.name, second.name, line.name) == ("strangle-16", "covered-call-30", "As stated")
    assert list(first.x) == pytest.approx([75, 85])
    assert list(first.y) == pytest.approx([71.9, 81.9])


def test_it_stands_alone_without_the_other_parts(evaluation):
    whole = made_evaluation(sessions=60).model_copy(update={"strategies": evaluation})
    assert sections(whole)[0].heading == TITLE
    alone = whole.model_copy(
        update={"forecasters": [], "windows": [], "comparisons": [], "reality_check": None}
    )
    assert [each.heading for each in sections(alone)] == [TITLE, "Findings", "Measured on"]
    assert masthead(alone).facts["Forecasts"] == "2020-01-02 to 2021-12-30"
    assert "Reliability of the probability of profit" in render(alone)


def test_without_it_there_is_no_such_section():
    assert strategy_section(None).parts == []
