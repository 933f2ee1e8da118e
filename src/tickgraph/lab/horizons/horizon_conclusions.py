"""What an evaluation by horizon found, in sentences made from its figures."""

from __future__ import annotations

from collections.abc import Sequence

from tickgraph.lab.horizons.comparing import (
    GJR,
    LOGNORMAL,
    MEASURES,
    NAMES,
    QUESTIONS,
    SIGNIFICANT,
    written_p,
)
from tickgraph.lab.horizons.horizon_catalogue import PRODUCT
from tickgraph.lab.horizons.horizon_result import (
    HorizonComparison,
    HorizonEvaluation,
    HorizonTarget,
    Measure,
)
from tickgraph.lab.horizons.loss_tests import CONFIDENCE_SET


def horizon_findings(evaluation: HorizonEvaluation, targets: Sequence[HorizonTarget]) -> list[str]:
    """Sentences on the figures; a pair that the test does not tell apart is said to be so."""
    sentences = [_best(evaluation, measure) for measure in MEASURES]
    against_bar = [c for c in evaluation.against(None, "qlike") if c.first == PRODUCT]
    if against_bar:
        sentences.append(
            f"The network, against a regression of the own range: {_answer(against_bar, 'the better own HAR')}"
        )
    asked = [
        *((first, second, question, "qlike") for first, second, question in QUESTIONS),
        (PRODUCT, LOGNORMAL, "The network's distribution, against the log-normal with 20 sessions", "crps"),
        (PRODUCT, GJR, "The network's distribution, against GJR with filtered historical simulation", "crps"),
        (
            "graph-har",
            GJR,
            "A graph HAR's distribution, against GJR with filtered historical simulation",
            "crps",
        ),
    ]
    for first, second, question, measure in asked:
        own = [
            c for c in evaluation.comparisons if (c.first, c.second, c.measure) == (first, second, measure)
        ]
        if own:
            sentences.append(f"{question}: {_answer(own)}")
    sentences += [_coverage(evaluation), _targets(targets)]
    return [sentence for sentence in sentences if sentence]


def _best(evaluation: HorizonEvaluation, measure: Measure) -> str:
    if len(evaluation.forecasters) < 2:
        return ""
    parts = []
    for place, horizon in enumerate(evaluation.horizons):
        own = [(f.name, f.horizons[place]) for f in evaluation.forecasters]
        best, figures = min(own, key=lambda each: getattr(each[1], measure).value)
        rivals = [
            name
            for name, each in own
            if name != best and each.in_confidence_set.get(measure, 0.0) > 1 - CONFIDENCE_SET
        ]
        beside = (
            f", not told apart from {', '.join(rivals)}" if rivals else ", alone in the 90 % confidence set"
        )
        if measure not in figures.in_confidence_set:
            beside = ""
        parts.append(f"{horizon}: {best}{beside}")
    return f"Least {NAMES[measure]} by sessions ahead. {'; '.join(parts)}."


def _answer(comparisons: Sequence[HorizonComparison], named: str = "") -> str:
    """Of one pair and measure, horizon by horizon; ``named`` is what the second is called, if not by its name."""
    first, second, measure = comparisons[0].first, named or comparisons[0].second, comparisons[0].measure
    verdicts: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
    for own in comparisons:
        verdict = "better" if own.ratio.value < 1 else "worse"
        verdicts[verdict if own.p_value < SIGNIFICANT else "not told apart"].append(
            f"{own.horizon} ({own.ratio.value:.3f}, {written_p(own.p_value, own.p_value_long)})"
        )
    said = [f"{verdict} over {', '.join(parts)}" for verdict, parts in verdicts.items() if parts]
    return f"by {NAMES[measure]} {first} against {second} is {'; '.join(said)} sessions."


def _coverage(evaluation: HorizonEvaluation) -> str:
    own = next((f for f in evaluation.forecasters if f.name == PRODUCT), None)
    if own is None:
        return ""
    parts = [
        f"{float(level) * 100:g} %: "
        + ", ".join(f"{each.coverage[level].value * 100:.1f} over {each.horizon}" for each in own.horizons)
        for level in own.horizons[0].coverage
    ]
    return f"Returns inside the network's intervals, in percent by sessions ahead. {'; '.join(parts)}."


def _targets(targets: Sequence[HorizonTarget]) -> str:
    if not targets:
        return ""
    missed = [each.wanted for each in targets if each.verdict == "missed"]
    if not missed:
        return f"All {len(targets)} targets are met."
    return f"{len(targets) - len(missed)} of {len(targets)} targets are met. Missed: {'; '.join(missed)}."
