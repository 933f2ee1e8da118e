"""The report of an evaluation: its sections in reading order, and the files it is written to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tickgraph.lab.evaluation.evaluation_result import Evaluation, ForecasterResult, RealityCheck
from tickgraph.lab.evaluation.html_report import figures, tables
from tickgraph.lab.evaluation.html_report.calibration_section import calibration_section
from tickgraph.lab.evaluation.html_report.horizon_section import horizon_section
from tickgraph.lab.evaluation.html_report.options_section import strategy_section, touch_section
from tickgraph.lab.evaluation.html_report.page import page
from tickgraph.lab.evaluation.html_report.parts import Callout, Facts, Masthead, Part, Plot, Prose, Section
from tickgraph.lab.evaluation.html_report.style import styles
from tickgraph.lab.evaluation.metric_columns import (
    HIT_RATE,
    IC,
    R2,
    RANK_IC,
    Metric,
    accuracy_columns,
    as_estimate,
    metric_attribute,
    number,
)
from tickgraph.lab.evaluation.slices import By
from tickgraph.storage import READABLE, write_atomically

_SLICED: tuple[tuple[str, Metric], ...] = (
    ("ic", IC),
    ("rank_ic", RANK_IC),
    ("hit_rate", HIT_RATE),
    ("r2_vs_zero", R2),
)
_INTERVAL = (
    "Whiskers are 95 % intervals: one that crosses the dashed line is not told apart from knowing nothing."
)


def write_report(evaluation: Evaluation, folder: Path) -> tuple[Path, Path]:
    """Write ``evaluation.html`` and ``evaluation.json``, each whole or not at all; the folder is made.

    Others may read the files, as far as the umask lets them: a report is for showing.

    Returns
    -------
    tuple[Path, Path]
        The page and the JSON.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    html, result = folder / "evaluation.html", folder / "evaluation.json"
    document = render(evaluation)
    write_atomically(result, (evaluation.model_dump_json(indent=2) + "\n").encode(), mode=READABLE)
    write_atomically(html, document.encode(), mode=READABLE)
    return html, result


def render(evaluation: Evaluation) -> str:
    """The report as one HTML document that needs no network."""
    return page("Forecast evaluation", sections(evaluation), masthead(evaluation))


def masthead(evaluation: Evaluation) -> Masthead:
    """What was measured, in one look."""
    span, horizons = "–", evaluation.horizons
    ahead = horizons or evaluation.touch or evaluation.strategies
    if evaluation.windows:
        span = f"{evaluation.windows[0].test_first} to {evaluation.windows[-1].test_last}"
    elif ahead is not None:
        span = f"{ahead.first_session} to {ahead.last_session}"
    of_returns = {
        "Walk-forward windows": str(len(evaluation.windows)),
        "Costs": f"{evaluation.cost_basis_points:g} basis points per dollar traded",
    }
    return Masthead(
        "Every figure is out of sample: each forecast was made by a model that had seen no price after the "
        "session it was made in.",
        {
            "Prices": evaluation.source,
            "Forecasts": span,
            "Symbols": f"{len(evaluation.symbols)}"
            + (f", {len(evaluation.left_out)} left out" if evaluation.left_out else ""),
            **(of_returns if evaluation.windows else {}),
            **({"Sessions ahead": ", ".join(map(str, ahead.horizons))} if ahead is not None else {}),
        },
    )


def sections(evaluation: Evaluation) -> list[Section]:
    """All sections; one that has nothing to show is left out."""
    every = [
        horizon_section(evaluation.horizons),
        touch_section(evaluation.touch),
        strategy_section(evaluation.strategies),
        _results(evaluation),
        _over_time(evaluation.forecasters),
        _by_part(evaluation),
        _portfolios(evaluation),
        _comparisons(evaluation),
        calibration_section(evaluation),
        _measured_on(evaluation),
    ]
    return [section for section in every if section.parts]


def _results(evaluation: Evaluation) -> Section:
    look = styles(evaluation.forecasters)
    survivors = Callout("Survivorship", evaluation.survivorship)
    if not evaluation.forecasters and (evaluation.horizons or evaluation.touch or evaluation.strategies):
        return Section("Findings", [survivors])
    k = evaluation.forecasters[0].accuracy.k if evaluation.forecasters else 0
    columns = [(m, of) for m, of in accuracy_columns(k) if m.null is not None]
    variants = {
        metric.label: figures.forest(
            [(look[f.name], as_estimate(of(f))) for f in evaluation.forecasters], metric
        )
        for metric, of in columns
    }
    parts: list[Part] = [Prose(evaluation.findings)] if evaluation.findings else []
    parts += [
        survivors,
        tables.forecasters_table(evaluation),
        Plot(
            "Forecasters side by side",
            f"A row per forecaster. {_INTERVAL}",
            "IC: "
            + ", ".join(
                f"{f.name} {number(f.accuracy.ic.value, IC)}"
                for f in evaluation.forecasters
                if f.accuracy.ic is not None
            ),
            variants,
        ),
        tables.descriptions_table(evaluation),
    ]
    return Section("Findings", parts)


def _over_time(forecasters: Sequence[ForecasterResult]) -> Section:
    parts: list[Part] = []
    if any(value is not None for f in forecasters for value in f.daily.ic):
        parts.append(
            Plot(
                "Cumulative IC",
                "A steady climb is skill in every market; a line that climbs in one stretch and is flat elsewhere "
                "was lucky or is of one regime. A forecaster without differences between symbols has no line.",
                "At the end: " + ", ".join(
                    f"{f.name} {sum(v for v in f.daily.ic if v is not None):.2f}"
                    for f in forecasters
                    if any(v is not None for v in f.daily.ic)
                ),
                {"Cumulative IC": figures.cumulative_ic(forecasters)},
            )
        )  # fmt: skip
    parts += _slices(forecasters, "year", "By year", "Skill that lasts shows in most years.")
    return Section("Over time", parts)


def _by_part(evaluation: Evaluation) -> Section:
    forecasters = evaluation.forecasters
    parts = _slices(forecasters, "sector", "By sector", "Sectors of few symbols have wide intervals.")
    parts += _slices(
        forecasters, "regime", "By regime", "Skill that lives in one regime goes when the regime does."
    )
    symbols = tables.symbols_table(evaluation)
    if symbols is not None:
        variants = {
            metric.label: figures.spread_over_symbols(forecasters, key, metric)
            for key, metric in _sliced(forecasters, "symbol")
        }
        if variants:
            parts.append(
                Plot(
                    "Spread over symbols",
                    "A point per symbol; the box holds the middle half and the line in it is the median. Skill "
                    "moves the whole box, luck moves single points.",
                    "The table below holds the figures.",
                    variants,
                )
            )
        parts.append(symbols)
    return Section("Where it works", parts)


def _slices(
    forecasters: Sequence[ForecasterResult],
    by: Literal["year", "sector", "regime"],
    title: str,
    reading: str,
) -> list[Part]:
    """One plot; the reader chooses among the figures that were measured."""
    measured = _sliced(forecasters, by)
    if not measured:
        return []
    key, metric = measured[0]
    figures_by_name = "; ".join(
        f"{name}: " + ", ".join(
            f"{f.name} {number(estimate.value, metric)}"
            for f in forecasters
            if f.kind == "model"
            for s in f.slices
            if s.by == by and s.name == name and (estimate := metric_attribute(s, key)) is not None
        )
        for name in figures.names_of(forecasters, by)
    )  # fmt: skip
    return [
        Plot(
            title,
            f"{reading} {_INTERVAL} Baselines but the best start hidden: click a name to show it.",
            f"{metric.label} of the models. {figures_by_name}",
            {m.label: figures.sliced(forecasters, by, k, m) for k, m in measured},
        )
    ]


def _sliced(forecasters: Sequence[ForecasterResult], by: By) -> list[tuple[str, Metric]]:
    """Figures that some forecaster has of some part."""
    parts = [s for f in forecasters for s in f.slices if s.by == by]
    return [(key, metric) for key, metric in _SLICED if any(metric_attribute(s, key) for s in parts)]


def _portfolios(evaluation: Evaluation) -> Section:
    return Section("Portfolios", [tables.portfolio_table(evaluation)] if evaluation.forecasters else [])


def _comparisons(evaluation: Evaluation) -> Section:
    parts: list[Part] = []
    if evaluation.comparisons:
        parts.append(tables.comparisons_table(evaluation.comparisons))
    if evaluation.reality_check is not None:
        parts.append(Callout("Was the best one lucky", reality_in_words(evaluation.reality_check)))
    return Section("Comparisons", parts)


def reality_in_words(check: RealityCheck) -> str:
    """The test for superior predictive ability, for readers who do not know it."""
    verdict = (
        f"That is rare: at least one of them is better than {check.benchmark} even when the search is accounted for."
        if check.p_value < 0.05
        else f"That is not rare enough (below 5\u00a0%) to say that any of them is better than {check.benchmark}: the "
        "best of so many may be ahead by luck."
    )
    return (
        f"Of {check.variants} forecasters tried, {check.best} has the lowest squared error. If none of them were "
        f"better than {check.benchmark}, the best of {check.variants} would still look at least this good with "
        f"probability {check.p_value * 100:.1f}\u00a0% (Hansen 2005; by White's stricter reality check of 2000, "
        f"{check.p_value_white * 100:.1f}\u00a0%). {verdict}"
    )


def _measured_on(evaluation: Evaluation) -> Section:
    parts: list[Part] = [
        Facts(
            {
                "Prices": evaluation.source,
                "Data version": evaluation.data_version,
                "Survivorship": evaluation.survivorship,
                "Symbols": ", ".join(evaluation.symbols),
                "tickgraph": evaluation.version,
                "Made": f"{evaluation.created:%Y-%m-%d %H:%M %Z}".strip(),
            }
        )
    ]
    if evaluation.windows:
        first, last = evaluation.windows[0], evaluation.windows[-1]
        parts.append(
            Plot(
                "Walk-forward windows",
                "A row per window: a model is trained on the grey and forecasts the red. Red never overlaps grey "
                f"in a row; between them lie {first.embargo} sessions of embargo, too few to see at some widths.",
                f"{len(evaluation.windows)} windows, the first trained on {first.train_first} to "
                f"{first.train_last}, the last forecasting {last.test_first} to {last.test_last}.",
                {"Windows": figures.timeline(evaluation.windows)},
            )
        )
    parts.append(Facts({k: str(v) for k, v in evaluation.settings.items()}, folded="Settings"))
    if evaluation.left_out:
        parts.append(Facts(evaluation.left_out, folded=f"Symbols left out ({len(evaluation.left_out)})"))
    return Section("Measured on", parts)
