"""Numbers of an option chain's file: ``7.5``, ``$7.50``, ``1,250.00``, ``33.01%``, and ``7,5`` with a decimal comma.

A file has one decimal sign. ``1,250`` may be 1250 or 1.25, so the other numbers of the file decide. Commas that part a
file's columns part no decimals, unless another number says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tickgraph.errors import PriceDataError
from tickgraph.wording import quoted

MISSING = frozenset({"", "-", "--", "n/a", "na", "nan", "null", "none", "<empty>"})
"""What a cell that holds nothing says."""

_POWER = r"(?:[eE][-+]?\d+)?"
_WITH_POINT = re.compile(rf"[-+]?(?:\d+|[1-9]\d{{0,2}}(?:,\d{{3}})+)?(?:\.\d*)?{_POWER}")
_WITH_COMMA = re.compile(rf"[-+]?(?:\d+|[1-9]\d{{0,2}}(?:[. ]\d{{3}})+)?(?:,\d*)?{_POWER}")
_EITHER = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class NumberForm:
    """How a file writes numbers; ``decimal`` is ``.`` or ``,``, and None where nothing tells."""

    decimal: str | None

    def read(self, text: str, where: str, column: str) -> float | None:
        """Read a cell; None for one that holds nothing.

        Raises
        ------
        PriceDataError
            The cell holds no number of this form, or may be read in two ways; the message says file, row and column.
        """
        if text.casefold() in MISSING:
            return None
        plain = _plain(text)
        if self.decimal is None and _EITHER.fullmatch(plain):
            either = f"{plain.replace(',', '')} or {plain.replace(',', '.')}"
            raise PriceDataError(
                f"{where}, column {column}: {quoted(text)} may be {either}, and no other number of the file tells "
                f"which. Write {either}."
            )
        comma = self.decimal == ","
        if not (_WITH_COMMA if comma else _WITH_POINT).fullmatch(plain) or not any(map(str.isdigit, plain)):
            sign = "comma" if comma else "point"
            other = (_WITH_POINT if comma else _WITH_COMMA).fullmatch(plain) and any(map(str.isdigit, plain))
            told = f" with a decimal {sign}, as the file has others," if other else ""
            raise PriceDataError(
                f"{where}, column {column}: a number{told} was expected, got {quoted(text)}."
            )
        if comma:
            return float(plain.replace(".", "").replace(" ", "").replace(",", "."))
        return float(plain.replace(",", ""))


def number_form(texts: Iterable[str], separator: str) -> NumberForm:
    """Find how a file writes numbers, from all of them: the form that fits more of those which have only one.

    ``separator`` is what parts the file's columns.
    """
    point = comma = 0
    either = False
    for text in set(texts):
        plain = _plain(text)
        with_point, with_comma = _WITH_POINT.fullmatch(plain), _WITH_COMMA.fullmatch(plain)
        point += bool(with_point and not with_comma)
        comma += bool(with_comma and not with_point)
        either |= bool(_EITHER.fullmatch(plain))
    if comma > point:
        return NumberForm(",")
    return NumberForm(None if either and not point and separator != "," else ".")


def _plain(text: str) -> str:
    """A number without signs of dollars and of per cent, and with one kind of space."""
    return text.replace("\u00a0", " ").replace("\u202f", " ").strip().strip("$%").strip()
