"""Reading a symbol's current generation, whole and verified, however many are published meanwhile."""

from __future__ import annotations

from pathlib import Path

from tickgraph.atomic import names_in
from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError
from tickgraph.market.universe import is_canonical, suggest
from tickgraph.registry.generation import (
    READ_ATTEMPTS,
    ArtefactPaths,
    digest,
    fault_of,
    read_bounded,
    read_verified,
)
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES, decode_metadata
from tickgraph.registry.schema import ModelMetadata
from tickgraph.regular_file import FileRefused
from tickgraph.wording import listed

SUFFIX = "_metadata.json"
_KINDS = {"weights": ".weights.h5", "correlations": "_corr.npy"}
_NAMED = 10  # symbols that a message names before it counts


def published_names(root: Path) -> tuple[str, ...]:
    """Names that metadata is published under, today's tickers or not; :class:`StorageError` if it cannot be told."""
    found = names_in(root / "metadata")
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


def trained_symbols(root: Path) -> tuple[str, ...]:
    """The published names that are symbols; a file that is not named after one is not ours."""
    return tuple(filter(is_canonical, published_names(root)))


def without_metadata(root: Path) -> tuple[str, ...]:
    """Symbols that have weights or correlations in their places, and no metadata.

    Neither publishing nor removing a model leaves any, interrupted or not: something else removed the metadata.
    """
    published = set(published_names(root))
    found: set[str] = set()
    for kind, suffix in _KINDS.items():
        names = (name for name in names_in(root / kind) if name.endswith(suffix))
        found |= {name.removesuffix(suffix) for name in names}
    return tuple(sorted(filter(is_canonical, found - published)))


def catalogue(root: Path) -> tuple[str, ...]:
    """Symbols that have published metadata.

    Raises
    ------
    StorageError
        The folder cannot be listed, or its metadata is gone as a whole while the models' other files are there.
    """
    if not published_names(root) and (left := without_metadata(root)):
        folder = root / "metadata"
        state = "holds no metadata" if folder.is_dir() else "is gone"
        raise StorageError(
            f"{folder} {state}, while the other files of {listed(left, _NAMED)} are there: it was not "
            "emptied by tickgraph remove. Restore the folder, or train the models again with tickgraph train; "
            "tickgraph remove removes the files that are left."
        )
    return trained_symbols(root)


def read_metadata(paths: ArtefactPaths) -> tuple[ModelMetadata, str]:
    """Metadata of a symbol, and its generation: the sha256 of the file.

    Raises
    ------
    ModelNotFoundError, ArtefactError
        None was published, or it is damaged or foreign.
    """
    symbol, path = paths.symbol, paths.metadata
    refused = ""
    try:
        data = read_bounded(path, MAX_METADATA_BYTES)
    except FileRefused as error:
        refused = f"{error.strerror}"
    except FileNotFoundError:
        root = path.parent.parent
        near = suggest(symbol, trained_symbols(root))
        hint = f" Trained and similar: {', '.join(near)}." if near else ""
        raise ModelNotFoundError(
            f"No model of {symbol} in {root}.{hint} Run: tickgraph train --symbols {symbol}"
        ) from None
    if refused:
        raise ArtefactError(
            f"{path} is damaged or foreign: {refused}. Run: tickgraph train --symbols {symbol}"
        )
    return decode_metadata(data, symbol, name=str(path)), digest(data)


def read_generation(paths: ArtefactPaths) -> tuple[ModelMetadata, str, bytes, bytes]:
    """One whole generation of a symbol: metadata, generation, bytes of weights and of correlations.

    Raises
    ------
    ModelNotFoundError, ArtefactError
        None was published, or a file of it is damaged, foreign or missing.
    """
    last, attempts = "", 0
    while attempts < READ_ATTEMPTS:
        metadata, generation = read_metadata(paths)
        attempts, last = (attempts + 1 if generation == last else 1), generation
        weights = read_verified(paths.weights, metadata.checksums.weights)
        correlation = read_verified(paths.correlations, metadata.checksums.correlations)
        if weights is not None and correlation is not None:
            return metadata, generation, weights, correlation
    raise _mismatch(paths.symbol, paths.weights if weights is None else paths.correlations)


def _mismatch(symbol: str, final: Path) -> ArtefactError:
    return ArtefactError(f"{final} {fault_of(final)}. Restore it, or run: tickgraph train --symbols {symbol}")
