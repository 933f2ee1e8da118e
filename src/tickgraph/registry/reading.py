"""Reading a symbol's current generation, whole and verified, however many are published meanwhile."""

from __future__ import annotations

from pathlib import Path

from tickgraph.atomic import names_in
from tickgraph.errors import ArtefactError, ModelNotFoundError
from tickgraph.market.universe import is_canonical, suggest
from tickgraph.registry.generation import READ_ATTEMPTS, ArtefactPaths, digest, read_bounded, read_verified
from tickgraph.registry.metadata_file import decode_metadata
from tickgraph.registry.schema import ModelMetadata

SUFFIX = "_metadata.json"


def published_names(root: Path) -> tuple[str, ...]:
    """Names that metadata is published under, today's tickers or not; :class:`StorageError` if it cannot be told."""
    found = names_in(root / "metadata")
    return tuple(sorted(name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)))


def trained_symbols(root: Path) -> tuple[str, ...]:
    """The published names that are symbols; a file that is not named after one is not ours."""
    return tuple(filter(is_canonical, published_names(root)))


def read_metadata(paths: ArtefactPaths) -> tuple[ModelMetadata, str]:
    """Metadata of a symbol, and its generation: the sha256 of the file.

    Raises
    ------
    ModelNotFoundError, ArtefactError
        None was published, or it is damaged or foreign.
    """
    symbol, path = paths.symbol, paths.metadata
    try:
        data = read_bounded(path)
    except FileNotFoundError:
        root = path.parent.parent
        near = suggest(symbol, trained_symbols(root))
        hint = f" Trained and similar: {', '.join(near)}." if near else ""
        raise ModelNotFoundError(
            f"No model of {symbol} in {root}.{hint} Run: tickgraph train --symbols {symbol}"
        ) from None
    if data is None:
        raise ArtefactError(
            f"{path} is foreign: a folder, or far too large. Remove it, then run: "
            f"tickgraph train --symbols {symbol}"
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
    """Say what is wrong with a file that no generation vouches for."""
    state = "is missing" if not final.exists() else "is damaged or foreign: its sha256 is not the metadata's"
    return ArtefactError(f"{final} {state}. Restore it, or run: tickgraph train --symbols {symbol}")
