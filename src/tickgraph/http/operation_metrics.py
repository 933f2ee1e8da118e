"""Prometheus metrics of operations: how refresh went and how good live forecasts are, from what both leave on disk."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from tickgraph.errors import StorageError
from tickgraph.operations.records import HorizonFigures, Kind, LiveFigures, LiveQuality
from tickgraph.operations.watch import OperationsWatch, RunSummary

_log = logging.getLogger(__name__)

_Series = Mapping[tuple[str, ...], float | None]  # value by label values; None where it is not known

# Text, and the labels if there are any.
_GAUGES: dict[str, tuple[str, ...]] = {
    "gnn_refresh_last_success_timestamp_seconds": ("When the last refresh without failure ended.", "kind"),
    "gnn_refresh_last_run_timestamp_seconds": ("When the last refresh ended, whatever came of it.", "kind"),
    "gnn_refresh_failed": ("1 if the last refresh that ended failed or was interrupted, 0 if not.", "kind"),
    "gnn_refresh_running": ("1 while a refresh runs, 0 otherwise.",),
    "gnn_refresh_seconds": ("How long the last refresh took.", "kind"),
    "gnn_refresh_symbols": ("Symbols of the last refresh that ended, by what was done.", "outcome"),
    "gnn_live_forecasts": ("Live forecasts that were scored, in the window.",),
    "gnn_live_symbols": ("Symbols of the live forecasts that were scored.",),
    "gnn_live_coverage": ("Share of returns inside the interval of the nominal level.", "level"),
    "gnn_live_horizon_coverage": (
        "Share of closes inside the interval of the nominal level, by sessions ahead.",
        "sessions",
        "level",
    ),
    "gnn_live_horizon_out_of_band": (
        "1 if that coverage is beyond chance, 0 if not; no series where there are too few stretches for a verdict.",
        "sessions",
        "level",
    ),
    "gnn_live_horizon_qlike": (
        "QLIKE of the variance that was forecast, by sessions ahead; 0 is perfect.",
        "sessions",
    ),
    "gnn_live_horizon_stretches": (
        "Independent stretches that the forecasts are worth, by sessions ahead.",
        "sessions",
    ),
    "gnn_live_ic": ("Information coefficient of live forecasts: mean over sessions.",),
    "gnn_live_hit_rate": ("Share of moves whose sign was forecast.",),
    "gnn_live_error_ratio": ("Size of live errors over what the calibration expects; 1 is as promised.",),
    "gnn_live_r2": ("1 less the squared error of live forecasts over the baseline's.", "baseline"),
    "gnn_live_quality_as_of_timestamp_seconds": ("00:00 UTC of the last session that was scored.",),
    "gnn_live_out_of_band_symbols": ("Symbols whose live quality left its band.",),
    "gnn_live_out_of_band": ("1 for a symbol whose live quality left its band.", "symbol"),
}


class OperationMetrics:
    """Gauges of the newest runs of refresh and of live quality.

    Every serving process reads the same files, so the most recent figure of several processes counts. An unknown figure
    is NaN, and :class:`~tickgraph.http.metrics.ServiceMetrics` leaves NaN out: no series, rather than a 0.

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
        self._gauges: dict[str, Gauge] = {}
        self._shown: dict[str, _Series] = {}

        for name, (text, *labels) in _GAUGES.items():
            gauge = Gauge(name, text, labels, registry=registry, multiprocess_mode="livemostrecent")
            self._gauges[name], self._shown[name] = gauge, {}
            # One of several processes that has just started must not hide what the others know.
            if not labels and not multiprocess:
                gauge.set(math.nan)

    def follow(self, operations_dir: Path, labelled: Callable[[str], str | None]) -> None:
        """Read from this folder of operations; ``labelled`` gives a symbol's label, None for one without."""
        self._watch, self._labels = OperationsWatch(operations_dir), labelled

    def seen(self) -> tuple[tuple[RunSummary, ...], LiveQuality | None]:
        """The newest runs, the newest first, and live quality, as of the last look; no file is read."""
        return (self._watch.runs, self._watch.quality) if self._watch else ((), None)

    def look(self) -> None:
        """Bring the gauges up to date if a file has changed; never raises, because the watcher must go on."""
        watch = self._watch
        if watch is None:
            return
        try:
            changed = watch.look()
        except StorageError as error:
            if str(error) != self._fault:  # logged once, not at every look
                _log.warning("metrics of operations stay as they are: %s", error)
            self._fault = str(error)
            return
        self._fault = None
        if changed or not self._shown["gnn_refresh_running"]:
            self._show_runs(watch.runs)
            self._show_quality(watch.quality)

    def _show_runs(self, runs: tuple[RunSummary, ...]) -> None:
        ended = [run for run in runs if run.state != "running"]
        last = {run.kind: run for run in reversed(ended)}  # the newest of each kind
        good = {run.kind: run for run in reversed(ended) if run.state == "done"}
        counts = ended[0].symbols if ended else {}

        def by_kind(
            newest: Mapping[Kind, RunSummary], figure: Callable[[RunSummary], float | None]
        ) -> _Series:
            return {(kind,): figure(run) for kind, run in newest.items()}

        self._show(
            "gnn_refresh_last_run_timestamp_seconds", by_kind(last, lambda run: run.ended_at.timestamp())
        )
        self._show(
            "gnn_refresh_last_success_timestamp_seconds", by_kind(good, lambda run: run.ended_at.timestamp())
        )
        self._show("gnn_refresh_failed", by_kind(last, lambda run: run.state != "done"))
        self._show("gnn_refresh_seconds", by_kind(last, lambda run: run.seconds))
        self._show("gnn_refresh_running", {(): bool(runs) and runs[0].state == "running"})
        self._show("gnn_refresh_symbols", {(outcome,): count for outcome, count in counts.items()})

    def _show_quality(self, quality: LiveQuality | None) -> None:
        panel = quality.panel if quality else LiveFigures(forecasts=0)
        self._show("gnn_live_coverage", {(level,): share for level, share in panel.coverage.items()})
        self._show_horizons(quality.horizons if quality else {})
        self._show("gnn_live_ic", {(): panel.ic})
        self._show("gnn_live_hit_rate", {(): panel.hit_rate})
        self._show("gnn_live_error_ratio", {(): panel.error_ratio})
        self._show("gnn_live_r2", {("zero",): panel.r2_vs_zero, ("momentum",): panel.r2_vs_momentum})
        self._show("gnn_live_forecasts", {(): panel.forecasts if quality else None})
        self._show("gnn_live_symbols", {(): len(quality.symbols) if quality else None})
        self._show("gnn_live_out_of_band_symbols", {(): len(quality.flagged) if quality else None})
        midnight = datetime.combine(quality.as_of, time(), UTC).timestamp() if quality else None
        self._show("gnn_live_quality_as_of_timestamp_seconds", {(): midnight})
        labels = {self._labels(symbol) for symbol in quality.flagged} if quality else set()
        self._show("gnn_live_out_of_band", {(label,): 1.0 for label in labels if label is not None})

    def _show_horizons(self, horizons: Mapping[str, HorizonFigures]) -> None:
        def by_level(figure: Callable[[HorizonFigures], Mapping[str, float]]) -> _Series:
            return {
                (ahead, level): value
                for ahead, figures in horizons.items()
                for level, value in figure(figures).items()
            }

        self._show("gnn_live_horizon_coverage", by_level(lambda figures: figures.coverage))
        self._show("gnn_live_horizon_out_of_band", by_level(lambda figures: figures.out_of_band))
        self._show("gnn_live_horizon_qlike", {(ahead,): one.qlike for ahead, one in horizons.items()})
        self._show("gnn_live_horizon_stretches", {(ahead,): one.stretches for ahead, one in horizons.items()})

    def _show(self, name: str, series: _Series) -> None:
        """Give a gauge these series and no others."""
        gauge = self._gauges[name]
        known = {labels: value for labels, value in series.items() if value is not None}
        for labels in self._shown[name].keys() | known.keys():
            # The files of several processes forget no series, so a series that has ended is NaN there.
            (gauge.labels(*labels) if labels else gauge).set(known.get(labels, math.nan))
        self._shown[name] = known
