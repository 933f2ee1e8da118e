"""The models on disk, for those who read them: find one, load it verified.

The folder may be this machine's copy of models on object storage (:mod:`tickgraph.registry.origin`). Then every method
brings the copy up to date before it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError, OtherExchangeError, StorageError
from tickgraph.market import calendar
from tickgraph.market.calendar import system_time
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.layout import FileStamp, folder_stamp
from tickgraph.model.training_config import TrainingConfig
from tickgraph.object_contact import Contact
from tickgraph.object_place import Place
from tickgraph.registry.artefact_file import digest, read_bounded
from tickgraph.registry.artefact_paths import (
    ArtefactPaths,
    published_names,
    trained_symbols,
    without_metadata,
)
from tickgraph.registry.bucket_shelf import open_shelf
from tickgraph.registry.correlation_file import decode_correlation
from tickgraph.registry.generation_file import GenerationBytes
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES, decode_metadata
from tickgraph.registry.universe_folder import UniverseFolder
from tickgraph.registry.weights_file import decode_weights
from tickgraph.shared.news import News
from tickgraph.wording import listed

Shapes = Mapping[str, tuple[int, ...]]

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


class StoredModels:
    """Trained models under a folder; safe for many readers.

    Methods raise :class:`SymbolError` for a name that is not a symbol's one spelling. Those that read a model raise
    :class:`ModelNotFoundError` if none was published, and :class:`ArtefactError` if one of its files is damaged,
    foreign or missing.

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
        As of :class:`tickgraph.registry.shelf.Shelf`: for a place on object storage, ``root`` holds its copies.
    universe
        What models are drawn to and hear, by source of prices.
    """

    def __init__(
        self, place: Place, now: Callable[[], datetime] | None = None, *, news: News | None = None
    ) -> None:
        self.now = now or system_time
        self._shelf = open_shelf(place, self.now, news)
        self.place, self.root = self._shelf.place, self._shelf.root
        self.universe = UniverseFolder(self.root, self.now, self._shelf.origin, news)

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
        return self._shelf.read(self.paths(symbol)).metadata

    def correlation(self, symbol: Symbol) -> NDArray[np.float64]:
        """``[N, N]`` float64: the published correlations, verified."""
        paths = self.paths(symbol)
        read = self._shelf.read(paths)
        training = read.metadata.training_config
        return decode_correlation(read.correlations, training, name=str(paths.correlations))

    def files(self, symbol: Symbol) -> GenerationBytes:
        """Bytes of the files of the current generation, compared with their checksums."""
        paths = self.paths(symbol)
        read = self._shelf.read(paths)
        metadata = read_bounded(paths.metadata, MAX_METADATA_BYTES)
        checksums = decode_metadata(metadata, symbol, name=str(paths.metadata)).checksums
        if (checksums.weights, checksums.correlations) != (digest(read.weights), digest(read.correlations)):
            raise ArtefactError(f"{symbol} was published anew while it was read. Read it again.")
        return GenerationBytes(read.weights, read.correlations, metadata)

    def load(self, symbol: Symbol, shapes: Callable[[TrainingConfig], Shapes]) -> StoredModel:
        """Load and verify the current generation.

        ``shapes`` gives the arrays that an architecture has: :func:`tickgraph.model.weights.weight_shapes`.

        Raises
        ------
        OtherExchangeError
            It is of another exchange than the one in force.
        """
        paths = self.paths(symbol)
        read = self._shelf.read(paths)
        self.must_be_of_the_exchange(read.metadata)
        training = read.metadata.training_config
        try:
            return StoredModel(
                symbol=symbol,
                metadata=read.metadata,
                weights=decode_weights(read.weights, shapes(training), name=str(paths.weights)),
                correlation=decode_correlation(read.correlations, training, name=str(paths.correlations)),
                generation=read.identity,
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
