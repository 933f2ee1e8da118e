"""Metadata files: the schema as bytes, and back with errors that name the file and the field."""

from __future__ import annotations

from pydantic import ValidationError

from tickgraph.errors import ArtefactError
from tickgraph.registry.schema import ModelMetadata


def encode_metadata(metadata: ModelMetadata) -> bytes:
    """Write metadata as JSON in UTF-8."""
    return metadata.model_dump_json(indent=2).encode()


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
    try:
        metadata = ModelMetadata.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ArtefactError(f"{name} is damaged or foreign: {where}: {first['msg']}. {remedy}") from error
    if metadata.symbol != symbol:
        raise ArtefactError(f"{name} is foreign: it describes {metadata.symbol}. {remedy}")
    return metadata
