"""How the rows of a ranking benchmark compare, in figures and in sentences made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.ranking.intervals import difference_estimates
from benchmarks.ranking.market import Scaling
from benchmarks.ranking.published import PublishedTable
from benchmarks.ranking.result import RandomQuantiles, RankingDifference, RankingRow
from tickgraph.lab.evaluation.evaluation_result import Estimate

OURS = "factor-neutral"
BEST_PUBLISHED = "StockMixer"


def differences(
    rows: Sequence[RankingRow], daily: Mapping[tuple[str, Scaling], NDArray[np.float64]]
) -> list[RankingDifference]:
    """Paired differences of the factor-neutral network's row to every other row of the same scaling.

    ``daily`` holds the daily IC ``[seeds, D]`` of every row.
    """
    gaps = []
    for row in rows:
        if row.model == OURS or (OURS, row.scaling) not in daily:
            continue
        ours, theirs = daily[OURS, row.scaling], daily[row.model, row.scaling]
        ic, icir = difference_estimates(ours, theirs)
        gaps.append(
            RankingDifference(
                first=OURS,
                second=row.model,
                scaling=row.scaling,
                ic=ic,
                icir=icir,
                conclusion=f"On {row.scaling} inputs, {OURS} {_verdict(ic)} {row.model} by IC ({_shown(ic)}) and "
                f"{_verdict(icir)} it by ICIR ({_shown(icir)}).",
            )
        )
    return gaps


def findings(
    rows: Sequence[RankingRow],
    gaps: Sequence[RankingDifference],
    chance: RandomQuantiles,
    published: PublishedTable | None,
) -> list[str]:
    """Sentences on the rows: the published figures, the look-ahead in the file, chance, the paired differences.

    Only rows on the file's own scale are compared with published ones: the published models read that scale.
    """
    sentences = []
    for row in rows:
        if row.kind == "probe":
            sentences.append(
                f"The file's scale looks ahead: {row.model}, a single number and no model, has IC "
                f"{row.scores.ic:.3f} ({_interval(row.ic)}). Only rows on causal inputs could have been traded."
            )
        if published is None or row.scaling != "published":
            continue
        best, same = published.row(BEST_PUBLISHED), published.row(row.model)
        if row.model == OURS and best is not None:
            verdicts = [
                f"{name} {ours:.3f} is {'above' if ours > theirs else 'not above'} the published "
                f"{BEST_PUBLISHED}'s {theirs:.3f} for {published.market}"
                for name, ours, theirs in (
                    ("IC", row.scores.ic, best.ic),
                    ("ICIR", row.scores.icir, best.icir),
                )
            ]
            sentences.append(f"{OURS} on {row.scaling} inputs: {'; '.join(verdicts)}.")
        elif same is not None:
            sentences.append(
                f"{row.model} on {published.market} in this harness: IC {row.scores.ic:.3f} (published {same.ic:.3f}), "
                f"ICIR {row.scores.icir:.3f} (published {same.icir:.3f})."
            )
    sentences.append(
        f"{chance.count} forecasts that know nothing: prec@10 {chance.low.precision:.3f} to "
        f"{chance.high.precision:.3f} and SR {chance.low.sharpe:.2f} to {chance.high.sharpe:.2f} in 95 of 100, so "
        "those two columns tell little apart."
    )
    return sentences + [gap.conclusion for gap in gaps]


def _verdict(difference: Estimate) -> str:
    if difference.low is None or difference.high is None or difference.low <= 0 <= difference.high:
        return "is not told apart from"
    return "is better than" if difference.value > 0 else "is worse than"


def _shown(difference: Estimate) -> str:
    return f"{difference.value:+.3f}, {_interval(difference)}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "no interval"
    return f"95 % interval {estimate.low:+.3f} to {estimate.high:+.3f}"
