"""The manifest of a source: which files its prices are on object storage, and under which keys they lie there."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tickgraph.errors import LaterPricesError, PriceDataError
from tickgraph.market.calendar import NEW_YORK
from tickgraph.object_place import ObjectPlace
from tickgraph.schema_version import later_in

MANIFESTS, FILES = "sources", "files"  # folders of keys
RECENT = "recent/sessions.parquet"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
SCHEMA = 1  # of manifests
FILE_NAME = re.compile(r"[A-Z0-9][A-Z0-9&]*(?:-[A-Z0-9]+)?\.parquet|recent/sessions\.parquet")
"""Names of the files of a source."""


class ManifestFile(BaseModel):
    """One file of a source: what its key ends with, and what its bytes hash to."""

    model_config = ConfigDict(frozen=True, extra="allow")

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """Which files the prices of a source are; fields of a later release are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: Literal[1] = Field(default=1, exclude=True)  # the first releases wrote none
    exchange: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]{2,20}$")] = NEW_YORK
    files: dict[str, ManifestFile] = Field(default_factory=dict)

    @field_validator("files")
    @classmethod
    def _names_lead_nowhere_else(cls, files: dict[str, ManifestFile]) -> dict[str, ManifestFile]:
        if not all(map(FILE_NAME.fullmatch, files)):
            raise ValueError("it names a file that is none of a price store")
        return files

    def object_keys(self, source: str) -> set[str]:
        """Keys of its files."""
        return {file_key(source, name, each) for name, each in self.files.items()}


def manifest_key(source: str) -> str:
    """Key of a source's manifest."""
    return f"{MANIFESTS}/{source}.json"


def file_key(source: str, name: str, file: ManifestFile) -> str:
    """Key of a file."""
    return f"{FILES}/{source}/{name}.{file.key}"


def read_manifest(data: bytes, source: str, place: ObjectPlace) -> Manifest:
    """Read a manifest.

    Raises
    ------
    PriceDataError
        It is damaged or foreign.
    LaterPricesError
        A later release wrote it.
    """
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]["msg"]
    if later := later_in(data, SCHEMA):
        raise LaterPricesError(f"{place}/{manifest_key(source)} cannot be read: {later}.")
    raise damaged_object(place, manifest_key(source), fault)


def damaged_object(place: ObjectPlace, key: str, fault: str) -> PriceDataError:
    """Make the error of an object that cannot be used."""
    return PriceDataError(
        f"{place}/{key} is damaged or foreign: {fault}. Restore it, or remove it and publish the prices again."
    )
