"""Settings, from the strongest to the weakest: flags, environment, configuration file, defaults.

Environment variables start with ``TICKGRAPH_``; two underscores enter a table, as in
``TICKGRAPH_TRAINING__EPOCHS=40``. The file is ``tickgraph.toml`` in the working folder, or the one that
``TICKGRAPH_CONFIG`` or ``--config`` names.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tickgraph.errors import InputError
from tickgraph.model.config import TrainingConfig

SourceName = Literal["sample", "files", "yahoo"]
Fallback = Literal["momentum", "train", "none"]

CONFIG_VARIABLE = "TICKGRAPH_CONFIG"
DEFAULT_CONFIG = Path("tickgraph.toml")


class Settings(BaseSettings):
    """Where things are and how models are made.

    Attributes
    ----------
    models_dir, prices_dir
        Folders of the model registry and of the local price store.
    source, source_path
        Where prices come from; ``files`` needs the path of a Parquet or CSV file or folder.
    peer_pool
        Symbols that peers are chosen from; empty means all that the source lists.
    workers
        Symbols trained side by side; 0 means one per core.
    fallback
        What answers for a symbol without a model.
    training
        Architecture and training.
    """

    model_config = SettingsConfigDict(
        env_prefix="TICKGRAPH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    models_dir: Path = Path("models/gnn")
    prices_dir: Path = Path("prices")
    source: SourceName = "sample"
    source_path: Path | None = None
    peer_pool: tuple[str, ...] = ()
    workers: int = Field(default=0, ge=0, le=1024)
    fallback: Fallback = "momentum"
    training: TrainingConfig = TrainingConfig()

    @field_validator("training", mode="before")
    @classmethod
    def _a_table(cls, value: Any) -> Any:
        # Every layer below the flags may set single fields of the table; the rest keep their defaults.
        return value.model_dump() if isinstance(value, TrainingConfig) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then the file; pydantic-settings merges tables field by field."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_path())


def _config_path() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def load_settings(**flags: Any) -> Settings:
    """Gather the settings; a flag of None was not given.

    Raises
    ------
    InputError
        A value is out of range or unknown; the message names each field and where it may come from.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    path = _config_path()
    if CONFIG_VARIABLE in os.environ and not path.is_file():
        raise InputError(f"Configuration file {path} does not exist. Name another, or leave --config out.")
    try:
        return Settings(**given)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"Configuration file {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise InputError(
            f"Bad settings ({problems}). They come from flags, TICKGRAPH_ variables or {path}."
        ) from error
