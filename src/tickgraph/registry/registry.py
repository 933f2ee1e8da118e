"""The models on disk, for those who publish, replace and remove them.

On object storage (:mod:`tickgraph.registry.origin`) a publication reaches the storage before this machine's copy.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError, LaterArtefactError, StorageError
from tickgraph.market.spelling import Symbol
from tickgraph.object_store import Version
from tickgraph.permit import Permit
from tickgraph.registry.artefact_file import digest
from tickgraph.registry.artefact_paths import ArtefactPaths
from tickgraph.registry.correlation_file import decode_correlation, encode_correlation
from tickgraph.registry.evaluation_record import HorizonWalkForward, WalkForward
from tickgraph.registry.generation import read_generation, read_metadata
from tickgraph.registry.generation_file import GenerationBytes, seal_generation, unseal_generation
from tickgraph.registry.metadata import Checksums, Correlations, ModelMetadata
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES, decode_metadata, encode_metadata
from tickgraph.registry.stored_models import StoredModels
from tickgraph.registry.weights_file import decode_weights, encode_weights

UNPUBLISHED = Checksums(weights="0" * 64, correlations="0" * 64)

_UNWRITTEN = ", not yet written,"


class ModelRegistry(StoredModels):
    """Trained models under a folder; safe for many readers and for writers in several processes.

    The parameters are those of :class:`~tickgraph.registry.stored_models.StoredModels`. Methods that write raise
    :class:`StorageError` if the folder cannot be written; a whole generation is then in place.
    """

    def under(self, permit: Permit) -> ModelRegistry:
        """Give the same registry, which publishes under a permit.

        Every publication then raises :class:`~tickgraph.permit.PermitEnded` once the permit has ended.
        """
        other = copy.copy(self)
        other._shelf = self._shelf.under(permit)
        other.universe = self.universe.under(permit, other._shelf.origin)
        return other

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
        LaterArtefactError
            It would replace a model that a later release wrote.
        """
        paths = self.paths(metadata.symbol, to_write=True)
        encoded = encode_weights(weights), encode_correlation(correlation)
        shapes = {path: np.shape(value) for path, value in weights.items()}
        decode_weights(encoded[0], shapes, name=f"{paths.weights}{_UNWRITTEN}")
        decode_correlation(encoded[1], metadata.training_config, name=f"{paths.correlations}{_UNWRITTEN}")

        def change(replaced: Version | None) -> ModelMetadata:
            self._must_not_be_later(paths)
            kept = self._with_former_evaluation(metadata, paths) if keep_evaluation else metadata
            return self._commit(kept, *encoded, replaced)

        return self._shelf.change(metadata.symbol, change)

    def publish_correlation(
        self,
        symbol: Symbol,
        correlation: NDArray[np.float64],
        as_of: date,
        *,
        basis: ModelMetadata | None = None,
    ) -> ModelMetadata:
        """Publish a generation with new correlations and the weights it had.

        Parameters
        ----------
        symbol
            Whose model.
        correlation
            ``[N, N]`` float64, target first, peers in metadata order.
        as_of
            Last session of its lookback.
        basis
            Metadata that the peers were taken from.

        Raises
        ------
        ArtefactError
            There is no whole generation to build on, the model was retrained since ``basis``, or the matrix is no
            correlation matrix. Nothing was written.
        """
        encoded = encode_correlation(correlation)

        # Read under the lock: a training run that ends in between must not be undone by its old weights.
        def change(replaced: Version | None) -> ModelMetadata:
            paths = self.paths(symbol)
            self._shelf.must_be_sound(paths)
            there = read_generation(paths)
            metadata = there.metadata
            if basis is not None and basis.checksums.weights != metadata.checksums.weights:
                raise ArtefactError(
                    f"{symbol} was retrained while its correlations were computed; the new model is "
                    f"kept as it is. Run: tickgraph refresh {symbol}"
                )
            decode_correlation(encoded, metadata.training_config, name=f"{paths.correlations}{_UNWRITTEN}")
            correlations = Correlations(as_of=as_of, computed_at=self.now())
            described = metadata.model_copy(update={"correlations": correlations})
            return self._commit(described, there.weights, encoded, replaced)

        return self._shelf.change(symbol, change)

    def record_evaluation(self, symbol: Symbol, evaluation: WalkForward | HorizonWalkForward) -> str | None:
        """Put walk-forward figures into a model's metadata; its other files are not touched.

        Figures by horizon stand beside those of the next return, and each kind replaces its own.
        Gives the reason if the figures were not recorded: the model, as it is now, was trained another way.
        """

        # Read under the lock: a training run that ends in between has its own metadata, and maybe other settings.
        def change(replaced: Version | None) -> str | None:
            paths = self.paths(symbol)
            self._shelf.must_be_sound(paths)
            metadata, _ = read_metadata(paths)
            if reason := evaluation.mismatch(metadata.training_config, metadata.variance):
                return reason
            field = "evaluation_by_horizon" if isinstance(evaluation, HorizonWalkForward) else "evaluation"
            described = metadata.model_copy(update={field: evaluation})
            text = encode_metadata(described)
            decode_metadata(text, symbol, name=f"{paths.metadata}{_UNWRITTEN}")
            self._shelf.describe_anew(paths, text, replaced)
            return None

        return self._shelf.change(symbol, change)

    def adopt(self, symbol: Symbol, files: GenerationBytes) -> bool:
        """Publish the files of another registry's generation as they are; False if they are the current ones.

        Raises
        ------
        ArtefactError
            They are no generation of the symbol, or would replace a model of another exchange. Nothing was written.
        """
        paths = self.paths(symbol, to_write=True)
        name = f"{paths.metadata}{_UNWRITTEN}"
        unseal_generation(seal_generation(symbol, files), symbol, name=name)  # it checks what it opens
        coming = decode_metadata(files.metadata, symbol, name=name).data_stats.exchange

        def change(replaced: Version | None) -> bool:
            held = None
            self._must_not_be_later(paths)
            with contextlib.suppress(ArtefactError):  # what is there is not whole
                self._shelf.must_be_sound(paths)
                there = read_generation(paths)
                if there.identity == digest(files.metadata):
                    return False
                held = there.metadata.data_stats.exchange
            if held is not None and held != coming:
                raise ArtefactError(
                    f"The model of {symbol} in {self.place} is of the exchange {held}, and the one to be copied is of "
                    f"{coming}. Copy it to a place of its own."
                )
            self._shelf.commit(paths, files, replaced)
            return True

        return self._shelf.change(symbol, change)

    def recover(self) -> tuple[Symbol, ...]:
        """Finish what interrupted publishes left, as :meth:`Shelf.recover`; say for which symbols."""
        return self._shelf.recover()

    def remove(self, symbol: Symbol) -> None:
        """Remove a symbol's model, so that no reader sees half of one; damaged files and links are removed as well."""
        self._shelf.remove(symbol)

    def _must_not_be_later(self, paths: ArtefactPaths) -> None:
        """Raise :class:`LaterArtefactError` where a later release wrote what would be replaced; lock held."""
        try:
            self._shelf.must_be_sound(paths)
            if os.path.lexists(paths.metadata):  # reading would search for similar names
                read_metadata(paths)
        except LaterArtefactError:
            raise
        except (ArtefactError, StorageError):  # it cannot be read and is about to be replaced
            return

    def _with_former_evaluation(self, metadata: ModelMetadata, paths: ArtefactPaths) -> ModelMetadata:
        """The metadata with the figures recorded before it, where they are of its procedure; lock held."""
        if not os.path.lexists(paths.metadata):  # reading would search for similar names
            return metadata
        try:
            replaced = read_metadata(self.paths(metadata.symbol))[0]
        except (ArtefactError, StorageError):  # it cannot be read and is about to be replaced
            return metadata
        return metadata.with_evaluation_of(replaced)

    def _commit(
        self, metadata: ModelMetadata, weights: bytes, correlation: bytes, replaced: Version | None = None
    ) -> ModelMetadata:
        """Publish with the symbol's lock held, in the place of an object's version."""
        paths = self.paths(metadata.symbol, to_write=True)
        checksums = Checksums(weights=digest(weights), correlations=digest(correlation))
        text = encode_metadata(metadata.model_copy(update={"checksums": checksums}))
        if len(text) > MAX_METADATA_BYTES:
            raise ArtefactError(
                f"Metadata of {paths.symbol} would have {len(text):,} bytes, and {MAX_METADATA_BYTES:,} is the most. "
                "Calibrate on fewer sessions or peers: sessions, calibration_fraction or num_stocks of [training]."
            )
        complete = decode_metadata(text, paths.symbol, name=f"{paths.metadata}{_UNWRITTEN}")
        self._shelf.commit(paths, GenerationBytes(weights, correlation, text), replaced)
        return complete
