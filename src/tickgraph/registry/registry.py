"""The models on disk: publish, find, load verified, remove."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tickgraph import locks
from tickgraph.atomic import names_in, storage_errors, write_atomically
from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError, SymbolError
from tickgraph.market.universe import canonical, suggest
from tickgraph.model.config import TrainingConfig
from tickgraph.registry.correlation_file import decode_correlation, encode_correlation
from tickgraph.registry.generation import (
    READ_ATTEMPTS,
    ArtefactPaths,
    digest,
    interrupted,
    mismatch,
    place,
    publish,
    read_bounded,
    read_verified,
    settle,
    staged_path,
    withdraw,
)
from tickgraph.registry.lock import exclusive
from tickgraph.registry.metadata_file import decode_metadata, encode_metadata
from tickgraph.registry.schema import Checksums, Correlations, ModelMetadata, WalkForward
from tickgraph.registry.stored import StoredModel
from tickgraph.registry.weights_file import decode_weights, encode_weights

__all__ = ["UNPUBLISHED", "ModelRegistry", "Shapes", "StoredModel"]

Shapes = Mapping[str, tuple[int, ...]]
UNPUBLISHED = Checksums(weights="0" * 64, correlations="0" * 64)

_SUFFIX = "_metadata.json"
_UNWRITTEN = ", not yet written,"


class ModelRegistry:
    """Trained models under a folder; safe for many readers and for writers in several processes.

    Parameters
    ----------
    root
        Folder with ``weights/``, ``correlations/`` and ``metadata/``; made when first written.
    now
        Clock that publications are dated by; None is the system's.
    """

    def __init__(self, root: Path, now: Callable[[], datetime] | None = None) -> None:
        self.root = Path(root)
        self.now = now or _system_time
        self._metadata_prefix = os.path.join(self.root, "metadata", "")  # noqa: PTH118
        self._writers: dict[str, threading.Lock] = {}
        self._seen: dict[str, tuple[tuple[int, int, int], str]] = {}

    def symbols(self) -> tuple[str, ...]:
        """Symbols that have published metadata; a file that is not named after a symbol is not ours.

        Raises
        ------
        StorageError
            The folder cannot be listed.
        """
        found = (name for name in names_in(self.root / "metadata") if name.endswith(_SUFFIX))
        names = (name.removesuffix(_SUFFIX) for name in found)
        return tuple(sorted(name for name in names if _is_canonical(name)))

    def renamed(self) -> dict[str, tuple[str, str | None]]:
        """Symbols that have no model under today's name, but one under a former name.

        Returns
        -------
        dict
            Today's name to the former one and to the source that the former model was trained on; None where its
            metadata cannot be read.
        """
        names = (n.removesuffix(_SUFFIX) for n in names_in(self.root / "metadata") if n.endswith(_SUFFIX))
        found: dict[str, tuple[str, str | None]] = {}
        for former in sorted(names):
            with contextlib.suppress(SymbolError):
                today = canonical(former)
                path = self.root / "metadata" / f"{former}{_SUFFIX}"
                if today != former and self.generation(today) is None:
                    found[today] = former, _source_in(path, former)
        return found

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
        *,
        keep_evaluation: bool = False,
    ) -> ModelMetadata:
        """Publish a model as its symbol's new generation; its checksums are filled in.

        Parameters
        ----------
        metadata
            What the model is; its symbol is where it is published.
        weights
            float32 arrays by name.
        correlation
            ``[N, N]`` float64, target first.
        keep_evaluation
            Take over the walk-forward figures of the model it replaces, if that was trained the same way.

        Raises
        ------
        ArtefactError
            It could not be read back: numbers that are not finite, no correlation matrix, metadata against
            the schema. Nothing was written.
        StorageError
            The folder cannot be written; a whole generation is in place.
        """
        paths = self.paths(metadata.symbol)
        encoded = encode_weights(weights), encode_correlation(correlation)
        shapes = {path: np.shape(value) for path, value in weights.items()}
        decode_weights(encoded[0], shapes, name=f"{paths.weights}{_UNWRITTEN}")
        decode_correlation(encoded[1], metadata.training_config, name=f"{paths.correlations}{_UNWRITTEN}")
        return self._publish(metadata, *encoded, keep_evaluation=keep_evaluation)

    def publish_correlation(
        self,
        symbol: str,
        correlation: NDArray[np.float64],
        as_of: date,
        *,
        basis: ModelMetadata | None = None,
    ) -> ModelMetadata:
        """Publish a generation with new correlations and the weights it had.

        Parameters
        ----------
        symbol
            Ticker.
        correlation
            ``[N, N]`` float64, target first, peers in metadata order.
        as_of
            Last session of its lookback.
        basis
            Metadata that the peers were taken from. A model retrained since may have other peers.

        Raises
        ------
        ModelNotFoundError, ArtefactError
            There is no whole generation to build on, it is not the training run of ``basis``, or the matrix
            is no correlation matrix. Nothing was written.
        StorageError
            The folder cannot be written; a whole generation is in place.
        """
        encoded = encode_correlation(correlation)
        # Read under the lock: a training run that ends in between must not be undone by its old weights.
        with self._writing(symbol):
            metadata, _, weights, _ = self._read(symbol, self.paths(symbol))
            if basis is not None and basis.checksums.weights != metadata.checksums.weights:
                raise ArtefactError(
                    f"{metadata.symbol} was retrained while its correlations were computed; the new model is "
                    f"kept as it is. Run: tickgraph refresh {metadata.symbol}"
                )
            name = f"{self.paths(symbol).correlations}{_UNWRITTEN}"
            decode_correlation(encoded, metadata.training_config, name=name)
            updated = metadata.model_copy(
                update={"correlations": Correlations(as_of=as_of, computed_at=self.now())}
            )
            return self._commit(updated, weights, encoded)

    def record_evaluation(self, symbol: str, evaluation: WalkForward) -> str | None:
        """Put walk-forward figures into a model's metadata; its other files are not touched.

        Returns
        -------
        str or None
            Why they were not recorded: the model, as it is now, was trained another way. None where they were.

        Raises
        ------
        ModelNotFoundError, ArtefactError
            None was published, or the metadata is damaged or foreign.
        StorageError
            The folder cannot be written; the metadata is as it was.
        """
        # Read under the lock: a training run that ends in between has its own metadata, and maybe other settings.
        with self._writing(symbol):
            path = self.paths(symbol).metadata
            metadata, _ = self._metadata(symbol, path)
            if reason := evaluation.mismatch(metadata.training_config):
                return reason
            text = encode_metadata(metadata.model_copy(update={"evaluation": evaluation}))
            decode_metadata(text, metadata.symbol, name=f"{path}{_UNWRITTEN}")
            write_atomically(path, text)
            return None

    def metadata(self, symbol: str) -> ModelMetadata:
        """Metadata of the current generation; its files are not opened.

        Raises
        ------
        ModelNotFoundError, ArtefactError
            None was published, or the metadata is damaged or foreign.
        """
        return self._metadata(symbol, self.paths(symbol).metadata)[0]

    def verified(self, symbol: str) -> ModelMetadata:
        """Metadata of the current generation, whose files are compared with their checksums and not opened.

        Raises
        ------
        ModelNotFoundError, ArtefactError
            None was published, or a file of it is damaged, foreign or missing.
        """
        return self._read(symbol, self.paths(symbol))[0]

    def correlation(self, symbol: str) -> NDArray[np.float64]:
        """``[N, N]`` float64: the published correlations, verified; errors as in :meth:`verified`."""
        paths = self.paths(symbol)
        metadata, _, _, correlation = self._read(symbol, paths)
        return decode_correlation(correlation, metadata.training_config, name=str(paths.correlations))

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
        paths = self.paths(symbol)
        metadata, generation, weights, correlation = self._read(symbol, paths)
        remedy = f"Run: tickgraph train --symbols {metadata.symbol}"
        try:
            return StoredModel(
                symbol=metadata.symbol,
                metadata=metadata,
                weights=decode_weights(weights, shapes(metadata.training_config), name=str(paths.weights)),
                correlation=decode_correlation(
                    correlation, metadata.training_config, name=str(paths.correlations)
                ),
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
                    seen = self._seen[path] = (stamp, digest(read_bounded(Path(path)) or b""))
        except FileNotFoundError:
            return None
        return seen[1]

    def recover(self) -> tuple[str, ...]:
        """Finish what interrupted publishes left: place committed files, drop orphans; say for which symbols."""
        recovered = []
        for symbol in filter(_is_canonical, interrupted(self.root)):
            with self._writing(symbol):
                if self._settle_last(symbol):
                    recovered.append(symbol)
        return tuple(recovered)

    def remove(self, symbol: str) -> None:
        """Remove a symbol's model, metadata first, so that no reader sees half of one."""
        with self._writing(symbol):
            withdraw(self.paths(symbol))

    def _writing(self, symbol: str) -> locks.exclusive:
        name = canonical(symbol)
        threads = self._writers.setdefault(name, threading.Lock())  # atomic, with or without a GIL
        return exclusive(self.root / ".locks" / f"{name}.lock", threads)

    def _publish(
        self, metadata: ModelMetadata, weights: bytes, correlation: bytes, *, keep_evaluation: bool = False
    ) -> ModelMetadata:
        with self._writing(metadata.symbol):
            if keep_evaluation:
                metadata = self._with_former_evaluation(metadata)
            return self._commit(metadata, weights, correlation)

    def _with_former_evaluation(self, metadata: ModelMetadata) -> ModelMetadata:
        """The metadata with the figures recorded before it, where they are of its procedure; lock held."""
        if not self.paths(metadata.symbol).metadata.exists():  # without a search for names like it
            return metadata
        try:
            former = self.metadata(metadata.symbol).evaluation
        except (ArtefactError, StorageError):  # none before, or it cannot be read and is about to be replaced
            return metadata
        if former is None or former.mismatch(metadata.training_config):
            return metadata
        return metadata.model_copy(update={"evaluation": former})

    def _commit(self, metadata: ModelMetadata, weights: bytes, correlation: bytes) -> ModelMetadata:
        """Publish with the symbol's lock held."""
        paths = self.paths(metadata.symbol)
        checksums = Checksums(weights=digest(weights), correlations=digest(correlation))
        text = encode_metadata(metadata.model_copy(update={"checksums": checksums}))
        complete = decode_metadata(text, canonical(metadata.symbol), name=f"{paths.metadata}{_UNWRITTEN}")
        self._place_last(metadata.symbol, paths)  # a failure below must find the old generation in place
        publish(paths, weights, correlation, text)
        return complete

    def _place_last(self, symbol: str, paths: ArtefactPaths) -> None:
        """Put the files of an interrupted publish, if its commit was reached, where they belong; lock held."""
        if paths.metadata.exists():
            with contextlib.suppress(
                ArtefactError
            ):  # damaged, or a later version's: nothing is known to be its
                checksums = self.metadata(symbol).checksums
                place(paths, checksums.weights, checksums.correlations)

    def _settle_last(self, symbol: str) -> bool:
        """Put the files of an interrupted publish where its metadata says; True if there were any."""
        paths = self.paths(symbol)
        finals = (paths.weights, paths.correlations)
        places = (*finals, paths.metadata)
        if not any(True for place in places for _ in place.parent.glob(f".{place.name}.*")):
            return False
        try:
            checksums = self.metadata(symbol).checksums
            sums = (checksums.weights, checksums.correlations)
            committed = {staged_path(final, sha) for final, sha in zip(finals, sums, strict=True)}
        except ModelNotFoundError:  # a first publish that was never committed
            committed = set()
        except ArtefactError:  # damaged, or a later version's: which of these it owns cannot be told
            return False
        settle(paths, committed)
        return True

    def _metadata(self, symbol: str, path: Path) -> tuple[ModelMetadata, str]:
        name = canonical(symbol)
        try:
            data = read_bounded(path)
        except FileNotFoundError:
            near = suggest(name, self.symbols())
            hint = f" Trained and similar: {', '.join(near)}." if near else ""
            raise ModelNotFoundError(
                f"No model of {name} in {self.root}.{hint} Run: tickgraph train --symbols {name}"
            ) from None
        if data is None:
            raise ArtefactError(
                f"{path} is foreign: a folder, or far too large. Remove it, then run: "
                f"tickgraph train --symbols {name}"
            )
        return decode_metadata(data, name, name=str(path)), digest(data)

    def _read(self, symbol: str, paths: ArtefactPaths) -> tuple[ModelMetadata, str, bytes, bytes]:
        """Read one whole generation, however many are published meanwhile."""
        last, attempts = "", 0
        while attempts < READ_ATTEMPTS:
            metadata, generation = self._metadata(symbol, paths.metadata)
            attempts, last = (attempts + 1 if generation == last else 1), generation
            weights = read_verified(paths.weights, metadata.checksums.weights)
            correlation = read_verified(paths.correlations, metadata.checksums.correlations)
            if weights is not None and correlation is not None:
                return metadata, generation, weights, correlation
        raise mismatch(metadata.symbol, paths.weights if weights is None else paths.correlations)


def _is_canonical(name: str) -> bool:
    try:
        return canonical(name) == name
    except SymbolError:
        return False


def _source_in(path: Path, name: str) -> str | None:
    try:
        return decode_metadata(read_bounded(path) or b"", name, name=str(path)).data_stats.source
    except (ArtefactError, StorageError, FileNotFoundError):
        return None


def _system_time() -> datetime:
    return datetime.now(UTC)
