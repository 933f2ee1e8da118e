"""The answer about templates: well-known strategies with legs for one symbol and expiry, struck by the forecast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from pydantic import ConfigDict

from tickgraph.market.calendar import Clock, Day, known_sessions
from tickgraph.options.legs import LegKind, Side
from tickgraph.options.template_strikes import template_strikes
from tickgraph.options.templates import TEMPLATES, Template, from_template
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import OutlookAnswer, looking_ahead, outlook_fields


@dataclass(frozen=True, slots=True)
class TemplateLeg:
    """A leg of a template, as `/forecast/{symbol}/strategy` takes it."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    kind: LegKind
    """`call`, `put` or `stock`."""
    side: Side
    """`buy` or `sell`."""
    quantity: float
    """Shares; one contract is 100."""
    strike: float | None = None
    """Dollars; null for stock."""
    expiry: date | None = None
    """Session that it settles on; null for stock."""


@dataclass(frozen=True, slots=True)
class StruckTemplate:
    """A template with legs."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    name: str
    """As `/forecast/{symbol}/strategy` takes it."""
    says: str
    """What it bets on."""
    net: Literal["credit", "debit"]
    """Whether its options together are received or paid for."""
    probabilities: tuple[float, ...]
    """Of a close below each strike, before the strikes are rounded."""
    legs: tuple[TemplateLeg, ...]
    """What is held."""


class StruckTemplates(OutlookAnswer):
    """Every template with legs for one symbol and expiry; strikes are round prices near the forecast's quantiles."""

    sessions: int
    """Sessions of the exchange from `as_of` to `expiry`."""
    expiry: date
    """Session that the legs settle on; of two expiries, the first."""
    templates: tuple[StruckTemplate, ...]
    """In the order of the templates; one that needs a later expiry is left out where nothing is forecast for one."""


def templates_of(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    sessions: int | None = None,
    expiry: Day | None = None,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> StruckTemplates:
    """Answer with every template, struck for an expiry or for so many sessions: one of the two is given.

    A second expiry is twice as many sessions ahead, or the longest horizon. The parameters and errors are those of
    :func:`~tickgraph.serving.distribution_answer.distribution_of`.
    """
    ahead, day = looking_ahead(outlook, sessions, expiry)
    shared = outlook_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    distribution = outlook.one_session_or_more
    days = known_sessions(outlook.as_of, distribution.longest)
    later = days[min(2 * ahead, len(days)) - 1]
    expiries = [each.astype(date) for each in ([day, later] if later > day else [day])]

    def struck(name: str, template: Template) -> StruckTemplate:
        moves = distribution.quantile(np.array(template.struck_at), ahead)
        strikes = template_strikes(template, shared["price"] * np.exp(moves), shared["price"])
        legs = from_template(name, strikes, expiries[: template.expiries]).legs
        return StruckTemplate(
            name,
            template.says,
            template.net,
            template.struck_at,
            tuple(TemplateLeg(leg.kind, leg.side, leg.quantity, leg.strike, leg.expiry) for leg in legs),
        )

    return StruckTemplates(
        **shared,
        sessions=ahead,
        expiry=expiries[0],
        templates=tuple(
            struck(name, each) for name, each in TEMPLATES.items() if each.expiries <= len(expiries)
        ),
    )
