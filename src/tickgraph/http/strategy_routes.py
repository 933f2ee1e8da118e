"""The route of strategies of options."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import Response
from pydantic import Field

from tickgraph.http.guards import GuardedRoute
from tickgraph.http.option_routes import AShare, Asked, AtOnce, Dollars, Expiry
from tickgraph.http.parameters import CurrentService, SymbolInPath, Wait
from tickgraph.http.problem import problems
from tickgraph.http.responses import StrategyAnswer, example
from tickgraph.market.price import MAX_PRICE
from tickgraph.options.legs import CONTRACT, MOST_SHARES, Leg, LegKind, Side
from tickgraph.options.strategy_question import (
    LEAST_VOLATILITY,
    MAX_VOLATILITY,
    StrategyQuestion,
    ask_strategy,
)
from tickgraph.options.templates import TEMPLATES
from tickgraph.serving.strategy_answer import strategy_of

router = APIRouter(tags=["options"], route_class=GuardedRoute)

_NAMES = ", ".join(f"`{name}`" for name in TEMPLATES)
Shares = Annotated[float, Field(gt=0, le=MOST_SHARES, allow_inf_nan=False)]
Premium = Annotated[float, Field(ge=0, le=MAX_PRICE, allow_inf_nan=False)]


class LegBody(Asked):
    """One holding of a strategy: calls, puts or stock."""

    kind: LegKind
    """`call`, `put` or `stock`."""
    side: Side
    """Whether it is bought (`buy`) or sold (`sell`)."""
    quantity: Shares = CONTRACT
    """Shares that it is about; one contract is 100."""
    strike: Dollars | None = None
    """Dollars; left out for stock."""
    expiry: Expiry | None = None
    """Session of the exchange on which an option expires; left out for stock."""
    premium: Premium | None = None
    """Dollars a share that are paid or received: for stock the price of the share. Left out, an option is priced at the
    forecast's fair value, and stock at `price`."""

    def leg(self) -> Leg:
        """The same, for a strategy."""
        expiry = None if self.expiry is None else self.expiry.astype(date)
        return Leg(self.kind, self.side, self.quantity, self.strike, expiry, self.premium)


class StrategyBody(Asked):
    """A strategy of options: a template with its figures, or legs."""

    model_config = example("strategy_request")

    template: Annotated[str | None, Field(description=f"One of {_NAMES}.")] = None
    strikes: Annotated[list[Dollars], AtOnce] | None = None
    """Dollars, ascending; as many as the template takes."""
    expiries: Annotated[list[Expiry], AtOnce] | None = None
    """Sessions of the exchange, ascending: one, or two for `calendar`."""
    quantity: Shares | None = None
    """Shares of each leg of the template; one contract, 100, if it is left out."""
    premium: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Dollars a share for all options of the template together: received where it is a credit, paid where it is a
    debit; a negative one is the other way."""
    premiums: Annotated[list[Premium], AtOnce] | None = None
    """Dollars a share of each option of the template, in its order. Without `premium` and `premiums` each option is
    priced at the forecast's fair value."""
    legs: Annotated[list[LegBody], AtOnce] | None = None
    """In place of a template; 20 at most."""
    on: Expiry | None = None
    """Session whose close the profit is of, not after the first expiry; the first expiry if it is left out. Options
    that go on after it are valued by Black-Scholes."""
    volatility: (
        Annotated[float, Field(ge=LEAST_VOLATILITY, le=MAX_VOLATILITY, allow_inf_nan=False)] | None
    ) = None
    """Annualised, of options that go on; the forecast's own if it is left out."""
    rate: AShare = 0.0
    """Interest rate, continuous, a year, of fair values and of options that go on."""
    dividend_yield: AShare | None = None
    """Continuous, a year; what the forecast takes off if it is left out."""
    price: Dollars | None = None
    """Current price in dollars; the last stored close if it is left out."""

    def question(self) -> StrategyQuestion:
        """The same, checked; :class:`~tickgraph.errors.InputError` names a field that cannot be used."""
        legs = None if self.legs is None else [each.leg() for each in self.legs]
        words = {name: value for name, value in self if name not in ("template", "legs", "price")}
        return ask_strategy(self.template, legs=legs, **words)


@router.post(
    "/forecast/{symbol}/strategy",
    response_model=StrategyAnswer,
    responses=problems(404, 422),
)
async def strategy(
    service: CurrentService, symbol: SymbolInPath, body: Annotated[StrategyBody, Body()], wait: Wait = False
) -> Response:
    """What a strategy of options may earn by a session, and how likely a profit is.

    The probability of profit is exact on the forecast's distribution; means include its tails. Profits are dollars for
    the whole quantity, before fees and taxes.
    """
    answering = partial(strategy_of, question=body.question())
    answer = await service.answer(symbol, body.price, answering, wait=wait)
    return Response(answer.model_dump_json(), media_type="application/json")
