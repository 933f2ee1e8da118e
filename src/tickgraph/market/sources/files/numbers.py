"""Columns of numbers, however they are written: ``31.54``, ``$31.54``, ``3,154.39``, ``3.154,39``, ``1.77M``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickgraph.market.sources.files.dialects import dialects
from tickgraph.market.sources.files.table import encoded, is_text

_SIGN, _POWER = r"^[-+]?", r"(?:[eE][-+]?\d+)?"


def _shape(decimal: str, groups: str) -> str:
    """Numbers with a decimal sign, whose thousands are grouped by one of some signs, or not."""
    grouped = "|".join(rf"\d{{1,3}}(?:{re.escape(sign)}\d{{3}})+" for sign in groups)
    return rf"{_SIGN}(?:\d+|{grouped})?(?:{re.escape(decimal)}\d*)?{_POWER}$"


_WITH_POINT, _WITH_COMMA = _shape(".", ",' "), _shape(",", ".' ")
# 1,234 is 1234 where commas group thousands, and 1.234 where a comma is the decimal sign.
_EITHER = r"^[-+]?\d{1,3}[.,]\d{3}$"
MULTIPLIED = "volume"
"""Column whose numbers may end in K, M, B or T."""
_SPACES = "[\u00a0\u2007\u2009\u202f\u200e]"


@dataclass(frozen=True)
class Numbers:
    """A column of ``[n]`` numbers."""

    # NaN where a cell is empty or cannot be read; typed columns keep their own type
    values: NDArray[np.generic]
    unreadable: NDArray[np.bool_]  # whether a cell holds something that is no number


class AmbiguousNumberError(Exception):
    """It is open whether a comma or a point groups thousands or is the decimal sign."""

    def __init__(self, column: str, row: int) -> None:
        super().__init__(column, row)
        self.column, self.row = column, row


def read_numbers(columns: Mapping[str, pa.ChunkedArray]) -> dict[str, Numbers]:
    """Read columns of numbers, by their meaning, by one convention: a file has one decimal sign.

    Raises
    ------
    AmbiguousNumberError
        Nothing tells the decimal sign.
    """
    texts = [meaning for meaning, column in columns.items() if is_text(column.type)]
    quick = {m: _plain_numbers(each) if m in texts else _typed(each) for m, each in columns.items()}
    numbers = {meaning: each for meaning, each in quick.items() if each is not None}
    # A volume such as 6.494 may be 6494, where points group thousands.
    doubtful = MULTIPLIED in texts and MULTIPLIED in numbers and _has_fractions(numbers[MULTIPLIED])
    if len(numbers) == len(columns) and not doubtful:
        return numbers
    codes, words = {}, {}
    for meaning in texts:
        codes[meaning], different = encoded(columns[meaning])
        words[meaning] = _stripped(different)
    comma = _comma_is_decimal(codes, words)
    return numbers | {m: _read(codes[m], words[m], comma, m == MULTIPLIED) for m in texts}


def _has_fractions(numbers: Numbers) -> bool:
    values = numbers.values[np.isfinite(numbers.values.astype(np.float64))]
    return bool((values != np.floor(values)).any())


def _typed(column: pa.ChunkedArray) -> Numbers:
    """Numbers of a column that holds numbers; anything else in it cannot be read."""
    kind = column.type
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_float16(kind):
        column = column.cast(pa.float32())
    elif pa.types.is_integer(kind):
        column = column.cast(pa.float64(), safe=False) if column.null_count else column
    elif not pa.types.is_floating(kind):
        unreadable = pc.is_valid(column).to_numpy().astype(bool)
        return Numbers(np.full(len(column), np.nan), unreadable)
    return _finite(column.to_numpy(), np.zeros(len(column), bool))


def _plain_numbers(column: pa.ChunkedArray) -> Numbers | None:
    """Numbers of text without any adornment, the usual case; None where some cell has one."""
    missing = pa.array(dialects()["cells"]["missing"], column.type)
    try:
        values = column.cast(pa.float64())
    except pa.ArrowInvalid:
        empty = pc.is_in(pc.utf8_lower(column), value_set=missing)
        try:
            values = pc.if_else(empty, pa.scalar(None, column.type), column).cast(pa.float64())
        except pa.ArrowInvalid:
            return None
    return _finite(values.to_numpy(), np.zeros(len(column), bool))


def _stripped(words: pa.Array) -> pa.Array:
    """Cells without spaces at their ends and signs of currencies; spaces of all kinds are one."""
    currency = dialects()["cells"]["currency"]
    words = pc.replace_substring_regex(words, _SPACES, " ")
    words = pc.replace_substring_regex(words, "[\u2019]", "'")
    words = pc.replace_substring_regex(pc.utf8_trim_whitespace(words), "^\u2212", "-")
    words = pc.replace_substring_regex(words, rf"^([-+]?)\s*{currency}\s*", r"\1")
    return pc.replace_substring_regex(words, rf"\s*{currency}$", "")


def _comma_is_decimal(codes: Mapping[str, NDArray[np.int64]], words: Mapping[str, pa.Array]) -> bool:
    """Whether the decimal sign is a comma: the reading that fits more of the different cells."""
    point = comma = 0
    doubt: AmbiguousNumberError | None = None

    def fits(cells: pa.Array, pattern: str) -> NDArray[np.bool_]:
        return pc.match_substring_regex(cells, pattern).to_numpy(zero_copy_only=False)

    for meaning, cells in words.items():
        if meaning == MULTIPLIED:
            cells = pc.replace_substring_regex(cells, r"\s*[KkMmBbTt]$", "")
        with_point, with_comma = fits(cells, _WITH_POINT), fits(cells, _WITH_COMMA)
        point += int((with_point & ~with_comma).sum())
        comma += int((with_comma & ~with_point).sum())
        either = fits(cells, _EITHER)
        if meaning != MULTIPLIED:  # nobody groups a price's digits by points and has no decimals anywhere
            either &= fits(cells, ",")
        if doubt is None and either.any():
            row = int(np.flatnonzero(codes[meaning] == np.flatnonzero(either)[0])[0])
            doubt = AmbiguousNumberError(meaning, row)
    if point == comma and doubt is not None:
        raise doubt
    return comma > point


def _read(codes: NDArray[np.int64], words: pa.Array, comma: bool, multiplied: bool) -> Numbers:
    shape, group, decimal = (_WITH_COMMA, "[.' ]", ",") if comma else (_WITH_POINT, "[,' ]", ".")
    empty = pc.is_in(pc.utf8_lower(words), value_set=pa.array(dialects()["cells"]["missing"], words.type))
    factors = np.ones(len(words))
    if multiplied:
        for letter, factor in dialects()["multiples"].items():
            ends = pc.match_substring_regex(words, rf"\d\.?\s*{letter}$", ignore_case=True)
            factors = np.where(ends.to_numpy(zero_copy_only=False), factor, factors)
        words = pc.replace_substring_regex(words, r"(\d)\s*[KkMmBbTt]$", r"\1")
    readable = pc.and_(pc.match_substring_regex(words, shape), pc.match_substring_regex(words, r"\d"))
    digits = pc.replace_substring(pc.replace_substring_regex(words, group, ""), decimal, ".")
    values = pc.if_else(readable, digits, pa.scalar(None, words.type)).cast(pa.float64())
    # One more of each at the end: code -1, a cell that a Parquet file leaves empty.
    numbers = np.append(values.fill_null(np.nan).to_numpy(zero_copy_only=False) * factors, np.nan)
    refused = pc.and_not(pc.invert(readable), empty).to_numpy(zero_copy_only=False)
    return _finite(numbers[codes], np.append(refused, False)[codes])


def _finite(values: NDArray[np.generic], unreadable: NDArray[np.bool_]) -> Numbers:
    """Numbers; an infinite one counts as unreadable."""
    if values.dtype.kind == "f":
        infinite = np.isinf(values)
        if infinite.any():
            return Numbers(np.where(infinite, np.nan, values), unreadable | infinite)
    return Numbers(values, unreadable)
