"""The JSON of a forecast from memory: written once, with a gap for every price.

In an answer from memory only prices differ from request to request, and each is the request's price times a factor. So
the rest is written once for an outlook, and a request fills some fifty numbers in. That takes a tenth of the time that
writing objects takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json, to_jsonable_python

from tickgraph.market.calendar import Clock
from tickgraph.serving.answer import answer_fields, is_unusual, per_dollar
from tickgraph.serving.outlook import Outlook

_GAP = "\0"
_WRITTEN_GAP = to_json(_GAP)


@dataclass(frozen=True, slots=True)
class PricedJson:
    """JSON with gaps for prices.

    Attributes
    ----------
    text
        As ``%`` of bytes takes it.
    factors
        Of each gap: what the price is multiplied by.
    """

    text: bytes
    factors: tuple[float, ...]

    @classmethod
    def of(cls, fields: dict[str, Any]) -> PricedJson:
        """Write the fields of an answer at a price of one dollar."""
        answer: dict[str, Any] = to_jsonable_python(fields)
        factors: list[float] = []

        def gap(part: dict[str, Any], *names: str) -> None:
            for name in names:
                factors.append(part[name])
                part[name] = _GAP

        gap(answer, "price", "prediction")
        for interval in answer["intervals"]:
            gap(interval, "lower", "upper")
        for horizon in answer["horizons"]:
            gap(horizon, "expected_move")
            for interval in horizon["intervals"]:
                gap(interval, "lower", "upper")
        return cls(to_json(answer).replace(b"%", b"%%").replace(_WRITTEN_GAP, b"%b"), tuple(factors))

    def at(self, price: float) -> bytes:
        """The answer at a price."""
        written = to_json([price * factor for factor in self.factors])
        return self.text % tuple(written[1:-1].split(b","))


def answer_json(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> bytes:
    """JSON of what :func:`~tickgraph.serving.answer.answer_fields` gives."""
    if price is not None and is_unusual(outlook, price):
        return to_json(answer_fields(outlook, price, clock, trained_now=trained_now, refused=refused))
    key, fields = per_dollar(outlook, clock, trained_now=trained_now, refused=refused)
    if price is None:
        if (whole := outlook.json_at_close.get(key)) is None:
            one_dollar = PricedJson.of({**fields, "price": 1.0, "price_source": "last close"})
            whole = outlook.json_at_close[key] = one_dollar.at(outlook.last_close)
        return whole
    if (kept := outlook.any_json.get(key)) is None:
        kept = outlook.any_json[key] = PricedJson.of({**fields, "price": 1.0, "price_source": "request"})
    return kept.at(price)
