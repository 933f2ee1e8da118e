from __future__ import annotations

from made_horizons import made_horizon_evaluation
from tickgraph.lab.horizons.comparing import conclusion, written_p
from tickgraph.lab.horizons.horizon_conclusions import horizon_findings
from tickgraph.lab.terminal_tables import horizon_table, shown_horizons
from tickgraph.registry.evaluation_record import Figure


def test_a_conclusion_says_which_is_better_or_that_they_are_not_told_apart():
    figure = Figure(value=0.9, low=0.85, high=0.96)
    said = conclusion("network", "har", "qlike", 5, figure, 0.01, 0.02)
    assert said == (
        "network is better than har by QLIKE over 5 sessions: ratio 0.900, 95 % interval 0.850 to 0.960, p 0.010."
    )
    assert "is worse than" in conclusion("har", "network", "crps", 5, Figure(value=1.1), 0.01, 0.02)
    assert "are not told apart by CRPS over 1 session" in conclusion("a", "b", "crps", 1, figure, 0.05, 0.05)


def test_a_p_value_of_a_long_lag_is_said_where_it_decides_otherwise():
    assert written_p(0.0004, 0.03) == "p below 0.001"
    assert written_p(0.04, 0.11) == "p 0.040, 0.110 with a long lag"
    assert written_p(0.2, 0.3) == "p 0.200"


def test_findings_name_the_best_its_rivals_and_the_targets():
    evaluation = made_horizon_evaluation()
    missed = evaluation.targets[0].model_copy(
        update={"verdict": "missed", "wanted": "CRPS below that of gjr-fhs"}
    )
    found = horizon_findings(evaluation, [*evaluation.targets, missed])
    assert found[0] == (
        "Least QLIKE by sessions ahead. 1: network, not told apart from graph-har; 21: network, not told apart from "
        "graph-har."
    )
    assert any(
        "graph-har against har is better over 1 (0.933, p below 0.001); not told apart over 21" in f
        for f in found
    )
    assert any(
        f.startswith("Returns inside the network's intervals") and "80 %: 80.0 over 1" in f for f in found
    )
    assert found[-1] == "1 of 2 targets are met. Missed: CRPS below that of gjr-fhs."
    assert horizon_findings(evaluation, evaluation.targets)[-1] == "All 1 targets are met."


def test_the_table_of_a_terminal_shows_three_horizons_and_what_is_told_apart():
    assert shown_horizons([1, 5, 10, 21, 42, 63]) == [1, 5, 21]
    assert shown_horizons([1, 2]) == [1, 2]
    table = horizon_table(made_horizon_evaluation())
    assert [column.header for column in table.columns][1:4] == ["QLIKE 1", "QLIKE 21", "CRPS 1"]
    assert [list(column.cells)[-1] for column in table.columns][1:3] == ["0.889*", "0.889 "]
