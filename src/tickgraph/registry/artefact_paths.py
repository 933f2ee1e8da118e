"""Where the files of models are in a folder, and which symbols have any."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tickgraph.errors import SymbolError
from tickgraph.market.spelling import Symbol, spelled
from tickgraph.market.universe import is_canonical
from tickgraph.storage import names_in

SUFFIXES = {"weights": ".weights.h5", "correlations": "_corr.npy", "metadata": "_metadata.json"}  # by folder
_LEFT_OVER = re.compile(r"\.([A-Z0-9&-]+)(?:\.weights\.h5|_corr\.npy|_metadata\.json)\..+")


@dataclass(frozen=True)
class ArtefactPaths:
    """Where the files of a symbol are."""

    symbol: Symbol
    weights: Path
    correlations: Path
    metadata: Path

    @classmethod
    def of(cls, root: Path, symbol: str) -> ArtefactPaths:
        """Paths under a registry's root; :class:`SymbolError` for a name that is not spelled as a symbol is."""
        return cls(Symbol(symbol), *(root / kind / file_name(symbol, kind) for kind in SUFFIXES))

    @property
    def arrays(self) -> tuple[Path, Path]:
        """Places of the files that hold arrays, which are staged before the commit."""
        return self.weights, self.correlations


def file_name(symbol: str, kind: str) -> str:
    """Name of a symbol's file: the last gate before a symbol becomes part of a path.

    Raises
    ------
    SymbolError
        The name is not spelled as a symbol is, so it could lead anywhere.
    """
    if spelled(symbol) != symbol:
        raise SymbolError(f"{symbol!r} is not the one spelling of a symbol; {spelled(symbol)} is.")
    return f"{symbol}{SUFFIXES[kind]}"


def lies_in(root: Path, path: Path) -> bool:
    """Whether a path two levels below a folder really is there: no link leads out of it."""
    # A link to itself has no end, which Path.resolve takes for an error and realpath does not.
    return Path(os.path.realpath(path)).parent.parent == Path(os.path.realpath(root))


def staged_path(final: Path, sha256: str) -> Path:
    """Where a file waits for its generation's commit."""
    return final.with_name(f".{final.name}.{sha256[:16]}.staged")


def published_names(root: Path) -> set[str]:
    """Names that metadata is published under, today's tickers or not; :class:`StorageError` if it cannot be listed."""
    return _names(root, "metadata")


def trained_symbols(root: Path) -> tuple[Symbol, ...]:
    """The published names that are symbols; a file that is not named after one is not ours."""
    return tuple(sorted(filter(is_canonical, published_names(root))))


def without_metadata(root: Path) -> tuple[Symbol, ...]:
    """Symbols that have weights or correlations in their places, and no metadata.

    No publishing and no removing of a model leaves any, interrupted or not: something else removed the metadata.
    """
    names = (_names(root, "weights") | _names(root, "correlations")) - published_names(root)
    return tuple(sorted(filter(is_canonical, names)))


def interrupted(root: Path) -> tuple[Symbol, ...]:
    """Symbols for which an interrupted publish left staged or temporary files, committed or not; needs no lock."""
    left = (_LEFT_OVER.fullmatch(path.name) for kind in SUFFIXES for path in (root / kind).glob(".*"))
    return tuple(sorted(filter(is_canonical, {match[1] for match in left if match})))


def _names(root: Path, kind: str) -> set[str]:
    suffix = SUFFIXES[kind]
    return {name.removesuffix(suffix) for name in names_in(root / kind) if name.endswith(suffix)}
