"""What operations leave on disk: runs of refresh and the live quality of forecasts, each a small JSON file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tickgraph.market.quality import Finding
from tickgraph.permit import FREE, Permit
from tickgraph.storage import READABLE, names_in, read_regular, write_atomically

KEPT = 400  # runs: over a year of daily and weekly ones

Kind = Literal["daily", "weekly", "manual"]
RunState = Literal["running", "done", "failed", "interrupted"]
PriceOutcome = Literal["updated", "unchanged", "restated", "switched", "planned", "failed"]


class _Record(BaseModel):
    """Fields of a later release are kept as they are: a run of another release may be carried on."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)


R = TypeVar("R", bound=_Record)


class SymbolRun(_Record):
    """What a run did, or in a dry run would do, with one symbol."""

    prices: PriceOutcome | None = None
    """`restated`: a split or dividend changed old closes, so the history was fetched whole; `switched`: it was
    fetched whole from another provider; `planned`: a dry run would ask for prices. Null: not asked for."""
    sessions_added: int = 0
    """New sessions of prices."""
    correlations: Literal["published", "unchanged", "planned", "failed"] | None = None
    """Its correlation matrix."""
    training: Literal["trained", "planned", "waiting", "failed"] | None = None
    """`waiting`: it has no model, and too little history for one. Null: its model was not due."""
    reasons: tuple[str, ...] = ()
    """Why its model was due, in words."""
    errors: tuple[str, ...] = ()
    """What failed, in words; what was there before is kept."""
    findings: tuple[Finding, ...] = ()
    """What the checks found in its new prices, and what they left out."""


class RefreshRun(_Record):
    """One run of refresh."""

    id: str
    """Identity; later runs sort after earlier ones."""
    kind: Kind
    """`daily` and `weekly` stand for a due moment; `manual` was asked for by hand."""
    due_at: AwareDatetime | None = None
    """The due moment it stands for; null for one by hand."""
    started_at: AwareDatetime
    """When it began. A resumed run keeps the moment."""
    finished_at: AwareDatetime | None = None
    """When it ended."""
    owner: str
    """Host and process that ran it."""
    session: date
    """Last completed session when it began: what its prices should reach."""
    state: RunState = "running"
    """`failed`: a step could not be done at all, or a symbol failed whose prices have not simply ended."""
    dry_run: bool = False
    """Nothing was changed; such a run is not recorded."""
    full: bool = False
    """Whether every model was due."""
    selected: bool = False
    """Whether it was asked for some symbols only."""
    error: str | None = None
    """Why it failed."""
    unreachable: dict[str, str] = Field(default_factory=dict)
    """Why a source could not be reached, or had nothing newer yet."""
    notes: tuple[str, ...] = ()
    """What a person should know, in words: an unused column, symbols that end apart from the others, few peers."""
    symbols: dict[str, SymbolRun] = Field(default_factory=dict)
    """By symbol."""


class LiveFigures(_Record):
    """Live forecasts against what happened; null where there were too few, or where nothing varied."""

    forecasts: int
    """Forecasts whose session is over."""
    first: date | None = None
    """First target session."""
    last: date | None = None
    """Last target session."""
    ic: float | None = None
    """Information coefficient: of a symbol over time, of the panel the mean over sessions across symbols."""
    hit_rate: float | None = None
    """Share of moves whose sign was right."""
    coverage: dict[str, float] = Field(default_factory=dict)
    """Share of returns inside the interval, by level such as `0.8`."""
    r2_vs_zero: float | None = None
    """1 - MSE / MSE of forecasting no move."""
    r2_vs_momentum: float | None = None
    """1 - MSE / MSE of forecasting the mean of the last 20 returns."""
    error_ratio: float | None = None
    """Mean absolute residual in units of the volatility forecast, over what the calibration expects: 1 is as
    promised."""


class HorizonFigures(_Record):
    """Forecasts of one horizon, of all symbols together, against what happened."""

    forecasts: int
    """Forecasts whose last session is over."""
    first: date
    """The first of these last sessions."""
    last: date
    """The last of them."""
    stretches: float
    """How many independent stretches they are worth: forecasts of several sessions overlap."""
    coverage: dict[str, float]
    """Share of closes inside the interval, by level such as `0.8`."""
    usual: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Between what coverage of sound models lies, by level; empty where there are too few stretches for a verdict."""
    out_of_band: dict[str, bool] = Field(default_factory=dict)
    """Whether coverage is outside `usual`, by level."""
    qlike: float | None = None
    """Mean of V / F - log(V / F) - 1 with V the range variance that came and F its forecast: 0 is perfect."""


class LiveQuality(_Record):
    """Rolling quality of the forecasts that were served."""

    as_of: date
    """Last session whose returns are in it."""
    computed_at: AwareDatetime
    """UTC."""
    window: int
    """Sessions it looks back on."""
    panel: LiveFigures
    """All symbols together."""
    symbols: dict[str, LiveFigures] = Field(default_factory=dict)
    """By symbol."""
    horizons: dict[str, HorizonFigures] = Field(default_factory=dict)
    """By sessions ahead, as text."""
    flagged: dict[str, str] = Field(default_factory=dict)
    """Symbols out of their band, and why in words."""


class RunLog:
    """Runs of refresh, one file each; the newest 400 are kept.

    Parameters
    ----------
    operations_dir
        Folder of operations; runs are in ``runs/`` below it, made when first written.
    permit
        What runs are written under.
    """

    def __init__(self, operations_dir: Path, permit: Permit = FREE) -> None:
        self._folder, self._permit = operations_dir / "runs", permit

    def write(self, run: RefreshRun) -> RefreshRun:
        """Put a run, or a new state of it, on disk; :class:`StorageError` if that fails or the permit has ended."""
        # Defaults are left out: of 6,000 symbols there is little to tell on most days.
        data = run.model_dump_json(exclude_defaults=True).encode()
        with self._permit.holding():
            write_atomically(self._folder / f"{run.id}.json", data, mode=READABLE)
        return run

    def files(self) -> list[Path]:
        """Files of the runs, the newest first; :class:`StorageError` if their folder cannot be listed."""
        names = (name for name in names_in(self._folder) if name.endswith(".json") and name[0] != ".")
        return [self._folder / name for name in sorted(names, reverse=True)]

    def newest_first(self) -> Iterator[RefreshRun]:
        """Every run that can be read, the newest first; each is read when it is asked for."""
        return (run for run in map(read_run, self.files()) if run is not None)

    def latest(self, *kinds: Kind) -> RefreshRun | None:
        """Newest run of these kinds; of any kind without arguments."""
        return next((run for run in self.newest_first() if not kinds or run.kind in kinds), None)

    def trim(self) -> None:
        """Drop all but the newest runs."""
        for file in self.files()[KEPT:]:
            with contextlib.suppress(OSError):  # another process may do it, too
                file.unlink()


def read_run(file: Path) -> RefreshRun | None:
    """One of :meth:`RunLog.files`; None where it cannot be read."""
    return _read(file, RefreshRun)


def write_quality(operations_dir: Path, quality: LiveQuality) -> None:
    """Replace ``quality.json``; :class:`StorageError` if that fails."""
    write_atomically(operations_dir / "quality.json", quality.model_dump_json().encode(), mode=READABLE)


def read_quality(operations_dir: Path) -> LiveQuality | None:
    """What :func:`write_quality` wrote last; None without it, or where it cannot be read."""
    return _read(operations_dir / "quality.json", LiveQuality)


def _read(file: Path, kind: type[R]) -> R | None:
    try:
        return kind.model_validate_json(read_regular(file))
    except (OSError, ValueError):  # pydantic's errors are ValueErrors
        return None
