"""One generation of a symbol's files as one object: what object storage takes in place of three files.

Object storage replaces one object whole, and renames none. So a generation is one object, and the write of it is its
commit point: there is nothing that could be mixed, and nothing that a writer who dies leaves behind. Any tool that
unpacks a zip gives the three files under the names that they have in a folder.
"""

from __future__ import annotations

from typing import NamedTuple

from tickgraph.errors import ArtefactError
from tickgraph.market.spelling import Symbol
from tickgraph.registry.artefact_file import MAX_BYTES, digest
from tickgraph.registry.artefact_paths import SUFFIXES, file_name
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES, decode_metadata
from tickgraph.registry.plain_array import Unfit
from tickgraph.registry.sealed_files import seal_files, unseal_files
from tickgraph.wording import escaped

FOLDER = "models"
SUFFIX = ".model.zip"
MAX_OBJECT_BYTES = 2 * MAX_BYTES + MAX_METADATA_BYTES + 4096


class GenerationBytes(NamedTuple):
    """The bytes of the three files of a generation."""

    weights: bytes
    correlations: bytes
    metadata: bytes


def seal_generation(symbol: Symbol, files: GenerationBytes) -> bytes:
    """Put the files of a generation into one; the metadata's checksums are those of the other two."""
    return seal_files({file_name(symbol, kind): data for kind, data in zip(SUFFIXES, files, strict=True)})


def unseal_generation(data: bytes, symbol: Symbol, *, name: str) -> GenerationBytes:
    """Take the files of a symbol's generation out of one.

    Parameters
    ----------
    data
        The bytes of the object.
    symbol
        Whose generation it should be.
    name
        What to call the object in errors.

    Raises
    ------
    ArtefactError
        It is damaged, half written, foreign or another symbol's.
    LaterArtefactError
        A later release wrote it.
    """
    try:
        found = unseal_files(data)
        if (described := found.get(file_name(symbol, "metadata"))) is None:
            raise Unfit(f"it does not hold the three files of {symbol}")
        # Read first: a later release, which it names, may have other files.
        checksums = decode_metadata(described, symbol, name=name).checksums
        if set(found) != {file_name(symbol, kind) for kind in SUFFIXES}:
            raise Unfit(f"it does not hold the three files of {symbol}")
    except Unfit as unfit:
        fault = escaped(str(unfit))
    else:
        files = GenerationBytes(*(found[file_name(symbol, kind)] for kind in SUFFIXES))
        if (checksums.weights, checksums.correlations) == (digest(files.weights), digest(files.correlations)):
            return files
        fault = "its files are not those that its metadata names"
    raise ArtefactError(f"{name} is damaged or foreign: {fault}. Run: tickgraph train --symbols {symbol}")
