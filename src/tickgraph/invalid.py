"""What is wrong with a value that pydantic refuses, in the words of this project."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "at least {min_length} characters",
    "literal_error": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "too_short": "at least {min_length} values",
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
    "tuple": "a list",
    "dict": "an object",
    "model": "an object",
}


def in_words(error: ErrorDetails, *, whole: str = "the document", shown: bool = True) -> str:
    """Say what is wrong with a field: its name, what it holds, and what was expected.

    Parameters
    ----------
    error
        One of ``ValidationError.errors()``.
    whole
        What a fault without a field is of.
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
        return f"{where}: {context.get('error')}" if error["loc"] else str(context.get("error"))
    expected = _EXPECTED.get(kind, _KINDS.get(kind.partition("_")[0], "another value")).format(**context)
    held = reprlib.repr(error["input"]) if shown else "something else"
    return f"{where} is {held}, and {expected} was expected"
