from __future__ import annotations

from tickgraph.lab.evaluation.conclusions import PAIRS, compared_pairs, findings
from tickgraph.lab.evaluation.evaluation_result import (
    Accuracy,
    Comparison,
    DailyIC,
    Estimate,
    ForecasterResult,
    Portfolio,
    RealityCheck,
)


def result(name, ic, r2, sharpe, kind="model"):
    return ForecasterResult(
        name=name,
        kind=kind,
        description="",
        accuracy=Accuracy(sessions=100, forecasts=1000, ic=ic, r2_vs_zero=r2, k=5),
        long=Portfolio(),
        long_short=Portfolio(sharpe_net=sharpe),
        daily=DailyIC(sessions=[], ic=[]),
        seconds=1.0,
    )


def between(value, low, high):
    return Estimate(value=value, low=low, high=high)


GOOD = result("good", between(0.03, 0.01, 0.05), between(0.002, 0.001, 0.003), between(1.2, 0.3, 2.1))
UNSURE = result("unsure", between(0.01, -0.01, 0.03), between(-0.001, -0.004, 0.002), between(0.2, -1, 1))
BAD = result("bad", between(-0.02, -0.04, -0.01), between(-0.05, -0.07, -0.03), between(-1, -2, -0.2))
ZERO = result("zero", None, Estimate(value=0.0, low=0.0, high=0.0), None, "baseline")


def test_sentences_say_better_worse_or_not_told_apart():
    said = findings([ZERO, GOOD, UNSURE, BAD], [], None, 5)
    assert said == [
        "The highest IC of 3 is good's, +0.0300 (95 % interval +0.0100 to +0.0500). Told apart from 0, each taken "
        "by itself: good.",
        "good has less squared error than forecasting no move; bad has more squared error than forecasting no "
        "move; 1 of 3 are not told apart from forecasting no move by squared error.",
        "After 5 basis points of costs, the Sharpe ratio of the long-short portfolio is above 0 for good (+1.20 "
        "(95 % interval +0.30 to +2.10)).",
    ]


def test_where_nothing_is_told_apart_that_is_said():
    said = findings([ZERO, UNSURE], [], None, 2.5)
    assert said[0].endswith("Not one of them is told apart from 0 upward.")
    assert said[-1] == (
        "After 2.5 basis points of costs, the Sharpe ratio of the long-short portfolio is not told apart from 0, or "
        "below it, for all 1 forecasters."
    )


def test_comparisons_are_counted_by_their_intervals():
    against = [
        Comparison(first=name, second="ridge", metric="ic", difference=difference, conclusion="")
        for name, difference in (
            ("good", GOOD.accuracy.ic),
            ("unsure", UNSURE.accuracy.ic),
            ("bad", BAD.accuracy.ic),
        )
    ]
    said = findings([GOOD], against, None, 5)
    assert "Models against ridge by IC: good better; bad worse; unsure not told apart." in said


def test_the_search_is_accounted_for():
    for p, words in ((0.01, "at least one beats"), (0.4, "none is told apart from")):
        check = RealityCheck(benchmark="zero", best="good", variants=12, p_value=p, p_value_white=p)
        assert any(
            f"good has the least squared error; {words} forecasting zero once the search among them is accounted for"
            in text
            for text in findings([GOOD], [], check, 5)
        )


def test_the_question_stands_before_its_answer():
    first, second, question = PAIRS[0]
    comparison = Comparison(
        first=first, second=second, metric="ic", difference=Estimate(value=0.0), conclusion="Not known."
    )
    assert f"{question}: Not known." in findings([GOOD], [comparison], None, 5)


def test_pairs_are_those_that_were_run_and_each_once():
    kinds = {"zero": "baseline", "ridge": "baseline", "gnn-per-symbol": "model", "gnn-global": "model"}
    pairs = compared_pairs(kinds)
    assert pairs[0] == ("gnn-per-symbol", "gnn-global")
    assert set(pairs[1:]) == {(m, b) for m in ("gnn-per-symbol", "gnn-global") for b in ("zero", "ridge")}
    assert len(pairs) == 5
