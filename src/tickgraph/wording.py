r"""Parts of sentences: lists cut short, counted nouns, quotations, refused values, and text made safe to print.

Text from outside is printed with every character that steers a terminal or forges a line written as ``\x1b``.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# Controls (C0, DEL, C1), line and paragraph ends, marks of writing direction, invisible characters, lone surrogates.
_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_EXPECTED = {
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "at least {min_length} characters",
    "literal_error": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "too_short": "a list of {min_length} or more",
    "too_long": "at most {max_length} values",
    "finite_number": "a finite number",
    "timezone_aware": "a time with its time zone",
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "date": "a date",
    "datetime": "a time",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "dict": "an object",
    "model": "an object",
}


def listed(items: Sequence[str], most: int = 5, unnamed: int = 0) -> str:
    """Name the first items, and count the others: ``AAPL, MSFT and 3 more``.

    Parameters
    ----------
    items
        What is named.
    most
        How many of them.
    unnamed
        How many more there are besides ``items``.
    """
    more = unnamed + max(0, len(items) - most)
    return ", ".join(items[:most]) + (f" and {more:,} more" if more else "")


def counted(count: int, noun: str) -> str:
    """A number and its noun: ``1 session``, ``2 sessions``, ``1,200 histories``."""
    if count == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{count:,} {plural}"


def quoted(text: str, most: int = 60) -> str:
    """Text in quotation marks, cut after so many characters."""
    return repr(text if len(text) <= most else text[:most] + "...")


def escaped(text: str, keep: str = "") -> str:
    r"""Write every character that steers a terminal by its number: ``\x1b``, ``\u2028``.

    Parameters
    ----------
    text
        From anywhere: a URL, a header, a file, an error's message.
    keep
        Characters that may stay, such as line ends in a text of several lines.
    """

    def by_number(match: re.Match[str]) -> str:
        character = match[0]
        if character in keep:
            return character
        number = ord(character)
        if number < 0x100:
            return f"\\x{number:02x}"
        return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"

    return _STEERING.sub(by_number, text)


def in_words(error: ErrorDetails, *, whole: str = "the document", shown: bool = True) -> str:
    """Say what is wrong with a field that pydantic refuses: its name, what it holds, and what was expected.

    Parameters
    ----------
    error
        One of ``ValidationError.errors()``.
    whole
        Name of the document, for an error that belongs to no field.
    shown
        Whether the value may be shown; a secret may not.
    """
    kind, context = error["type"], error.get("ctx", {})
    where = ".".join(map(str, error["loc"])) or whole
    if kind == "json_invalid":
        place = str(context.get("error", "")).partition(" at line ")[2]
        return "it is not complete JSON" + (f": reading ends at line {place}" if place else "")
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is no field of this version"
    if kind == "value_error":
        text = str(context.get("error"))
        return text if not error["loc"] or text.startswith(where) else f"{where}: {text}"
    expected = _EXPECTED.get(kind, _KINDS.get(kind.partition("_")[0], "another value")).format(**context)
    held = reprlib.repr(error["input"]) if shown else "something else"
    return f"{where} is {held}, and {expected} was expected"
