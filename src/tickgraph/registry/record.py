"""What every part of a model's metadata is made of: records, spans of sessions, bounded numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]

_ROUNDING = 1e-9  # by how much a correlation in floating point may leave [-1, 1]

Level = Annotated[str, Field(pattern=r"^0\.[0-9]+$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Correlation = Annotated[float, Field(ge=-1.0 - _ROUNDING, le=1.0 + _ROUNDING)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class Record(BaseModel):
    """A part of a document: frozen, its numbers finite. Fields of a later release are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Span(Record):
    """A part that is of the sessions from a first to a last one."""

    first_session: date
    last_session: date

    @model_validator(mode="after")
    def _sessions_are_in_order(self) -> Self:
        if self.first_session > self.last_session:
            raise ValueError(f"first_session {self.first_session} must not be after {self.last_session}")
        return self
