"""Metadata files: metadata as JSON with a checksum, and back, with errors that name the file and the field."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from tickgraph.errors import ArtefactError, LaterArtefactError
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.schema_version import later_in
from tickgraph.wording import in_words

SCHEMA = 1
"""Schema version of metadata; :mod:`tickgraph.schema_version` has the rules."""

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
    """sha256 of a document without this checksum: as JSON with sorted keys, without spaces, in ASCII.

    Who edits a file by hand vouches for it by writing the new checksum into ``checksums.metadata``.
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
        Whose file it is. Its name does not prove it, as some file systems ignore case.
    name
        What to call the file in errors.

    Raises
    ------
    ArtefactError
        It is damaged, of another schema, or describes another symbol.
    LaterArtefactError
        It is of a schema version that only a later release reads.
    """
    remedy = f"Run: tickgraph train --symbols {symbol}"
    fault = f"it has {len(data):,} bytes, and at most {MAX_METADATA_BYTES:,} were expected"
    if len(data) <= MAX_METADATA_BYTES:
        try:
            metadata = ModelMetadata.model_validate_json(data)
            if metadata.checksums.metadata is None:  # of an early release, none of which wrote other fields
                ModelMetadata.model_validate_json(data, extra="forbid")
        except ValidationError as error:
            fault = in_words(error.errors(include_url=False)[0])
            if later := later_in(data, SCHEMA):
                raise LaterArtefactError(f"{name} cannot be read: {later}.") from None
        else:
            if metadata.symbol != symbol:
                raise ArtefactError(f"{name} is foreign: it describes {metadata.symbol}. {remedy}")
            stated = metadata.checksums.metadata
            if stated is None or stated == _checksum_of(data):
                return metadata
            fault = "its content does not match its own checksum: a value in it was changed"
    # Raised here and not above: this error would keep pydantic's, and with it the whole input.
    raise ArtefactError(f"{name} is damaged or foreign: {fault}. {remedy}")


def _checksum_of(data: bytes) -> str | None:
    try:
        # A quarter of the time of json.loads. Fields of a later release must have finite numbers, too.
        return content_checksum(from_json(data, allow_inf_nan=False))
    except (ValueError, RecursionError):  # this parser refuses very long integers, which pydantic takes
        return None
