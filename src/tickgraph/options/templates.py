"""Well-known strategies by name: their legs from strikes, expiries and premiums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise, repeat
from typing import Literal

from tickgraph.errors import InputError
from tickgraph.market.price import MAX_PRICE, checked_price
from tickgraph.options.legs import CONTRACT, Leg, LegKind, Side, check_legs, check_premium, check_quantity
from tickgraph.wording import counted


@dataclass(frozen=True)
class Part:
    """A leg of a template: its strike and its expiry by their places among those that are given."""

    side: Side
    kind: LegKind
    strike: int = 0
    expiry: int = 0


@dataclass(frozen=True)
class Template:
    """A strategy without its figures.

    Attributes
    ----------
    parts
        Its legs, in the order in which their premiums are given.
    net
        Whether its premium as a whole is received (``credit``) or paid (``debit``).
    says
        What it bets on.
    struck_at
        Probability of a close below each strike, where nobody names strikes; ascending.
    """

    parts: tuple[Part, ...]
    net: Literal["credit", "debit"]
    says: str
    struck_at: tuple[float, ...]

    @property
    def strikes(self) -> int:
        """How many strikes it takes, ascending."""
        return 1 + max(part.strike for part in self.parts)

    @property
    def expiries(self) -> int:
        """How many expiries it takes, ascending."""
        return 1 + max(part.expiry for part in self.parts)

    @property
    def options(self) -> tuple[Part, ...]:
        """Its legs that are options."""
        return tuple(part for part in self.parts if part.kind != "stock")


_STOCK = Part("buy", "stock")

TEMPLATES = {
    "covered-call": Template(
        (_STOCK, Part("sell", "call")), "credit", "stock, and income up to the strike", (0.75,)
    ),
    "cash-secured-put": Template(
        (Part("sell", "put"),), "credit", "income, and stock at the strike if it falls below", (0.25,)
    ),
    "bull-call-spread": Template(
        (Part("buy", "call"), Part("sell", "call", 1)), "debit", "a rise", (0.5, 0.8)
    ),
    "bear-call-spread": Template(
        (Part("sell", "call"), Part("buy", "call", 1)), "credit", "no rise", (0.75, 0.9)
    ),
    "bull-put-spread": Template(
        (Part("buy", "put"), Part("sell", "put", 1)), "credit", "no fall", (0.1, 0.25)
    ),
    "bear-put-spread": Template((Part("sell", "put"), Part("buy", "put", 1)), "debit", "a fall", (0.2, 0.5)),
    "straddle": Template((Part("buy", "put"), Part("buy", "call")), "debit", "a large move", (0.5,)),
    "short-straddle": Template((Part("sell", "put"), Part("sell", "call")), "credit", "a small move", (0.5,)),
    "strangle": Template(
        (Part("buy", "put"), Part("buy", "call", 1)), "debit", "a very large move", (0.25, 0.75)
    ),
    "short-strangle": Template(
        (Part("sell", "put"), Part("sell", "call", 1)), "credit", "no large move", (0.15, 0.85)
    ),
    "iron-condor": Template(
        (Part("buy", "put"), Part("sell", "put", 1), Part("sell", "call", 2), Part("buy", "call", 3)),
        "credit",
        "no large move, with a bounded loss",
        (0.05, 0.15, 0.85, 0.95),
    ),
    "collar": Template(
        (_STOCK, Part("buy", "put"), Part("sell", "call", 1)),
        "credit",
        "stock, bounded on both sides",
        (0.15, 0.85),
    ),
    "calendar": Template(
        (Part("sell", "call"), Part("buy", "call", expiry=1)),
        "debit",
        "a price near the strike at first",
        (0.5,),
    ),
}


@dataclass(frozen=True)
class Strategy:
    """Legs that are held together.

    Attributes
    ----------
    legs
        At least one.
    net
        Dollars received for all options together, negative if they were paid; None where each leg has its own premium.
    template
        Name of the template that they come from; None for legs of one's own.
    """

    legs: tuple[Leg, ...]
    net: float | None = None
    template: str | None = None

    @property
    def expiries(self) -> list[date]:
        """Every expiry once, ascending."""
        return sorted({leg.expiry for leg in self.legs if leg.expiry is not None})


def template_named(name: str) -> Template:
    """The template of a name; :class:`InputError` for a name that there is not."""
    if name not in TEMPLATES:
        raise InputError(f"template must be one of {', '.join(TEMPLATES)}, got {name[:40]!r}.")
    return TEMPLATES[name]


def from_template(
    name: str,
    strikes: Sequence[float],
    expiries: Sequence[date],
    *,
    quantity: float = CONTRACT,
    premium: float | None = None,
    premiums: Sequence[float] | None = None,
) -> Strategy:
    """Make a strategy of a template.

    Parameters
    ----------
    name
        One of :data:`TEMPLATES`.
    strikes
        Dollars, ascending; as many as it takes.
    expiries
        Ascending; as many as it takes.
    quantity
        Shares of every leg.
    premium
        Dollars a share for all options together: received where the template's ``net`` is a credit, paid where it is a
        debit. A negative one is the other way.
    premiums
        Dollars a share of each option, in the order of the template's parts. Without either the premiums are not known.

    Raises
    ------
    InputError
        Names the field that does not fit the template.
    """
    template = template_named(name)
    if len(strikes) != template.strikes:
        raise InputError(
            f"strikes must be {counted(template.strikes, 'price')} for {name} ({_described(template)}), "
            f"got {len(strikes)}."
        )
    for number, strike in enumerate(strikes):
        checked_price(None, strike, what=f"strikes.{number}")
    if not _ascend(strikes):
        raise InputError(
            f"strikes must ascend for {name} ({_described(template)}), or its legs are crossed; got "
            f"{', '.join(f'{each:g}' for each in strikes)}."
        )
    if len(expiries) != template.expiries:
        raise InputError(
            f"expiries must be {counted(template.expiries, 'day')} for {name}, got {len(expiries)}."
        )
    if not _ascend(expiries):
        raise InputError(f"expiries must ascend for {name}, got {', '.join(map(str, expiries))}.")
    if premium is not None and premiums is not None:
        raise InputError(
            "Give either premium, for all options together, or premiums, one for each; both came."
        )
    options = template.options
    if premiums is not None and len(premiums) != len(options):
        raise InputError(
            f"premiums must be {len(options)} for {name} ({_described(template)}), got {len(premiums)}."
        )
    for number, each in enumerate(premiums or ()):
        check_premium(each, f"premiums.{number}")
    if premium is not None:
        check_premium(premium, "premium", least=-MAX_PRICE)
    check_quantity(quantity, "quantity")
    priced = iter(premiums if premiums is not None else repeat(None))
    legs = tuple(
        Leg(part.kind, part.side, quantity)
        if part.kind == "stock"
        else Leg(part.kind, part.side, quantity, strikes[part.strike], expiries[part.expiry], next(priced))
        for part in template.parts
    )
    check_legs(legs)
    sign = 1 if template.net == "credit" else -1
    return Strategy(legs, None if premium is None else sign * premium * quantity, name)


def as_strategy(
    template: str | None = None,
    legs: Sequence[Leg] | None = None,
    *,
    strikes: Sequence[float] | None = None,
    expiries: Sequence[date] | None = None,
    quantity: float | None = None,
    premium: float | None = None,
    premiums: Sequence[float] | None = None,
) -> Strategy:
    """Make a strategy of what a caller gives: a template with its figures, or legs.

    The parameters are those of :func:`from_template`. Without a quantity it is one contract.

    Raises
    ------
    InputError
        Names the field: both a template and legs, or neither; figures that the template does not take; legs that are
        no strategy.
    """
    given = {
        "strikes": strikes,
        "expiries": expiries,
        "quantity": quantity,
        "premium": premium,
        "premiums": premiums,
    }
    if legs is not None:
        named = [name for name, value in {"template": template, **given}.items() if value is not None]
        if named:
            raise InputError(f"{named[0]} belongs to a template, and legs came. Write it into each leg.")
        check_legs(legs)
        return Strategy(tuple(legs))
    if template is None:
        raise InputError("legs are missing. Give legs, or a template such as iron-condor.")
    return from_template(
        template,
        strikes or (),
        expiries or (),
        quantity=CONTRACT if quantity is None else quantity,
        premium=premium,
        premiums=premiums,
    )


def _ascend(values: Sequence[float] | Sequence[date]) -> bool:
    return all(a < b for a, b in pairwise(values))  # type: ignore[operator]


def _described(template: Template) -> str:
    """Its options by ascending strike and expiry: ``buy put, sell put, sell call, buy call``."""
    return ", ".join(f"{part.side} {part.kind}" for part in template.options)
