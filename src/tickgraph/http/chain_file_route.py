"""The route of a downloaded option chain: the text of its file, as a page uploads it or a person pastes it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response

from tickgraph.errors import InputError, PriceDataError
from tickgraph.http.column_json import column_json
from tickgraph.http.guards import GuardedRoute
from tickgraph.http.parameters import CurrentService, Price, SymbolInPath
from tickgraph.http.problem import problems
from tickgraph.http.responses import ChainAnswer
from tickgraph.market.spelling import Symbol
from tickgraph.options.chain import ChainQuestion
from tickgraph.options.chain_file import ChainFile, chain_of_text, is_of
from tickgraph.options.quotes import Quotes, checked
from tickgraph.serving.fan_answer import fan_of
from tickgraph.wording import counted, listed

NAME = "the file"

router = APIRouter(tags=["options"], route_class=GuardedRoute)

Rate = Annotated[
    float,
    Query(
        ge=-1, le=1, allow_inf_nan=False, description="Interest rate, continuous, a year.", examples=[0.043]
    ),
]


@router.post("/forecast/{symbol}/chain/file", response_model=ChainAnswer, responses=problems(404, 422))
async def chain_of_file(
    service: CurrentService,
    symbol: SymbolInPath,
    file: Annotated[
        bytes, Body(media_type="text/csv", description="A chain as Yahoo, CBOE or a broker gives it, as CSV.")
    ],
    price: Price = None,
    rate: Rate = 0.0,
) -> Response:
    """Set the quotes of a downloaded chain beside the forecast, as `/forecast/{symbol}/chain` does.

    Expiries that the forecast does not reach are left out, and so are mid prices that no volatility gives. The notes
    say which.
    """
    read = await service.in_thread(lambda: _read(file, symbol))
    fan = await service.answer(symbol, price, fan_of)
    reach = {session.expiry for session in fan.path}
    within = tuple(each for each in read.quotes(fan.price) if each.expiry.item() in reach)
    question = ChainQuestion(_some(within, read, reach, fan.as_of), rate, skip_impossible=True)
    checked(question.quotes, service.settings.serve.max_cells)
    answer = await service.chain(symbol, price, question)
    notes = (*answer.notes, *read.remarks, *_left_out(read, within))
    return Response(column_json(answer.model_copy(update={"notes": notes})), media_type="application/json")


def _read(file: bytes, symbol: Symbol) -> ChainFile:
    encoding = "utf-16" if file[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        read = chain_of_text(file.decode(encoding, "replace"), NAME)
    except PriceDataError as error:  # of the request, and not of stored prices
        raise InputError(str(error)) from error
    if not is_of(read.symbol, symbol):
        raise InputError(f"{NAME} has options of {read.symbol}, and {symbol} was asked for.")
    return read


def _some(
    within: tuple[Quotes, ...], read: ChainFile, reach: Collection[date], as_of: date
) -> tuple[Quotes, ...]:
    if within:
        return within
    far = (
        f"reach sessions up to {max(reach)}"
        if reach
        else f"reach no session after {as_of}: the calendar ends"
    )
    raise InputError(
        f"{NAME} has no expiry that can be forecast: it has {listed(list(map(str, read.expiries)))}. Forecasts {far}."
    )


def _left_out(read: ChainFile, within: tuple[Quotes, ...]) -> tuple[str, ...]:
    kept = [each.expiry for each in within]
    absent = [str(day) for day in read.expiries if day not in kept]
    if not absent:
        return ()
    return (
        f"{counted(len(absent), 'expiry')} left out, because the forecast does not reach so far: {listed(absent)}",
    )
