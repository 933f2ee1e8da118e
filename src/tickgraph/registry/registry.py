"""The models on disk: publish, find, load verified, remove.

The folder may be this machine's copy of models on object storage (:mod:`tickgraph.registry.origin`). Then every method
brings the copy up to date before it reads, and publishes on the object storage before the copy follows.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import (
    ArtefactError,
    LaterArtefactError,
    OtherExchangeError,
    StorageError,
)
from tickgraph.market import calendar
from tickgraph.market.calendar import system_time
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.layout import FileStamp, folder_stamp
from tickgraph.model.training_config import TrainingConfig
from tickgraph.object_contact import Contact
from tickgraph.object_place import Place
from tickgraph.object_store import Version
from tickgraph.permit import Permit
from tickgraph.registry.artefact_file import digest, read_bounded
from tickgraph.registry.artefact_paths import (
    ArtefactPaths,
    published_names,
    trained_symbols,
    without_metadata,
)
from tickgraph.registry.correlation_file import decode_correlation, encode_correlation
from tickgraph.registry.evaluation_record import HorizonWalkForward, WalkForward
from tickgraph.registry.generation import read_generation, read_metadata
from tickgraph.registry.generation_file import (
    GenerationBytes,
    seal_generation,
    unseal_generation,
)
from tickgraph.registry.metadata import Checksums, Correlations, ModelMetadata
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES, decode_metadata, encode_metadata
from tickgraph.registry.shelf import Shelf
from tickgraph.registry.universe_folder import UniverseFolder
from tickgraph.registry.weights_file import decode_weights, encode_weights
from tickgraph.shared.news import News
from tickgraph.wording import listed

Shapes = Mapping[str, tuple[int, ...]]
UNPUBLISHED = Checksums(weights="0" * 64, correlations="0" * 64)

_UNWRITTEN = ", not yet written,"
_NAMED = 10  # symbols that a message names before it counts


@dataclass(frozen=True)
class StoredModel:
    """One generation of one symbol, whole and verified.

    Attributes
    ----------
    weights
        float32 arrays by name.
    correlation
        ``[N, N]`` float64; row and column of an absent peer are 0.
    generation
        sha256 of the metadata, which carries those of the other files.
    """

    symbol: Symbol
    metadata: ModelMetadata
    weights: dict[str, NDArray[np.float32]]
    correlation: NDArray[np.float64]
    generation: str


class ModelRegistry:
    """Trained models under a folder; safe for many readers and for writers in several processes.

    Methods raise :class:`SymbolError` for a name that is not a symbol's one spelling. Those that read a model raise
    :class:`ModelNotFoundError` if none was published, and :class:`ArtefactError` if one of its files is damaged,
    foreign or missing. Those that write raise :class:`StorageError` if the folder cannot be written; a whole generation
    is then in place.

    Parameters
    ----------
    place
        Folder with ``weights/``, ``correlations/``, ``metadata/`` and ``universe/``; made when first written. Or a
        place on object storage.
    now
        Clock that publications are dated by; None is the system's.
    news
        Hears of what is published and removed; None tells nobody.

    Attributes
    ----------
    place, root
        As of :class:`tickgraph.registry.shelf.Shelf`.
    universe
        What models are drawn to and hear, by source of prices.
    """

    def __init__(
        self, place: Place, now: Callable[[], datetime] | None = None, *, news: News | None = None
    ) -> None:
        self.now = now or system_time
        self._shelf = Shelf(place, self.now, news)
        self.place, self.root = self._shelf.place, self._shelf.root
        self.universe = UniverseFolder(self.root, self.now, self._shelf.origin, news)

    def under(self, permit: Permit) -> ModelRegistry:
        """Give the same registry, which publishes under a permit.

        Every publication then raises :class:`~tickgraph.permit.PermitEnded` once the permit has ended.
        """
        other = copy.copy(self)
        other._shelf = self._shelf.under(permit)
        other.universe = self.universe.under(permit, other._shelf.origin)
        return other

    # Finding

    def symbols(self) -> tuple[Symbol, ...]:
        """Symbols that have published metadata.

        Raises
        ------
        StorageError
            The folder cannot be listed, or all metadata is gone while the models' other files are there. Then a disk
            has failed, and nobody has removed every model.
        """
        if self._shelf.origin is not None:
            return self.listed()
        if not published_names(self.root) and (left := without_metadata(self.root)):
            folder = self.root / "metadata"
            state = "holds no metadata" if folder.is_dir() else "is gone"
            raise StorageError(
                f"{folder} {state}, while the other files of {listed(left, _NAMED)} are there: it was not "
                "emptied by tickgraph remove. Restore the folder, or train the models again with tickgraph train; "
                "tickgraph remove removes the files that are left."
            )
        return trained_symbols(self.root)

    def listed(self) -> tuple[Symbol, ...]:
        """As :meth:`symbols`, and no error where metadata was lost."""
        return self._shelf.symbols()

    @property
    def contact(self) -> Contact | None:
        """The object storage that the models are on; None for a folder."""
        return self._shelf.origin.contact if self._shelf.origin is not None else None

    @property
    def away(self) -> str | None:
        """Why copies on this machine stand in for the object storage; None while it answers, or for a folder."""
        return self.contact.away if self.contact is not None else None

    def ask_anew(self) -> None:
        """Ask the object storage again at the next look: something is known to have been published."""
        if self._shelf.origin is not None:
            self._shelf.origin.ask_anew()

    def is_gone(self) -> bool:
        """Whether there is no folder of metadata: where there were models, a disk that failed."""
        return self._shelf.origin is None and not (self.root / "metadata").is_dir()

    def folder_stamp(self) -> FileStamp | None:
        """Identity of the folder of metadata, which changes with every publication; None on object storage."""
        return None if self._shelf.origin is not None else folder_stamp(self.root / "metadata")

    def fault(self) -> str | None:
        """Say why the models cannot be listed at present; None if they can."""
        try:
            self.symbols()
        except StorageError as error:
            return str(error)
        return None

    def without_metadata(self) -> tuple[Symbol, ...]:
        """Symbols whose weights or correlations are there and whose metadata was lost; they have no model."""
        return without_metadata(self.root)

    def holds(self, symbol: Symbol) -> bool:
        """Whether anything stands in the place of one of the symbol's files, usable or not."""
        return self._shelf.holds(symbol)

    def renamed(self) -> dict[Symbol, tuple[str, str | None]]:
        """Symbols that have no model under today's name, but one under a former name.

        Gives the former name and the source that its model was trained on; None where its metadata cannot be read.
        """
        return self._shelf.renamed()

    def paths(self, symbol: Symbol, *, to_write: bool = False) -> ArtefactPaths:
        """Where a symbol's files are, as :meth:`Shelf.paths`."""
        return self._shelf.paths(symbol, to_write=to_write)

    # Reading

    def metadata(self, symbol: Symbol) -> ModelMetadata:
        """Metadata of the current generation; its files are not opened."""
        return self._shelf.metadata(self.paths(symbol))

    def verified(self, symbol: Symbol) -> ModelMetadata:
        """Metadata of the current generation, whose files are compared with their checksums and not opened."""
        return self._shelf.read(self.paths(symbol))[0]

    def correlation(self, symbol: Symbol) -> NDArray[np.float64]:
        """``[N, N]`` float64: the published correlations, verified."""
        paths = self.paths(symbol)
        metadata, _, _, correlation = self._shelf.read(paths)
        return decode_correlation(correlation, metadata.training_config, name=str(paths.correlations))

    def files(self, symbol: Symbol) -> GenerationBytes:
        """Bytes of the files of the current generation, compared with their checksums."""
        paths = self.paths(symbol)
        _, _, weights, correlations = self._shelf.read(paths)
        metadata = read_bounded(paths.metadata, MAX_METADATA_BYTES)
        checksums = decode_metadata(metadata, symbol, name=str(paths.metadata)).checksums
        if (checksums.weights, checksums.correlations) != (digest(weights), digest(correlations)):
            raise ArtefactError(f"{symbol} was published anew while it was read. Read it again.")
        return GenerationBytes(weights, correlations, metadata)

    def load(self, symbol: Symbol, shapes: Callable[[TrainingConfig], Shapes]) -> StoredModel:
        """Load and verify the current generation.

        ``shapes`` gives the arrays that an architecture has: :func:`tickgraph.model.weights.weight_shapes`.

        Raises
        ------
        OtherExchangeError
            It is of another exchange than the one in force.
        """
        paths = self.paths(symbol)
        metadata, generation, weights, correlation = self._shelf.read(paths)
        self.must_be_of_the_exchange(metadata)
        training = metadata.training_config
        try:
            return StoredModel(
                symbol=symbol,
                metadata=metadata,
                weights=decode_weights(weights, shapes(training), name=str(paths.weights)),
                correlation=decode_correlation(correlation, training, name=str(paths.correlations)),
                generation=generation,
            )
        except ArtefactError as error:
            reason = str(error)
        # Raised here and not above: whoever keeps this error would keep the frames that hold the files.
        raise ArtefactError(f"{reason} Run: tickgraph train --symbols {symbol}")

    def must_be_of_the_exchange(self, metadata: ModelMetadata) -> None:
        """Raise :class:`OtherExchangeError` for a model of another exchange than the one in force."""
        held, asked = metadata.data_stats.exchange, calendar.exchange()
        if held != asked:
            raise OtherExchangeError(
                f"The model of {metadata.symbol} in {self.place} is of the exchange {held}, and the exchange in force "
                f"is {asked}. Set exchange to {held} (--exchange {held}), or give models of {asked} a folder of "
                "their own with --models-dir."
            )

    def generation(self, symbol: Symbol) -> str | None:
        """Identity of the current generation, None without one; a cheap look while nothing changes."""
        return self._shelf.identity(symbol)

    # Writing

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
            metadata, _, weights, _ = read_generation(paths)
            if basis is not None and basis.checksums.weights != metadata.checksums.weights:
                raise ArtefactError(
                    f"{symbol} was retrained while its correlations were computed; the new model is "
                    f"kept as it is. Run: tickgraph refresh {symbol}"
                )
            decode_correlation(encoded, metadata.training_config, name=f"{paths.correlations}{_UNWRITTEN}")
            correlations = Correlations(as_of=as_of, computed_at=self.now())
            described = metadata.model_copy(update={"correlations": correlations})
            return self._commit(described, weights, encoded, replaced)

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
        unseal_generation(seal_generation(symbol, files), symbol, name=f"{paths.metadata}{_UNWRITTEN}")

        coming = decode_metadata(
            files.metadata, symbol, name=f"{paths.metadata}{_UNWRITTEN}"
        ).data_stats.exchange

        def change(replaced: Version | None) -> bool:
            held = None
            self._must_not_be_later(paths)
            with contextlib.suppress(ArtefactError):  # what is there is not whole
                self._shelf.must_be_sound(paths)
                here, identity = read_generation(paths)[:2]
                if identity == digest(files.metadata):
                    return False
                held = here.data_stats.exchange
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
