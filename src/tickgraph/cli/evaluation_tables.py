"""What ``tickgraph evaluate`` says at its end: tables, conclusions, and which models hold the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tickgraph.cli.output import failure, note, print_sentence, print_table
from tickgraph.object_place import Place
from tickgraph.wording import counted

if TYPE_CHECKING:  # needs the extra
    from tickgraph.lab.evaluation.evaluation_result import Evaluation
    from tickgraph.lab.evaluation.recording import Recording


def print_evaluation(result: Evaluation, seconds: float, page: Path, figures: Path) -> None:
    """Print the tables of all parts, what they say in sentences, how long they took, and where all of it is."""
    from tickgraph.lab.terminal_tables import horizon_table, strategy_table, summary_table, touch_table

    run = f"{len(result.symbols)} symbols in {seconds:.1f} s"
    by_horizons = result.horizons
    if by_horizons is not None:
        print_table(horizon_table(by_horizons))
        run = f"{counted(len(by_horizons.forecasters), 'forecaster')} by horizon, {run}"
    if result.touch is not None:
        print_table(touch_table(result.touch))
        run = f"touch, {run}"
    if result.strategies is not None:
        print_table(strategy_table(result.strategies))
        run = f"strategies, {run}"
    if result.forecasters:
        print_table(summary_table(result))
        run = f"{len(result.forecasters)} forecasters, {len(result.windows)} windows, {run}"
    parts = [
        part.findings for part in (by_horizons, result.touch, result.strategies, result) if part is not None
    ]
    for sentence in [sentence for findings in parts for sentence in findings]:
        print_sentence(f"- {sentence}")
    print_sentence(f"{run}. Report: {page}; figures: {figures}.")


def print_recording(kind: str, recording: Recording, place: Place) -> None:
    """Say which models hold the figures of a kind now, and why the others do not."""
    models = len(recording.recorded) + len(recording.skipped)
    if models:
        note(f"figures {kind} recorded in {len(recording.recorded)} of {models} evaluated models in {place}")
    reasons: dict[str, list[str]] = {}
    for symbol, reason in recording.skipped.items():
        reasons.setdefault(reason, []).append(symbol)
    for reason, symbols in reasons.items():
        note(f"figures {kind} not recorded in {', '.join(symbols)}: {reason}")
    if recording.failed:
        failure(f"Figures {kind} were not recorded: {recording.failed}")
