"""The universe's fit and its state of the day as files: into bytes, and back without trust.

Every file says which source its prices are from, which exchange, which features it has and which libraries made it.
Reading compares every array with the shapes that follow from that, and every number with what it may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tickgraph.errors import ArtefactError, LaterArtefactError, OtherExchangeError
from tickgraph.graph.variance_features import COMMON, SEASON, num_variance_features
from tickgraph.market import calendar
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import SCORES, UniverseFit
from tickgraph.model.universe_state import UniverseState
from tickgraph.model.weights import ATTENTION_SOURCE, SHARE, convolutions, variance_shapes
from tickgraph.registry.library_versions import library_versions
from tickgraph.registry.plain_array import Unfit, decode_array, encode_array
from tickgraph.registry.record import UtcDatetime
from tickgraph.registry.sealed_arrays import seal, unseal
from tickgraph.schema_version import later_in
from tickgraph.wording import escaped, in_words

Header = TypeVar("Header", bound="_Header")
Result = TypeVar("Result")

FEATURES = (*COMMON, *(f"season: {name}" for name in SEASON))
"""Names of the features, those of a horizon once: a file of other features is of another release."""

_WEIGHTS = "weights/"
_SCHEMA = 1
_ROUNDING = 1e-6


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    schema_version: Literal[1] = 1
    source: str
    exchange: str = Field(pattern=r"^[A-Za-z0-9_/]{2,20}$")
    horizons: tuple[int, ...] = Field(min_length=1, max_length=64)
    features: tuple[str, ...]
    symbols: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9&-]{0,30}$")], ...]
    created_at: UtcDatetime
    versions: dict[str, str]

    @model_validator(mode="after")
    def _features_are_of_this_release(self) -> Self:
        if self.features != FEATURES:
            raise ValueError("it has other features than this release reads")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("it names a symbol twice")
        TrainingConfig(horizons=self.horizons)
        return self


class _FitHeader(_Header):
    kind: Literal["fit of the universe"] = "fit of the universe"
    data_version: str
    first_session: date
    held_out_first: date
    last_session: date
    variance_dim: int
    num_gcn_layers: int
    num_gat_heads: int

    @model_validator(mode="after")
    def _sessions_are_in_order(self) -> Self:
        if not self.first_session <= self.held_out_first <= self.last_session:
            raise ValueError(
                f"sessions are out of order: {self.first_session}, {self.held_out_first}, {self.last_session}"
            )
        return self


class _StateHeader(_Header):
    kind: Literal["state of the universe"] = "state of the universe"
    session: date


def encode_fit(fit: UniverseFit, now: datetime) -> bytes:
    """Write a fit as the bytes of its file."""
    layers = convolutions(fit.weights)
    heads, width = fit.weights[ATTENTION_SOURCE].shape
    header = _FitHeader(
        source=fit.source,
        exchange=calendar.exchange(),
        horizons=fit.horizons,
        features=FEATURES,
        symbols=fit.symbols,
        created_at=now,
        versions=library_versions(),
        data_version=fit.data_version,
        first_session=fit.first_session.astype(date),
        held_out_first=fit.held_out_first.astype(date),
        last_session=fit.last_session.astype(date),
        variance_dim=heads * width,
        num_gcn_layers=len(layers),
        num_gat_heads=heads,
    )
    arrays = {_WEIGHTS + path: encode_array(value, "<f4") for path, value in fit.weights.items()}
    arrays |= {"scores": encode_array(fit.scores, "<f8"), "qlike": encode_array(fit.qlike, "<f8")}
    return seal(header.model_dump_json(indent=2).encode(), arrays)


def encode_state(state: UniverseState, now: datetime) -> bytes:
    """Write a state of the day as the bytes of its file."""
    header = _StateHeader(
        source=state.source,
        exchange=calendar.exchange(),
        horizons=state.horizons,
        features=FEATURES,
        symbols=state.symbols,
        created_at=now,
        versions=library_versions(),
        session=state.session.astype(date),
    )
    arrays = {
        "values": encode_array(state.values, "<f4"),
        "known": encode_array(state.known, "|u1"),
        "close": encode_array(state.close, "<f8"),
    }
    return seal(header.model_dump_json(indent=2).encode(), arrays)


def decode_fit(data: bytes, source: str, *, name: str, exchange: str | None) -> UniverseFit:
    """Read a fit.

    Parameters
    ----------
    data
        The file's bytes.
    source
        Whose file it is.
    name
        What to call the file in errors.
    exchange
        Exchange that its prices must be of; None takes any.

    Raises
    ------
    ArtefactError
        It is damaged, of another schema, other features or another source.
    LaterArtefactError
        It is of a schema version that only a later release reads.
    OtherExchangeError
        It is of another exchange.
    """
    return _read(data, _Expected(source, exchange), name, "tickgraph train", _FitHeader, _fit_of)


def decode_state(data: bytes, source: str, *, name: str, exchange: str | None) -> UniverseState:
    """Read a state of the day; parameters and errors as of :func:`decode_fit`."""
    return _read(data, _Expected(source, exchange), name, "tickgraph refresh", _StateHeader, _state_of)


class _Expected(NamedTuple):
    source: str
    exchange: str | None


def _read(
    data: bytes,
    expected: _Expected,
    name: str,
    remedy: str,
    header_type: type[Header],
    build: Callable[[Header, dict[str, bytes]], Result],
) -> Result:
    try:
        text, images = unseal(data)
        header = _header_of(text, header_type, name)
        if header.source != expected.source:
            raise Unfit(f"it is foreign: it is of the prices of {header.source!r}")
        if expected.exchange not in (None, header.exchange):
            raise OtherExchangeError(
                f"{name} is of the exchange {header.exchange}, and the exchange in force is {expected.exchange}. Set "
                f"exchange to {header.exchange} (--exchange {header.exchange}), or give models of {expected.exchange} "
                "a folder of their own with --models-dir."
            )
        return build(header, images)
    except Unfit as unfit:
        reason = escaped(str(unfit))
    # Raised here and not above: whoever keeps the error would keep the frames that hold the file.
    raise ArtefactError(f"{name} is refused: {reason}. Run: {remedy}")


def _header_of(text: bytes, header_type: type[Header], name: str) -> Header:
    try:
        return header_type.model_validate_json(text)
    except ValidationError as error:
        fault = in_words(error.errors(include_url=False)[0], whole="the header")
    if later := later_in(text, _SCHEMA):
        raise LaterArtefactError(f"{name} cannot be read: {later}.")
    raise Unfit(fault)


def _fit_of(header: _FitHeader, images: dict[str, bytes]) -> UniverseFit:
    try:
        config = TrainingConfig(
            horizons=header.horizons,
            variance_dim=header.variance_dim,
            num_gcn_layers=header.num_gcn_layers,
            num_gat_heads=header.num_gat_heads,
            hidden_dim=header.num_gat_heads,
        )
    except ValidationError as error:
        raise Unfit(in_words(error.errors(include_url=False)[0], whole="the header")) from None
    horizons = len(header.horizons)
    weights = {_WEIGHTS + path: ("<f4", shape) for path, shape in variance_shapes(config).items()}
    figures = {"scores": ("<f8", (horizons, SCORES)), "qlike": ("<f8", (3, horizons))}
    arrays = _arrays(images, weights | figures)
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise Unfit(f"{name} has values that are not finite")
    share = arrays[_WEIGHTS + SHARE]
    if not ((share >= 0) & (share <= 1)).all():
        raise Unfit("a share of the nonlinear path lies outside [0, 1]")
    if (np.diff(arrays["scores"], axis=1) < 0).any():
        raise Unfit("scores do not ascend")
    if (arrays["qlike"] < -_ROUNDING).any():
        raise Unfit("a QLIKE is negative")
    return UniverseFit(
        horizons=header.horizons,
        weights={path.removeprefix(_WEIGHTS): arrays[path] for path in weights},
        scores=arrays["scores"],
        qlike=arrays["qlike"],
        symbols=header.symbols,
        first_session=np.datetime64(header.first_session),
        held_out_first=np.datetime64(header.held_out_first),
        last_session=np.datetime64(header.last_session),
        source=header.source,
        data_version=header.data_version,
    )


def _state_of(header: _StateHeader, images: dict[str, bytes]) -> UniverseState:
    symbols = len(header.symbols)
    shapes = {
        "values": ("<f4", (symbols, num_variance_features(header.horizons))),
        "known": ("|u1", (symbols,)),
        "close": ("<f8", (symbols,)),
    }
    arrays = _arrays(images, shapes)
    values, close = arrays["values"], arrays["close"]
    if (arrays["known"] > 1).any():
        raise Unfit("known is neither 0 nor 1")
    known = arrays["known"].astype(bool)
    if not np.isfinite(values).all() or values[~known].any():
        raise Unfit("values has numbers that are not finite, or of a symbol that is not known")
    if not (close[known] > 0).all() or np.isinf(close).any():
        raise Unfit("close has no price of a symbol that is known, or an infinite one")
    return UniverseState(
        session=np.datetime64(header.session),
        horizons=header.horizons,
        symbols=header.symbols,
        values=values,
        known=known,
        close=close,
        source=header.source,
    )


def _arrays(
    images: Mapping[str, bytes], expected: Mapping[str, tuple[str, tuple[int, ...]]]
) -> dict[str, NDArray[Any]]:
    """Every expected array; shared by whoever reads the file, so none can be written to.

    A later release may have added others.
    """
    if lacking := [name for name in expected if name not in images]:
        raise Unfit(f"it lacks {lacking[0]}")
    arrays = {}
    for name, (dtype, shape) in expected.items():
        try:
            arrays[name] = decode_array(images[name], dtype, shape)
        except Unfit as unfit:
            raise Unfit(f"{name}: {unfit}") from None
        arrays[name].setflags(write=False)
    return arrays
