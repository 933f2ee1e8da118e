"""Records of the journal, read back: those that are whole, each forecast once."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from tickgraph.model.measures import LEVELS
from tickgraph.serving.journal import FILE_NAME
from tickgraph.storage import FileRefused, names_in, read_regular, storage_errors

_MOMENT = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    {
        "logged_at": _MOMENT,
        "symbol": pa.string(),
        "as_of": pa.timestamp("s"),
        "target_session": pa.timestamp("s"),
        "model": pa.string(),
        "generation": pa.string(),
        "trained_at": _MOMENT,
        "source": pa.string(),
        "sessions_behind": pa.int64(),
        "last_close": pa.float64(),
        "predicted_return": pa.float64(),
        "centre": pa.float64(),
        "volatility": pa.float64(),
        "mean_score": pa.float64(),
        "probability_up": pa.float64(),
        **{f"{end}_{level}": pa.float64() for level in LEVELS for end in ("lower", "upper")},
        "ahead": pa.list_(pa.int64()),
        "expiries": pa.list_(pa.timestamp("s")),
        "variances": pa.list_(pa.float64()),
        **{f"{end}_{level}_ahead": pa.list_(pa.float64()) for level in LEVELS for end in ("lower", "upper")},
    }
)
"""Columns of a record. ``centre`` is what the distribution is centred on, in log return as the interval's ends are.
``mean_score`` is the mean absolute conformal score: the expected residual in units of ``volatility``.

The lists are of the horizons, and null where nothing forecasts more than one session: sessions ahead, the session that
each is for, the variance of the log return until then, and the ends of its intervals. Those are log returns of the
split-adjusted close, dividends taken off."""

_IDENTITY = ("logged_at", "symbol", "as_of", "target_session")  # a record without them says nothing
_SAME = ["symbol", "as_of", "target_session", "generation", "source", "predicted_return", "volatility"]


def read_journal(
    folder: Path, since: date | None = None, *, symbols: Collection[str] | None = None
) -> pd.DataFrame:
    """Read the records, the oldest first; one that several processes or a restart logged again is given once.

    Parameters
    ----------
    folder
        Of the journal; without one there are no records.
    since
        Records of forecasts for this session and later ones.
    symbols
        Records under these names, as they were logged; None is all. Other lines are not parsed.

    Returns
    -------
    DataFrame
        Columns of :data:`SCHEMA`. A line that is no whole record is left out.

    Raises
    ------
    StorageError
        A file cannot be read.
    """
    # A forecast may be logged long after its session, but hardly ever before the one ahead of it: a month is ample.
    oldest = "" if since is None else f"{since.replace(day=1) - timedelta(days=1):%Y-%m}"
    tables = []
    for name in sorted(names_in(folder)):
        found = FILE_NAME.fullmatch(name)
        if found and found[1] >= oldest:
            # A folder is not ours, and a file that is gone was deleted for its age.
            with contextlib.suppress(FileNotFoundError, FileRefused), storage_errors(folder / name):
                tables.append(_parsed(_lines(read_regular(folder / name, None), symbols)))
    # Lists stay as Arrow has them: as objects those of a year would fill the memory.
    records: pd.DataFrame = pa.concat_tables([SCHEMA.empty_table(), *tables]).to_pandas(
        types_mapper=lambda kind: pd.ArrowDtype(kind) if pa.types.is_list(kind) else None
    )
    if since is not None:
        records = records[records["target_session"] >= pd.Timestamp(since)]
    return records.sort_values("logged_at", kind="stable").drop_duplicates(_SAME, ignore_index=True)


def _lines(data: bytes, symbols: Collection[str] | None) -> list[bytes]:
    """Lines of a file in their order; with symbols, those that name one of them as a record does."""
    if symbols is None:
        return data.split(b"\n")
    found: dict[int, bytes] = {}
    for symbol in symbols:
        named = b'"symbol":%b,' % json.dumps(symbol).encode()
        at = data.find(named)
        while at >= 0:
            start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            end = len(data) if end < 0 else end
            found[start] = data[start:end]
            at = data.find(named, end)
    return [found[start] for start in sorted(found)]


def _parsed(lines: Iterable[bytes]) -> pa.Table:
    whole = [line for line in lines if line.startswith(b'{"') and line.endswith(b"}")]
    try:
        table = _table(whole)
    except pa.ArrowException:  # a line among them is damaged
        tables = []
        for line in whole:
            with contextlib.suppress(pa.ArrowException):
                tables.append(_table([line]))
        table = pa.concat_tables([SCHEMA.empty_table(), *tables])
    return table.filter(functools.reduce(pc.and_, (table.column(name).is_valid() for name in _IDENTITY)))


def _table(lines: Sequence[bytes]) -> pa.Table:
    if not lines:
        return SCHEMA.empty_table()
    options = pj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="ignore")
    blocks = pj.ReadOptions(block_size=4 << 20)
    return pj.read_json(pa.BufferReader(b"\n".join(lines)), read_options=blocks, parse_options=options)
