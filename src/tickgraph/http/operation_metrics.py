"""Prometheus metrics of operations: how refresh went and how good live forecasts are, from what both leave on disk."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from tickgraph.errors import StorageError
from tickgraph.operations.records import LiveFigures, LiveQuality
from tickgraph.operations.watch import OperationsWatch, RunSummary

KINDS = ("daily", "weekly", "manual")

_log = logging.getLogger(__name__)

_Series = dict[tuple[str, ...], float]  # value by label values


class OperationMetrics:
    """Gauges of the newest runs of refresh and of live quality.

    Every serving process reads the same files, so of several the most recent figure counts. A figure that is not
    known is NaN, which :class:`~tickgraph.http.metrics.ServiceMetrics` leaves out: no series, rather than a 0.

    Parameters
    ----------
    registry
        Where the gauges belong.
    multiprocess
        Whether the process is one of several.
    """

    def __init__(self, registry: CollectorRegistry, *, multiprocess: bool = False) -> None:
        self._watch: OperationsWatch | None = None
        self._labels: Callable[[str], str | None] = lambda symbol: None
        self._fault: str | None = None
        self._shown: dict[Gauge, _Series] = {}

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            made = Gauge(name, text, labels, registry=registry, multiprocess_mode="livemostrecent")
            self._shown[made] = {}
            # Of several processes, one that has just started must not hide what the others know.
            if not labels and not multiprocess:
                made.set(math.nan)
            return made

        self.last_success = gauge(
            "gnn_refresh_last_success_timestamp_seconds",
            "When the last refresh without failure ended.",
            "kind",
        )
        self.last_run = gauge(
            "gnn_refresh_last_run_timestamp_seconds",
            "When the last refresh ended, whatever came of it.",
            "kind",
        )
        self.failed = gauge(
            "gnn_refresh_failed",
            "1 if the last refresh that ended failed or was interrupted, 0 if not.",
            "kind",
        )
        self.running = gauge("gnn_refresh_running", "1 while a refresh runs, 0 otherwise.")
        self.seconds = gauge("gnn_refresh_seconds", "How long the last refresh took.", "kind")
        self.symbols = gauge(
            "gnn_refresh_symbols", "Symbols of the last refresh that ended, by what was done.", "outcome"
        )
        self.forecasts = gauge("gnn_live_forecasts", "Live forecasts that were scored, in the window.")
        self.scored = gauge("gnn_live_symbols", "Symbols of the live forecasts that were scored.")
        self.coverage = gauge(
            "gnn_live_coverage", "Share of returns inside the interval of the nominal level.", "level"
        )
        self.ic = gauge("gnn_live_ic", "Information coefficient of live forecasts: mean over sessions.")
        self.hit_rate = gauge("gnn_live_hit_rate", "Share of moves whose sign was forecast.")
        self.error_ratio = gauge(
            "gnn_live_error_ratio", "Size of live errors over what the calibration expects; 1 is as promised."
        )
        self.r2 = gauge(
            "gnn_live_r2", "1 less the squared error of live forecasts over the baseline's.", "baseline"
        )
        self.as_of = gauge(
            "gnn_live_quality_as_of_timestamp_seconds", "00:00 UTC of the last session that was scored."
        )
        self.out_of_band = gauge("gnn_live_out_of_band_symbols", "Symbols whose live quality left its band.")
        self.flagged = gauge(
            "gnn_live_out_of_band", "1 for a symbol whose live quality left its band.", "symbol"
        )

    def follow(self, operations_dir: Path, labelled: Callable[[str], str | None]) -> None:
        """Read from this folder of operations; ``labelled`` gives a symbol's label, None for one without."""
        self._watch, self._labels = OperationsWatch(operations_dir), labelled

    def look(self) -> None:
        """Bring the gauges up to date if a file has changed; never raises, for a look must not end by this."""
        watch = self._watch
        if watch is None:
            return
        try:
            changed = watch.look()
        except StorageError as error:
            if str(error) != self._fault:  # said once, not at every look
                _log.warning("metrics of operations stay as they are: %s", error)
            self._fault = str(error)
            return
        self._fault = None
        if changed or not self._shown[self.running]:
            self._show_runs(watch.runs)
            self._show_quality(watch.quality)

    def _show_runs(self, runs: tuple[RunSummary, ...]) -> None:
        ended = [run for run in runs if run.state != "running"]
        last = {kind: run for kind in KINDS if (run := _first(ended, kind))}
        good = {kind: run for kind in KINDS if (run := _first(ended, kind, "done"))}
        self._show(self.last_run, {(kind,): run.ended_at.timestamp() for kind, run in last.items()})
        self._show(self.last_success, {(kind,): run.ended_at.timestamp() for kind, run in good.items()})
        self._show(self.failed, {(kind,): float(run.state != "done") for kind, run in last.items()})
        self._show(self.seconds, {(kind,): run.seconds for kind, run in last.items()})
        self._show(self.running, {(): float(bool(runs) and runs[0].state == "running")})
        done = ended[0].symbols if ended else {}
        self._show(self.symbols, {(outcome,): float(count) for outcome, count in done.items()})

    def _show_quality(self, quality: LiveQuality | None) -> None:
        panel = quality.panel if quality else LiveFigures(forecasts=0)
        self._show(self.coverage, {(level,): share for level, share in panel.coverage.items()})
        self._show(self.ic, {(): panel.ic})
        self._show(self.hit_rate, {(): panel.hit_rate})
        self._show(self.error_ratio, {(): panel.error_ratio})
        self._show(self.r2, {("zero",): panel.r2_vs_zero, ("momentum",): panel.r2_vs_momentum})
        self._show(self.forecasts, {(): float(panel.forecasts)} if quality else {})
        self._show(self.scored, {(): float(len(quality.symbols))} if quality else {})
        self._show(self.out_of_band, {(): float(len(quality.flagged))} if quality else {})
        midnight = datetime.combine(quality.as_of, time(), UTC).timestamp() if quality else None
        self._show(self.as_of, {(): midnight})
        labels = {self._labels(symbol) for symbol in quality.flagged} if quality else set()
        self._show(self.flagged, {(label,): 1.0 for label in labels if label is not None})

    def _show(self, gauge: Gauge, series: Mapping[tuple[str, ...], float | None]) -> None:
        """Give a gauge these series and no others."""
        known = {labels: value for labels, value in series.items() if value is not None}
        for labels in self._shown[gauge].keys() | known.keys():
            # The files of several processes forget no series: one that is gone is NaN there.
            (gauge.labels(*labels) if labels else gauge).set(known.get(labels, math.nan))
        self._shown[gauge] = known


def _first(runs: list[RunSummary], kind: str, state: str | None = None) -> RunSummary | None:
    """First run of a kind, and of a state if one is given."""
    return next((run for run in runs if run.kind == kind and state in (None, run.state)), None)
