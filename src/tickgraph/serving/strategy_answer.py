"""The answer about a strategy of options: what it may earn by a session, and how likely that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import ConfigDict

from tickgraph.market.calendar import Clock, as_day, known_sessions
from tickgraph.market.expiry import check_expiry
from tickgraph.options.held_legs import Day, HeldLeg, PremiumSource, hold
from tickgraph.options.legs import LegKind, Side
from tickgraph.options.strategy import PROBABILITIES, StrategyFigures, strategy_figures
from tickgraph.options.strategy_question import StrategyQuestion
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import OutlookAnswer, looking_ahead, outlook_fields
from tickgraph.wording import counted, listed


@dataclass(frozen=True, slots=True)
class PricedLeg:
    """A leg of a strategy, with what it costs."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    kind: LegKind
    """`call`, `put` or `stock`."""
    side: Side
    """`buy` or `sell`."""
    quantity: float
    """Shares."""
    strike: float | None
    """Dollars; null for stock."""
    expiry: date | None
    """Session that it settles on; null for stock."""
    premium_source: PremiumSource
    """Where `premium` comes from: the request; the forecast's fair value; for stock the price that the answer starts
    from; or the request's premium for all options together."""
    premium: float | None = None
    """Dollars a share, paid or received; null where the request gave one premium for all options."""
    volatility: float | None = None
    """Annualised, of its value on `on`; null for stock and for an option that has settled by then."""

    @classmethod
    def of(cls, held: HeldLeg) -> PricedLeg:
        """The same in an answer."""
        leg = held.leg
        volatility = held.volatility if held.years else None
        return cls(
            leg.kind, leg.side, leg.quantity, leg.strike, leg.expiry, held.source, leg.premium, volatility
        )


@dataclass(frozen=True, slots=True)
class ProfitQuantile:
    """A quantile of the profit."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    probability: float
    """With which the profit is lower."""
    profit: float
    """Dollars."""


@dataclass(frozen=True, slots=True)
class PayoffCurve:
    """Profit over the price, and how likely the prices are; the lists belong together."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    prices: list[float]
    """Dollars, evenly spaced."""
    profits: list[float]
    """Dollars, for the whole quantity."""
    densities: list[float]
    """Probability a dollar of the price."""


class StrategyOutcome(OutlookAnswer):
    """What a strategy of options may earn, in dollars for its whole quantity."""

    template: str | None
    """Name of the template; null for legs of one's own."""
    on: date
    """Session whose close the profit is of: the first expiry, or an earlier one if the request named it."""
    sessions: int
    """Sessions of the exchange from `as_of` to `on`."""
    legs: tuple[PricedLeg, ...]
    """What is held."""
    cost: float
    """Dollars received for all legs together; negative where they were paid."""
    probability_of_profit: float
    """Probability of a profit of one cent or more."""
    expected_profit: float
    """Mean of the profit."""
    expected_profit_if_profitable: float
    """Mean of the profits of a cent or more; 0 where there are none."""
    expected_loss_if_unprofitable: float
    """Mean of all other profits, negative as a rule; 0 where there are none."""
    expected_shortfall: float
    """Mean of the worst 5 % of profits."""
    quantiles: tuple[ProfitQuantile, ...]
    """Profits that the profit lies below with each probability."""
    break_evens: tuple[float, ...]
    """Closes in dollars at which profit turns into loss or loss into profit."""
    maximum_gain: float | None
    """The largest profit at any close; null where it has no bound."""
    maximum_loss: float | None
    """The smallest profit at any close, negative where money can be lost; null where a loss has no bound."""
    curve: PayoffCurve
    """Profit by close, and the density of the close beside it."""
    rate: float
    """Interest, continuous, a year, in fair values and in values before an expiry."""


def strategy_of(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    question: StrategyQuestion,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> StrategyOutcome:
    """Answer what a strategy may earn.

    The other parameters are those of :func:`~tickgraph.serving.answer.answer_fields`.

    Raises
    ------
    InputError
        An expiry, or the session asked about, that cannot be forecast; no volatility or premium of a leg beyond the
        forecast.
    ModelNotFoundError
        The symbol has no model that looks as far ahead.
    """
    ahead, on = looking_ahead(outlook, expiry=question.day, name=question.day_name)
    fields = outlook_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    distribution, start = outlook.one_session_or_more, fields["price"]
    day = Day(distribution, start, fields["as_of"], on.astype(date), ahead)
    held, position = hold(question, day, _sessions_to_expiries(outlook, question))
    figures = strategy_figures(position, distribution, start, ahead)
    notes = (*fields.pop("notes"), *_notes(question, held, figures, day.on))
    return StrategyOutcome.model_construct(
        **fields,
        notes=notes,
        template=question.strategy.template,
        on=day.on,
        sessions=ahead,
        legs=tuple(map(PricedLeg.of, held)),
        cost=position.cost,
        probability_of_profit=figures.probability_of_profit,
        expected_profit=figures.expected_profit,
        expected_profit_if_profitable=figures.expected_profit_if_profitable,
        expected_loss_if_unprofitable=figures.expected_loss_if_unprofitable,
        expected_shortfall=figures.expected_shortfall,
        quantiles=tuple(map(ProfitQuantile, PROBABILITIES, figures.quantiles.tolist())),
        break_evens=tuple(figures.break_evens.tolist()),
        maximum_gain=figures.most,
        maximum_loss=figures.least,
        curve=PayoffCurve(
            figures.curve.prices.tolist(), figures.curve.profits.tolist(), figures.curve.densities.tolist()
        ),
        rate=question.rate,
    )


def _sessions_to_expiries(outlook: Outlook, question: StrategyQuestion) -> list[int | None]:
    """Sessions to the expiry of each leg; None for stock, and for an expiry beyond the forecast.

    Raises
    ------
    InputError
        An expiry is not after the last session with prices, or is no session.
    """
    known = known_sessions(outlook.as_of, outlook.one_session_or_more.longest)
    found: dict[date | None, int | None] = {None: None}
    for number, leg in enumerate(question.strategy.legs):
        if leg.expiry in found:
            continue
        day, name = as_day(leg.expiry), question.expiry_name(number)  # type: ignore[arg-type]
        if len(known) and day > known[-1]:
            check_expiry(outlook.as_of, day, name)
            found[leg.expiry] = None
        else:
            found[leg.expiry], _ = looking_ahead(outlook, expiry=day, name=name)
    return [found[leg.expiry] for leg in question.strategy.legs]


def _notes(
    question: StrategyQuestion, held: tuple[HeldLeg, ...], figures: StrategyFigures, on: date
) -> list[str]:
    """What a careful reader should know of the premiums and of what goes on."""
    notes = []
    if fair := sum(each.source == "fair value" for each in held):
        notes.append(
            f"{counted(fair, 'premium')} of the legs {'is' if fair == 1 else 'are'} the forecast's fair value, as the "
            "request gave none: a market asks other prices"
        )
    if question.volatility is None and (later := [each for each in held if each.years]):
        stated = listed(list(dict.fromkeys(f"{each.volatility:.1%}" for each in later)))
        notes.append(
            f"what goes on after {on} is valued at the forecast's own volatility until its expiry: {stated}"
        )
    if figures.least is not None and figures.least >= 0:
        notes.append("at these premiums no close makes a loss: check them")
    return notes
