"""Metadata files: the schema as bytes under a checksum, and back with errors that name the file and the field."""

from __future__ import annotations

import hashlib
import json
import reprlib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from tickgraph.errors import ArtefactError
from tickgraph.registry.schema import ModelMetadata

MAX_METADATA_BYTES = 2 * 1024 * 1024
"""Bytes of a file. The default model's is about 40 KB; one calibrated on 10,000 sessions of 10 peers has 1.8 MB.

Reading JSON takes some ten times its size in memory, so this bounds what a foreign file can cost.
"""


def encode_metadata(metadata: ModelMetadata) -> bytes:
    """Write metadata as JSON in UTF-8, with the checksum of what it says."""
    unsealed = metadata.checksums.model_copy(update={"metadata": None})
    text = metadata.model_copy(update={"checksums": unsealed}).model_dump_json()
    checksums = unsealed.model_copy(update={"metadata": content_checksum(from_json(text))})
    return metadata.model_copy(update={"checksums": checksums}).model_dump_json(indent=2).encode()


def content_checksum(content: dict[str, Any]) -> str:
    """sha256 of what a document says: its JSON with sorted keys, without spaces, in ASCII, without the checksum.

    Whoever edits a file by hand and writes the result into ``checksums.metadata`` vouches for it.
    """
    checksums = {name: value for name, value in content["checksums"].items() if name != "metadata"}
    text = json.dumps({**content, "checksums": checksums}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def decode_metadata(data: bytes, symbol: str, *, name: str) -> ModelMetadata:
    """Read a symbol's metadata.

    Parameters
    ----------
    data
        The file's bytes.
    symbol
        Whose file it is; where a file system folds case, the name it was opened by does not prove it.
    name
        What to call the file in errors.

    Raises
    ------
    ArtefactError
        It is damaged, of another schema, or describes another symbol.
    """
    remedy = f"Run: tickgraph train --symbols {symbol}"
    fault = f"it has {len(data):,} bytes, and at most {MAX_METADATA_BYTES:,} were expected"
    if len(data) <= MAX_METADATA_BYTES:
        try:
            metadata = ModelMetadata.model_validate_json(data)
        except ValidationError as error:
            fault = _in_words(error.errors(include_url=False)[0])
        else:
            if metadata.symbol != symbol:
                raise ArtefactError(f"{name} is foreign: it describes {metadata.symbol}. {remedy}")
            stated = metadata.checksums.metadata
            if stated is None or stated == _checksum_of(data):
                return metadata
            fault = "its content does not match its own checksum: a value in it was changed"
    # Raised here and not above: pydantic's error would be kept with this one, and with it the whole input.
    raise ArtefactError(f"{name} is damaged or foreign: {fault}. {remedy}")


def _checksum_of(data: bytes) -> str | None:
    try:
        return content_checksum(from_json(data))  # a quarter of the time of json.loads
    except (ValueError, RecursionError):  # pydantic reads very long integers, and this parser does not
        return None


_EXPECTED = {
    "string_pattern_mismatch": "text that matches {pattern}",
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
    "tuple": "a list",
    "dict": "an object",
    "model": "an object",
}


def _in_words(error: ErrorDetails) -> str:
    """What is wrong with a field: its name, what it holds, and what was expected."""
    kind, context = error["type"], error.get("ctx", {})
    where = ".".join(map(str, error["loc"])) or "the document"
    if kind == "json_invalid":
        place = str(context.get("error", "")).partition(" at line ")[2]
        return "it is not complete JSON" + (f": reading ends at line {place}" if place else "")
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is no field of this version's metadata"
    if kind == "value_error":
        return f"{where}: {context.get('error')}"
    expected = _EXPECTED.get(kind, _KINDS.get(kind.partition("_")[0], "another value")).format(**context)
    return f"{where} is {reprlib.repr(error['input'])}, and {expected} was expected"
