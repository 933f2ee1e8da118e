from __future__ import annotations

import pytest

from made_strategies import made_strategy_evaluation
from tickgraph.lab.terminal_tables import strategy_table


@pytest.fixture(scope="module")
def made():
    return made_strategy_evaluation()


def test_a_strategy_is_held_to_two_points_at_each_horizon(made):
    verdicts = {each.wanted.split(":")[0]: each.verdict for each in made.targets}
    assert verdicts == {
        "strangle-16 over 5 sessions": "met",
        "strangle-16 over 21 sessions": "missed",
        "covered-call-30 over 5 sessions": "met",
        "covered-call-30 over 21 sessions": "missed",
    }
    assert {each.bound for each in made.targets} == {0.02}


def test_findings_say_what_was_stated_what_came_and_what_is_off(made):
    assert made.findings == [
        "strangle-16, stated and came: 5 sessions 80.0% and 79.0% (77.0% to 81.0%); "
        "21 sessions 80.0% and 76.9% (74.9% to 78.9%).",
        "covered-call-30, stated and came: 5 sessions 60.0% and 59.0% (57.0% to 61.0%); "
        "21 sessions 60.0% and 56.9% (54.9% to 58.9%).",
        "By tenth of the stated probability, covered-call-30: 5 sessions 2 of 2 within 2 points, the farthest off by "
        "-1.0; 21 sessions 0 of 2 within 2 points, the farthest off by -3.1.",
        "The Brier score is below the log-normal's in 2 of 4 cases, 0.980 to 1.010 of it.",
        "2 of 4 within 2 points; the farthest off is strangle-16 over 21 sessions, by -3.1 points.",
    ]


def test_the_table_marks_what_is_told_apart_from_what_was_stated(made):
    table = strategy_table(made)
    off = list(table.columns[5].cells)
    assert off == ["-1.0 ", "-3.1*", "-1.0 ", "-3.1*"]
    assert list(table.columns[3].cells)[:2] == ["80.0%", "80.0%"]
