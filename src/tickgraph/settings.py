"""Settings, from the strongest to the weakest: flags, environment, configuration file, defaults.

Environment variables start with ``TICKGRAPH_``. Two underscores enter a table: ``TICKGRAPH_TRAINING__EPOCHS=40``. The
file is ``tickgraph.toml`` in the working folder, unless ``TICKGRAPH_CONFIG`` or ``--config`` names another.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from tickgraph.errors import InputError
from tickgraph.market import calendar
from tickgraph.market.quality import Implausible
from tickgraph.market.source import PriceSource
from tickgraph.market.sources import must_have_prices_of, open_source
from tickgraph.market.sources.providers import Access, Providers, Token
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.market.universe import add_aliases, parse_symbols
from tickgraph.model.training_config import TrainingConfig
from tickgraph.object_place import Place, StorageSettings, local_folder, read_place
from tickgraph.operations.timetable import Timetable
from tickgraph.pipeline.engines import EngineName, open_engine
from tickgraph.pipeline.engines.plan import Engine
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serve_settings import ServeSettings
from tickgraph.shared.news import News, news_of
from tickgraph.shared.shared_settings import SharedSettings, shared_by
from tickgraph.wording import in_words

SourceName = Literal["sample", "files", "yahoo", "tiingo", "live"]
Fallback = Literal["momentum", "train", "none"]

CONFIG_VARIABLE = "TICKGRAPH_CONFIG"
# A URL that is none of ours may hold a password.
_SECRETS = {"tiingo_token", "admin_token", "api_keys", "models_dir", "prices_dir", "endpoint", "redis"}
DEFAULT_CONFIG = Path("tickgraph.toml")


class ScheduleSettings(BaseModel):
    """When a refresh is due.

    Attributes
    ----------
    daily
        Time of the daily run on exchange days.
    weekly
        Day and time of the weekly run, which trains every model anew.
    timezone
        Time zone of both; None is the exchange's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    daily: str = "06:00"
    weekly: str = "Sunday 02:00"
    timezone: str | None = None

    @model_validator(mode="after")
    def _can_be_read(self) -> ScheduleSettings:
        try:
            self.timetable()
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    def timetable(self) -> Timetable:
        """Due moments."""
        return Timetable.parse(self.daily, self.weekly, self.timezone or calendar.timezone())


class Settings(BaseSettings):
    """Where things are and how models are made.

    Attributes
    ----------
    exchange
        Whose sessions prices have: a calendar of exchange_calendars, such as ``XLON``, ``XTKS`` or ``24/7``.
    storage
        How object storage is reached; before what uses it.
    models_dir
        Folder of the model registry, or a URL of object storage: ``s3://bucket/prefix``.
    prices_dir
        Folder of the price store, or a URL of object storage.
    source, source_path
        Where prices come from; ``files`` needs the path of a Parquet or CSV file or folder.
    providers
        What the source ``live`` asks, in this order: ``yahoo``, ``tiingo``.
    tiingo_token
        Token of an account with Tiingo.
    implausible
        What happens to prices that cannot be. ``leave_out`` drops bars after which the price comes back, and refuses a
        symbol whose price stays on another scale. ``refuse`` refuses the symbol for both. ``keep`` keeps both.
    peer_pool
        Symbols that peers are chosen from; empty means all that the source lists.
    universe
        Symbols or sectors that a refresh trains if they have no model. It keeps every model fresh anyway.
    aliases
        Former names of symbols and today's, besides the bundled ones.
    engine
        Where models are trained: on this machine, or on a Ray cluster.
    ray_address
        Of a running cluster, such as ``10.0.0.1:6379`` or ``auto``; None starts Ray on this machine.
    workers
        Symbols trained side by side on this machine; 0 means one per core.
    stack
        Symbols of one call of the training program; 0 is one on a CPU, and on an accelerator what its memory holds.
    fallback
        What answers for a symbol without a model.
    operations_dir
        Folder of operations: runs of refresh, the log of forecasts, live quality; without it ``.operations`` in the
        folder of the models, or of their copies on this machine.
    state_dir
        Former name of ``operations_dir``.
    training
        Architecture and training.
    serve
        The HTTP service.
    shared
        The Redis server that several hosts share.
    schedule
        When a refresh is due.
    """

    model_config = SettingsConfigDict(
        env_prefix="TICKGRAPH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    exchange: str = calendar.NEW_YORK
    storage: StorageSettings = StorageSettings()
    models_dir: Place = Path("models/gnn")
    prices_dir: Place = Path("prices")
    source: SourceName = "sample"
    source_path: Path | None = None
    providers: Providers = ("yahoo", "tiingo")
    tiingo_token: Token | None = None
    implausible: Implausible = "leave_out"
    peer_pool: tuple[Symbol, ...] = ()
    universe: tuple[Symbol, ...] = ()
    aliases: dict[str, str] = Field(default_factory=dict)
    engine: EngineName = "local"
    ray_address: str | None = None
    workers: int = Field(default=0, ge=0, le=1024)
    stack: int = Field(default=0, ge=0, le=4096)
    fallback: Fallback = "momentum"
    state_dir: Path | None = None
    operations_dir: Path = Field(
        default_factory=lambda given: given["state_dir"] or local_folder(given["models_dir"]) / ".operations"
    )
    training: TrainingConfig = TrainingConfig()
    serve: ServeSettings = ServeSettings()
    shared: SharedSettings = SharedSettings()
    schedule: ScheduleSettings = ScheduleSettings()

    def price_store(self) -> PriceStore:
        """The price store, with these settings' choice for prices that cannot be."""
        return PriceStore(self.prices_dir, implausible=self.implausible, news=self.news)

    def open_registry(self) -> ModelRegistry:
        """The models; hosts that share a Redis server hear of what is published."""
        return ModelRegistry(self.models_dir, news=self.news)

    @property
    def shared_space(self) -> SharedSettings | None:
        """Redis and what hosts with these models share there; None where they share none."""
        return shared_by(self.shared, self.models_dir)

    @property
    def news(self) -> News | None:
        """What tells other hosts of publications; None where there is no Redis."""
        return news_of(shared) if (shared := self.shared_space) else None

    def open_source(self, name: str | None = None) -> PriceSource:
        """The source of prices with this name; None is the one of these settings."""
        return open_source(name or self.source, self.source_path, access=self.access)

    def open_engine(self) -> Engine:
        """An engine for one training run; InputError if Ray is to be used and is not installed."""
        return open_engine(self.engine, workers=self.workers, stack=self.stack, address=self.ray_address)

    @property
    def runtime_dir(self) -> Path:
        """Folder of a service's jobs and locks, on this machine."""
        return self.serve.runtime_dir or local_folder(self.models_dir) / ".service"

    @property
    def access(self) -> Access:
        """What live sources need besides their name."""
        return Access(self.providers, self.tiingo_token)

    @field_validator("models_dir", "prices_dir", mode="before")
    @classmethod
    def _a_place(cls, value: Any, given: ValidationInfo) -> Any:
        try:
            return read_place(value, given.data.get("storage", StorageSettings()))
        except InputError as error:
            raise ValueError(str(error)) from None

    @field_validator("exchange")
    @classmethod
    def _is_an_exchange(cls, name: str) -> str:
        try:
            return calendar.exchange_named(name)
        except InputError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="before")
    @classmethod
    def _files_of_other_exchanges(cls, given: dict[str, Any]) -> dict[str, Any]:
        # The default source has prices of New York only. Another validator refuses a name that is no exchange.
        with contextlib.suppress(InputError, AttributeError):
            if calendar.exchange_named(given.get("exchange", calendar.NEW_YORK)) != calendar.NEW_YORK:
                return {"source": "files", **given}
        return given

    @model_validator(mode="after")
    def _source_has_prices_of_the_exchange(self) -> Settings:
        try:
            must_have_prices_of(self.exchange, self.source)
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    @field_validator("training", "serve", "shared", "schedule", "storage", mode="before")
    @classmethod
    def _a_table(cls, value: Any) -> Any:
        # Flags, variables and the file may each set single fields of a table, so a whole one becomes fields, too.
        tables = TrainingConfig | ServeSettings | SharedSettings | ScheduleSettings | StorageSettings
        return value.model_dump() if isinstance(value, tables) else value

    @field_validator("universe", "peer_pool", "aliases", mode="before")
    @classmethod
    def _quoted(cls, value: Any) -> Any:
        # TRUE, NAN and INF are tickers, and words of TOML and JSON.
        for symbol in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            if not isinstance(symbol, str):
                raise ValueError(
                    f'a symbol must be text, got {symbol}; put it in quotes: "{str(symbol).upper()}"'
                )
        return value

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

    Notes
    -----
    The exchange and the aliases count in this process from now on. Symbols of the settings are read under them.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    path = _config_path()
    if CONFIG_VARIABLE in os.environ and not path.is_file():
        raise InputError(f"Configuration file {path} does not exist. Name another, or leave --config out.")
    try:
        settings = Settings(**given)
        calendar.use_exchange(settings.exchange)
        add_aliases(settings.aliases)
        return settings.model_copy(
            update={name: _symbols(name, getattr(settings, name)) for name in ("universe", "peer_pool")}
        )
    except SettingsError as error:  # its text names the field, and no value
        raise InputError(
            f"Bad settings ({error}). Lists and tables in TICKGRAPH_ variables are JSON, such as "
            """TICKGRAPH_SERVE__API_KEYS='["KEY"]'."""
        ) from None  # the cause holds the value, which may be a secret
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"Configuration file {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            in_words(each, whole="the settings", shown=not _SECRETS & set(each["loc"]))
            for each in error.errors()
        ).rstrip(".")
        raise InputError(
            f"Bad settings ({problems}). They come from flags, TICKGRAPH_ variables or {path}."
        ) from None  # the cause holds the values


def _symbols(name: str, words: tuple[str, ...]) -> tuple[Symbol, ...]:
    try:
        return parse_symbols(words) if words else ()
    except InputError as error:
        raise InputError(f"Bad settings ({name}: {error})") from error
