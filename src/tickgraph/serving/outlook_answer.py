"""What every answer about a later close says besides: from which price it starts, and where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from tickgraph.errors import ModelNotFoundError
from tickgraph.market.calendar import Clock, Day, known_sessions
from tickgraph.market.dividends import Source as DividendSource
from tickgraph.market.expiry import LONGEST, sessions_ahead
from tickgraph.serving.answer import Status, answer_fields
from tickgraph.serving.outlook import Outlook

AnAnswer = TypeVar("AnAnswer", covariant=True)


class OutlookAnswer(BaseModel):
    """Price that an answer starts from, and where the answer comes from."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    symbol: str
    """Ticker; a former name is answered under today's."""
    status: Status
    """What answered: a model trained ahead (`pre-trained`), one trained for this request (`trained-on-demand`),
    or, for the next session of a symbol without a model, its own last returns (`momentum`)."""
    model: str
    """`gnn` or `momentum`."""
    as_of: date
    """Last session whose prices were used."""
    price: float
    """Dollars; the price that the distribution starts from."""
    price_source: Literal["request", "last close"]
    """Where `price` comes from."""
    dividends: DividendSource | None
    """What dividends are taken off: those of past ex-dates, expected to come again; the last year's yield, spread
    evenly; or none. Null where only the next session is forecast."""
    prices_source: str
    """Source of the price history: `sample`, `files`, `yahoo` or another."""
    prices_provider: str
    """Who gave the source this symbol's prices; the source itself where it has no other."""
    last_close: float
    """Dollars; close of `as_of` in the history."""
    stale: bool
    """Whether completed sessions are missing from the history."""
    sessions_behind: int
    """How many."""
    generation: str | None
    """Identity of the published model; null without one."""
    trained_at: datetime | None
    """When the model was trained."""
    model_stale: bool
    """Whether that is more than seven days ago."""
    calibration_sessions: int
    """Held-out sessions behind the distribution."""
    notes: tuple[str, ...] = ()
    """What a careful reader should know."""


class Answering(Protocol[AnAnswer]):
    """Makes one answer from an outlook, such as ``partial(distribution_of, sessions=21)``.

    The parameters are those of :func:`~tickgraph.serving.answer.answer_fields`.
    """

    def __call__(
        self,
        outlook: Outlook,
        price: float | None,
        clock: Clock,
        /,
        *,
        trained_now: bool,
        refused: Exception | None,
    ) -> AnAnswer:
        """Make it."""


def outlook_fields(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> dict[str, Any]:
    """Fields of an :class:`OutlookAnswer` in their order.

    The parameters are those of :func:`~tickgraph.serving.answer.answer_fields`.
    """
    forecast = answer_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    return {name: forecast[name] for name in OutlookAnswer.model_fields}


def looking_ahead(
    outlook: Outlook, sessions: int | None = None, expiry: Day | None = None, *, name: str = "expiry"
) -> tuple[int, np.datetime64]:
    """How many sessions an outlook is asked to look ahead, and the session that it looks at: one of the two is given.

    ``name`` is the field that the expiry was given in, for the message.

    Raises
    ------
    InputError
        Sessions or an expiry that cannot be forecast, as :func:`~tickgraph.market.expiry.sessions_ahead`.
    ModelNotFoundError
        More than one session is asked for, and the symbol has no model that forecasts it.
    """
    longest = outlook.one_session_or_more.longest
    ahead, day = sessions_ahead(
        outlook.as_of, longest if outlook.horizons else LONGEST, sessions, expiry, name=name
    )
    if ahead > longest:
        raise _one_session_only(outlook, ahead)
    return ahead, day


def sessions_to(outlook: Outlook, expiries: Sequence[np.datetime64]) -> list[int]:
    """How many sessions an outlook is asked to look ahead to each expiry; errors as :func:`looking_ahead`."""
    days = np.array(expiries, dtype="datetime64[D]")
    ahead = known_sessions(outlook.as_of, outlook.one_session_or_more.longest)
    places = np.searchsorted(ahead, days)
    if len(ahead) and (ahead[np.minimum(places, len(ahead) - 1)] == days).all():
        counts: list[int] = (places + 1).tolist()
        return counts
    return [looking_ahead(outlook, expiry=day)[0] for day in expiries]


def _one_session_only(outlook: Outlook, ahead: int) -> ModelNotFoundError:
    symbol = outlook.symbol
    reason = (
        f"{symbol} has no model, and momentum forecasts the next session only"
        if outlook.model is None
        else f"The model of {symbol} forecasts the next session only, as those of earlier releases do"
    )
    return ModelNotFoundError(
        f"{reason}; {ahead} sessions were asked for. Train one that looks {LONGEST} sessions ahead: "
        f"tickgraph train --symbols {symbol}"
    )
