"""The main figures by horizon, for a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tickgraph.lab.horizons.comparing import LOGNORMAL, SIGNIFICANT
from tickgraph.lab.horizons.horizon_result import HorizonEvaluation, Measure
from tickgraph.lab.terminal_table import figures_table


def horizon_table(evaluation: HorizonEvaluation) -> Table:
    """Forecasters with QLIKE and CRPS beside a benchmark, and coverage, at three horizons.

    An asterisk stands where the test tells the forecaster apart from the benchmark.
    """
    shown = shown_horizons(evaluation.horizons)
    table = figures_table(
        f"By horizon, out of sample: {evaluation.first_session} to {evaluation.last_session}, "
        f"{', '.join(map(str, shown))} sessions ahead",
        f"QLIKE of the variance as a share of the own HAR's, CRPS of the log-normal's ({LOGNORMAL}): below 1 is "
        f"better. * p below {SIGNIFICANT:g}. In: returns inside the 80 % interval.",
        "forecaster",
        [f"{label} {horizon}" for label in ("QLIKE", "CRPS", "in") for horizon in shown],
    )
    for forecaster in evaluation.forecasters:
        name = Text(forecaster.name, style="dim" if forecaster.kind == "baseline" else "bold")
        cells = [
            *(_ratio(evaluation, forecaster.name, evaluation.bar.get(str(h)), "qlike", h) for h in shown),
            *(_ratio(evaluation, forecaster.name, LOGNORMAL, "crps", h) for h in shown),
            *(
                f"{forecaster.horizons[evaluation.horizons.index(h)].coverage['0.8'].value * 100:.1f}"
                for h in shown
            ),
        ]
        table.add_row(name, *cells)
    return table


def shown_horizons(horizons: list[int]) -> list[int]:
    """The first horizon, and the longest of up to 5 and of up to 21 sessions, each once."""
    wanted = [
        horizons[0],
        *(max((h for h in horizons if h <= most), default=horizons[0]) for most in (5, 21)),
    ]
    return list(dict.fromkeys(wanted))


def _ratio(
    evaluation: HorizonEvaluation, name: str, benchmark: str | None, measure: Measure, horizon: int
) -> str:
    if name == benchmark:
        return "1 "
    for own in evaluation.against(benchmark, measure):
        if (own.first, own.horizon) == (name, horizon):
            return f"{own.ratio.value:.3f}{'*' if own.p_value < SIGNIFICANT else ' '}"
    return "– "
