"""The models on disk: publish, find, load verified, remove."""

from __future__ import annotations

import io
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tickgraph.atomic import storage_errors
from tickgraph.errors import ArtefactError, ModelNotFoundError
from tickgraph.market.universe import canonical, suggest
from tickgraph.model.config import TrainingConfig
from tickgraph.registry.generation import (
    READ_ATTEMPTS,
    ArtefactPaths,
    digest,
    mismatch,
    publish,
    read_verified,
    settle,
    staged_path,
)
from tickgraph.registry.lock import exclusive
from tickgraph.registry.schema import Checksums, Correlations, ModelMetadata
from tickgraph.registry.weights_file import decode_weights, encode_weights

Shapes = Mapping[str, tuple[int, ...]]
UNPUBLISHED = Checksums(weights="0" * 64, correlations="0" * 64)

_SUFFIX = "_metadata.json"


@dataclass(frozen=True)
class StoredModel:
    """One verified generation.

    Attributes
    ----------
    weights
        float32 arrays by name.
    correlation
        ``[N, N]`` float64; row and column of an absent peer are 0.
    generation
        sha256 of the metadata, which carries those of the other files.
    """

    symbol: str
    metadata: ModelMetadata
    weights: dict[str, NDArray[np.float32]]
    correlation: NDArray[np.float64]
    generation: str


class ModelRegistry:
    """Trained models under a folder; safe for many readers and for writers in several processes.

    Parameters
    ----------
    root
        Folder with ``weights/``, ``correlations/`` and ``metadata/``; made when first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._metadata_prefix = os.path.join(self.root, "metadata", "")  # noqa: PTH118
        self._writers: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._seen: dict[str, tuple[tuple[int, int, int], str]] = {}

    def symbols(self) -> tuple[str, ...]:
        """Symbols that have published metadata."""
        names = (path.name for path in (self.root / "metadata").glob(f"*{_SUFFIX}"))
        return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if not name.startswith(".")))

    def paths(self, symbol: str) -> ArtefactPaths:
        """Where a symbol's files are; :class:`SymbolError` or :class:`ArtefactError` if that is unsafe."""
        name = canonical(symbol)
        paths, root = ArtefactPaths.of(self.root, name), self.root.resolve()
        for path in (paths.weights, paths.correlations, paths.metadata):
            if path.resolve().parent.parent != root:
                raise ArtefactError(f"{path} leads outside the model folder {self.root}. Remove the link.")
        return paths

    def publish(
        self,
        metadata: ModelMetadata,
        weights: Mapping[str, NDArray[np.float32]],
        correlation: NDArray[np.float64],
    ) -> ModelMetadata:
        """Publish a model as its symbol's new generation; its checksums are filled in.

        Raises
        ------
        StorageError
            The folder cannot be written; the old generation is intact.
        """
        return self._publish(metadata, encode_weights(weights), _encode_correlation(correlation))

    def publish_correlation(
        self, symbol: str, correlation: NDArray[np.float64], as_of: date
    ) -> ModelMetadata:
        """Publish a generation with new correlations and the weights it had.

        Raises
        ------
        ModelNotFoundError, ArtefactError
            There is no whole generation to build on.
        StorageError
            The folder cannot be written; the old generation is intact.
        """
        metadata, _, weights, _ = self._read(symbol)
        updated = metadata.model_copy(update={"correlations": Correlations(as_of=as_of)})
        return self._publish(updated, weights, _encode_correlation(correlation))

    def metadata(self, symbol: str) -> ModelMetadata:
        """Metadata of the current generation; its files are not opened.

        Raises
        ------
        ModelNotFoundError, ArtefactError
            None was published, or the metadata is damaged or foreign.
        """
        return self._metadata(symbol)[0]

    def load(self, symbol: str, shapes: Callable[[TrainingConfig], Shapes]) -> StoredModel:
        """Load and verify the current generation.

        Parameters
        ----------
        symbol
            Ticker.
        shapes
            Gives the arrays that an architecture has, such as
            :func:`tickgraph.model.weights.weight_shapes`.

        Raises
        ------
        ModelNotFoundError
            None was published.
        ArtefactError
            A file is damaged, foreign or mismatched; the message names it and what to do.
        """
        metadata, generation, weights, correlation = self._read(symbol)
        paths = self.paths(symbol)
        remedy = f"Run: tickgraph train --symbols {metadata.symbol}"
        try:
            return StoredModel(
                symbol=metadata.symbol,
                metadata=metadata,
                weights=decode_weights(weights, shapes(metadata.training_config), name=str(paths.weights)),
                correlation=_decode_correlation(correlation, metadata, paths.correlations),
                generation=generation,
            )
        except ArtefactError as error:
            raise ArtefactError(f"{error} {remedy}") from error

    def generation(self, symbol: str) -> str | None:
        """Identity of the current generation, None without one; a cheap look while nothing changes."""
        # On every request's path: one stat. Links are resolved when the model is loaded.
        path = f"{self._metadata_prefix}{canonical(symbol)}{_SUFFIX}"
        try:
            with storage_errors(self.root):
                status = os.stat(path)  # noqa: PTH116  a Path costs three times as much
                # Every publish makes a new file, so a new inode: equal times cannot hide it.
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                seen = self._seen.get(path)
                if seen is None or seen[0] != stamp:
                    seen = self._seen[path] = (stamp, digest(Path(path).read_bytes()))
        except FileNotFoundError:
            return None
        return seen[1]

    def recover(self) -> tuple[str, ...]:
        """Finish what interrupted publishes left: place committed files, drop orphans; say for which symbols."""
        recovered = []
        for symbol in self.symbols():
            with self._writing(symbol):
                if self._settle_last(symbol):
                    recovered.append(symbol)
        return tuple(recovered)

    def remove(self, symbol: str) -> None:
        """Remove a symbol's model, metadata first, so that no reader sees half of one."""
        paths = self.paths(symbol)
        with self._writing(symbol), storage_errors(self.root):
            for final in (paths.metadata, paths.weights, paths.correlations):
                final.unlink(missing_ok=True)
            settle(paths, set())

    def _writing(self, symbol: str) -> exclusive:
        name = canonical(symbol)
        return exclusive(self.root / ".locks" / f"{name}.lock", self._writers[name])

    def _publish(self, metadata: ModelMetadata, weights: bytes, correlation: bytes) -> ModelMetadata:
        checksums = Checksums(weights=digest(weights), correlations=digest(correlation))
        complete = metadata.model_copy(update={"checksums": checksums})
        with self._writing(metadata.symbol):
            self._settle_last(metadata.symbol)  # a failure below must find the old generation in place
            publish(
                self.paths(metadata.symbol),
                weights,
                correlation,
                complete.model_dump_json(indent=2).encode(),
            )
        return complete

    def _settle_last(self, symbol: str) -> bool:
        """Put the files of an interrupted publish where its metadata says; True if there were any."""
        paths = self.paths(symbol)
        finals = (paths.weights, paths.correlations)
        if not any(True for final in finals for _ in final.parent.glob(f".{final.name}.*")):
            return False
        try:
            checksums = self.metadata(symbol).checksums
            sums = (checksums.weights, checksums.correlations)
            committed = {staged_path(final, sha) for final, sha in zip(finals, sums, strict=True)}
        except ArtefactError:  # no readable generation owns what was left
            committed = set()
        settle(paths, committed)
        return True

    def _metadata(self, symbol: str) -> tuple[ModelMetadata, str]:
        name, path = canonical(symbol), self.paths(symbol).metadata
        try:
            with storage_errors(path):
                data = path.read_bytes()
        except FileNotFoundError:
            near = suggest(name, self.symbols())
            hint = f" Trained and similar: {', '.join(near)}." if near else ""
            raise ModelNotFoundError(
                f"No model of {name} in {self.root}.{hint} Run: tickgraph train --symbols {name}"
            ) from None
        try:
            metadata = ModelMetadata.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise ArtefactError(
                f"{path} is damaged or foreign: {where}: {first['msg']}. Run: tickgraph train --symbols {name}"
            ) from error
        if metadata.symbol != name:
            raise ArtefactError(
                f"{path} is foreign: it describes {metadata.symbol}. Run: tickgraph train --symbols {name}"
            )
        return metadata, digest(data)

    def _read(self, symbol: str) -> tuple[ModelMetadata, str, bytes, bytes]:
        """Read one whole generation, however many are published meanwhile."""
        paths = self.paths(symbol)
        for _ in range(READ_ATTEMPTS):
            metadata, generation = self._metadata(symbol)
            weights = read_verified(paths.weights, metadata.checksums.weights)
            correlation = read_verified(paths.correlations, metadata.checksums.correlations)
            if weights is not None and correlation is not None:
                return metadata, generation, weights, correlation
        raise mismatch(metadata.symbol, paths.weights if weights is None else paths.correlations)


def _encode_correlation(correlation: NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(correlation, np.float64), allow_pickle=False)
    return buffer.getvalue()


def _decode_correlation(data: bytes, metadata: ModelMetadata, path: Path) -> NDArray[np.float64]:
    size = metadata.training_config.num_stocks
    try:
        value = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ArtefactError(f"Correlation file {path} is refused: it is not a plain NumPy array.") from error
    if value.shape != (size, size) or value.dtype != np.float64:
        raise ArtefactError(
            f"Correlation file {path} is refused: it is {value.dtype} {value.shape}, "
            f"expected float64 {(size, size)}."
        )
    if not (np.isfinite(value).all() and (np.abs(value) <= 1 + 1e-9).all() and np.allclose(value, value.T)):
        raise ArtefactError(f"Correlation file {path} is refused: it is not a correlation matrix.")
    return value
