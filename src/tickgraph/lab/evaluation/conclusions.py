"""What an evaluation found, in sentences made from its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tickgraph.lab.evaluation.evaluation_result import Comparison, Estimate, ForecasterResult, RealityCheck
from tickgraph.lab.intervals import interval_text, is_above, is_below

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("gnn-per-symbol", "gnn-global", "One model per symbol or one for all"),
    ("gnn-fine-tuned", "gnn-global", "Fine-tuning the one model on each symbol"),
    ("gnn-fine-tuned", "gnn-per-symbol", "Starting each symbol from the one model"),
    ("gnn-per-symbol", "gnn-baseline", "The architecture, against the one handed down"),
    ("gnn-per-symbol", "gnn-no-edges", "What the edges are worth"),
    ("gnn-per-symbol", "gnn-shuffled-edges", "Whether the edges must lead to the right symbols"),
)
"""Questions that were asked before the figures were known: first and second forecaster, and the question."""

YARDSTICKS = ("zero", "ridge", "lightgbm")
"""What every model is compared with."""

PRODUCT = "gnn-per-symbol"


def compared_pairs(kinds: Mapping[str, str]) -> list[tuple[str, str]]:
    """The pairs to compare among forecasters by name and kind, each once."""
    pairs = [(first, second) for first, second, _ in PAIRS]
    pairs += [
        (model, yardstick) for model, kind in kinds.items() if kind == "model" for yardstick in YARDSTICKS
    ]
    return [(first, second) for first, second in dict.fromkeys(pairs) if {first, second} <= kinds.keys()]


def findings(
    forecasters: Sequence[ForecasterResult],
    comparisons: Sequence[Comparison],
    reality_check: RealityCheck | None,
    cost_basis_points: float,
) -> list[str]:
    """Sentences on the figures. If an interval does not tell two things apart, the sentence says so."""
    sentences = [_best_ic(forecasters), _against_zero(forecasters)]
    if reality_check is not None:
        verdict = "at least one beats" if reality_check.p_value < 0.05 else "none is told apart from"
        sentences.append(
            f"Of the {reality_check.variants} variants of this run {reality_check.best} has the least squared error; "
            f"{verdict} forecasting {reality_check.benchmark} once the search among them is accounted for (Hansen's "
            f"p {reality_check.p_value:.3f}, White's {reality_check.p_value_white:.3f})."
        )
    for first, second, question in PAIRS:
        answers = [c.conclusion for c in comparisons if (c.first, c.second) == (first, second)]
        if answers:
            sentences.append(f"{question}: {' '.join(answers)}")
    sentences += [_yardstick(comparisons, yardstick) for yardstick in YARDSTICKS[1:]]
    sentences.append(_after_costs(forecasters, cost_basis_points))
    product = next((f for f in forecasters if f.name == PRODUCT), None)
    if product is not None:
        sentences += [_coverage(product), _strikes(product)]
    return [sentence for sentence in sentences if sentence]


def _best_ic(forecasters: Sequence[ForecasterResult]) -> str:
    measured = [(f, f.accuracy.ic) for f in forecasters if f.accuracy.ic is not None]
    if not measured:
        return "No forecaster has an information coefficient: every forecast is constant across symbols."
    best, ic = max(measured, key=lambda pair: pair[1].value)
    above = [f.name for f, own in measured if is_above(own)]
    verdict = (
        f"Told apart from 0, each taken by itself: {', '.join(above)}."
        if above
        else "Not one of them is told apart from 0 upward."
    )
    return f"The highest IC of {len(measured)} is {best.name}'s, {_written(ic, 4)}. {verdict}"


def _against_zero(forecasters: Sequence[ForecasterResult]) -> str:
    measured = [(f, f.accuracy.r2_vs_zero) for f in forecasters if f.accuracy.r2_vs_zero is not None]
    measured = [(f, r2) for f, r2 in measured if f.name != "zero"]
    if not measured:
        return ""
    better = [f.name for f, r2 in measured if is_above(r2)]
    worse = [f.name for f, r2 in measured if is_below(r2)]
    parts = [
        f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} {less} squared error than forecasting no move"
        for names, less in ((better, "less"), (worse, "more"))
        if names
    ]
    rest = len(measured) - len(better) - len(worse)
    if rest:
        parts.append(
            f"{rest} of {len(measured)} are not told apart from forecasting no move by squared error"
        )
    return "; ".join(parts) + "."


def _yardstick(comparisons: Sequence[Comparison], yardstick: str) -> str:
    against = [c for c in comparisons if c.second == yardstick and c.metric == "ic"]
    if not against:
        return ""
    better = [c.first for c in against if is_above(c.difference)]
    worse = [c.first for c in against if is_below(c.difference)]
    rest = [c.first for c in against if c.first not in (*better, *worse)]
    verdicts = {"better": better, "worse": worse, "not told apart": rest}
    parts = [f"{', '.join(names)} {verdict}" for verdict, names in verdicts.items() if names]
    return f"Models against {yardstick} by IC: {'; '.join(parts)}."


def _after_costs(forecasters: Sequence[ForecasterResult], cost: float) -> str:
    measured = [(f, f.long_short.sharpe_net) for f in forecasters if f.long_short.sharpe_net is not None]
    if not measured:
        return ""
    above = [f"{f.name} ({_written(sharpe, 2)})" for f, sharpe in measured if is_above(sharpe)]
    verdict = (
        f"above 0 for {', '.join(above)}"
        if above
        else f"not told apart from 0, or below it, for all {len(measured)} forecasters"
    )
    return f"After {cost:g} basis points of costs, the Sharpe ratio of the long-short portfolio is {verdict}."


def _coverage(product: ForecasterResult) -> str:
    if product.distribution is None:
        return ""
    shares = [
        f"{float(level):.0%} interval {coverage.value:.1%}"
        for level, coverage in product.distribution.coverage.items()
    ]
    return (
        f"Share of returns inside {product.name}'s intervals: {', '.join(shares)}; its probability of a rise is off "
        f"by {100 * product.distribution.calibration_error:.1f} points on average."
    )


def _strikes(product: ForecasterResult) -> str:
    if not product.strikes:
        return ""
    better = sum(is_below(s.difference) for s in product.strikes)
    worse = sum(is_above(s.difference) for s in product.strikes)
    return (
        f"P(close > strike) of {product.name} has a lower Brier score than the log-normal with trailing volatility "
        f"at {better} of {len(product.strikes)} strike distances and a higher one at {worse}; at the others the "
        "two are not told apart."
    )


def _written(estimate: Estimate, places: int) -> str:
    ends = f"{{:+.{places}f}}"
    return f"{ends.format(estimate.value)}{interval_text(estimate, f' (95 % interval {ends} to {ends})')}"
