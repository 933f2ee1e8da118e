"""Text files: which encoding, which separator, where the header is; pyarrow reads the rows."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files.dialects import meaning_of, of_ticker, plain
from tickgraph.market.sources.files.folders import PriceFile
from tickgraph.market.sources.files.table import Malformed, Table
from tickgraph.wording import quoted

_SAMPLE = 1 << 16  # bytes that are looked at before a file is read
_HEADER_WITHIN = 40  # lines
_SEPARATORS = (",", ";", "\t", "|")
_BLOCK = 1 << 24
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_EXPECTED = (
    "Expected a line with names of columns, such as symbol,date,open,high,low,close,adj_close,volume, "
    "and a row for each session; with commas, semicolons, tabs or | between the cells"
)


class NoTableError(PriceDataError):
    """A text without a line of columns' names."""


@dataclass(frozen=True)
class _Layout:
    """Where the parts are: ``levels`` has the header's one or two lines, ``first`` is the place of the first row."""

    separator: str
    levels: list[list[str]]
    first: int


def read_text(file: PriceFile) -> Table:
    """Read a text file: all cells as text.

    Raises
    ------
    PriceDataError
        It is no table of text.
    """
    with file.open() as opened:
        sample = opened.read(_SAMPLE)
    encoding = _encoding(sample) or _eight_bits(file)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample).removeprefix("\ufeff")
    lines = re.split(r"\r\n|\n|\r", text)
    _refuse_other_kinds(file.name, lines)
    layout = _layout(lines)
    if layout is None:
        first = next((line for line in lines if line.strip()), "")
        raise NoTableError(
            f"{file.name} has no line with names of columns in its first {min(len(lines), _HEADER_WITHIN)} lines; it "
            f"starts with {quoted(first)}. {_EXPECTED}."
        )
    names, *second = _fitted(lines, layout)
    if not any(line.strip() for line in lines[layout.first :]):
        raise PriceDataError(f"{file.name} has a header and no rows. {_EXPECTED}.")
    try:
        with file.open() as opened:
            columns, malformed = _rows(opened, encoding, layout, len(names))
    except pa.ArrowInvalid as error:
        raise PriceDataError(
            f"Cannot read {file.name}: its lines cannot be split at {layout.separator!r}. {_EXPECTED}."
        ) from error
    return Table(
        file.name,
        names,
        columns,
        second[0] if second else [],
        "line",
        layout.first + 1,
        file.constants,
        file.stem,
        tuple(malformed),
    )


def _cells(text: str, separator: str) -> list[str]:
    """Cells of one line."""
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=separator), [])]
    except csv.Error:
        return [text]


def _encoding(sample: bytes) -> str | None:
    """Encoding that the first bytes tell; None where each byte may be a character."""
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    if sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le"
    if sample[::2].count(0) > len(sample) // 4:
        return "utf-16-be"
    return None


def _eight_bits(file: PriceFile) -> str:
    """Encoding of a text whose characters are bytes: UTF-8 if all of it is, else that of Windows."""
    for encoding in ("utf8", "cp1252"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with file.open() as opened:
                while part := opened.read(_BLOCK):
                    decoder.decode(part)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def _refuse_other_kinds(name: str, lines: list[str]) -> None:
    start = next((line.lstrip() for line in lines if line.strip()), "")
    if not start:
        raise PriceDataError(f"Cannot read {name}: it is empty. {_EXPECTED}.")
    if re.match(r"<(!doctype|html|\?xml)", start, re.IGNORECASE):
        raise PriceDataError(
            f"Cannot read {name}: it is a page of HTML or XML, as a refused download leaves. Fetch it again."
        )
    if start[0] in "{[" and not start.startswith("[("):
        raise PriceDataError(f"Cannot read {name}: it is JSON. Save it as CSV or Parquet.")


def _layout(lines: list[str]) -> _Layout | None:
    """The separator and the line under which most names of columns are known; None where none is."""
    best, header = 0, None
    for separator in _SEPARATORS:
        for place, line in enumerate(lines[:_HEADER_WITHIN]):
            if separator not in line and separator != ",":
                continue
            cells = _cells(line, separator)
            meant = (meaning_of(cell) or of_ticker(cell) for cell in cells)
            known = len({one[0] for one in meant if one})
            # One known word among many others may be a row of data: LOW is a ticker too.
            if known > best and (known > 1 or len(cells) <= 12 or place == 0):
                best, header = known, (separator, place)
    if header is None:
        return None
    separator, place = header
    rows = [_cells(line, separator) for line in lines[: place + 4]]
    return _Layout(separator, *_levels(rows, place))


def _levels(rows: list[list[str]], place: int) -> tuple[list[list[str]], int]:
    """Lines of the header, and where the rows start.

    pandas writes columns of several levels as one line a level, with the level's name in front. A line with the
    index's name alone follows: ``Price,Close,Close``, ``Ticker,AAPL,MSFT``, ``Date,,``.
    """
    start, levels = place, [rows[place]]
    above = rows[place - 1] if place else []
    below = rows[place + 1] if place + 1 < len(rows) else []
    if len(above) == len(levels[0]) and _is_level(above, levels[0]):
        start, levels = place - 1, [rows[place], above]
    elif len(below) == len(levels[0]) and _is_level(below, levels[0]):
        levels = [rows[place], below]
    first = start + len(levels)
    if len(levels) > 1:
        index = rows[first] if first < len(rows) else []
        named = bool(index) and not any(index[1:])
        first += named
        levels[0] = [index[0] if named else "", *levels[0][1:]]  # what stands there is the level's name
        levels[1] = ["", *levels[1][1:]]
    return levels, first


def _is_level(cells: list[str], header: list[str]) -> bool:
    """Whether a line beside the header has tickers over or under each of its names."""
    named = plain(cells[0]) in {"ticker", "tickers", "symbol", "symbols"} and plain(header[0]) in {
        "price",
        "",
        "attributes",
    }
    unnamed = not cells[0] and not header[0]
    repeats = len({name for name in cells[1:] if name}) < max(2, len(cells) - 1)
    texts = all(cell and not re.match(r"[-+]?[\d.,]+$", cell) for cell in cells[1:])
    return len(cells) > 1 and texts and (named or (unnamed and repeats))


def _fitted(lines: list[str], layout: _Layout) -> list[list[str]]:
    """Levels of the header with as many cells as a row: rows may have one more, at an end."""
    header = len(layout.levels[0])
    rows = [
        _cells(line, layout.separator) for line in lines[layout.first : layout.first + 50] if line.strip()
    ]
    longer = [row for row in rows if len(row) == header + 1]
    if 2 * len(longer) <= len(rows) or any(len(row) == header for row in rows):
        return layout.levels
    if not any(row[-1] for row in longer):  # each row ends in a separator
        return [[*level, ""] for level in layout.levels]
    return [["", *level] for level in layout.levels]  # each row starts with its own name, as R writes them


def _rows(
    file: BinaryIO, encoding: str, layout: _Layout, width: int
) -> tuple[list[pa.ChunkedArray], list[Malformed]]:
    malformed: list[Malformed] = []

    def leave_out(row: pyarrow.csv.InvalidRow) -> str:
        malformed.append(Malformed(row.number, row.text, tuple(_cells(row.text, layout.separator))))
        return "skip"

    names = [str(place) for place in range(width)]
    read = pyarrow.csv.read_csv(
        file,
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,  # with threads lines have no numbers
            block_size=_BLOCK,
            skip_rows=layout.first,
            column_names=names,
            encoding=encoding,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=layout.separator, ignore_empty_lines=False, invalid_row_handler=leave_out
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    return read.columns, malformed
