"""``tickgraph forecast``: ask a running service."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from tickgraph.cli.answers import print_many, print_one
from tickgraph.cli.options import (
    AsJson,
    Expiry,
    Prices,
    Sessions,
    SymbolArguments,
    named_symbols,
    read_horizon,
    read_prices,
)
from tickgraph.cli.output import failure, print_json
from tickgraph.cli.strikes import Strike, UpperStrike, print_probability, read_strikes
from tickgraph.errors import InputError, PartialFailure
from tickgraph.extras import lacking
from tickgraph.market.spelling import Symbol

if TYPE_CHECKING:  # needs the extra
    from tickgraph.client import Client

KEY_VARIABLE = "TICKGRAPH_API_KEY"
UNAUTHORISED = 401


def forecast(
    symbols: SymbolArguments = None,
    url: Annotated[
        str, typer.Option(metavar="URL", envvar="TICKGRAPH_URL", help="Where the service is.")
    ] = "http://127.0.0.1:8000",
    price: Prices = None,
    sessions: Sessions = None,
    expiry: Expiry = None,
    strike: Strike = None,
    upper_strike: UpperStrike = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for a model to be trained if there is none.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every symbol that has a model.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a running service (tickgraph serve) for a forecast; it answers as `tickgraph predict` does.

    An API key, if the service asks for one, is read from TICKGRAPH_API_KEY.
    """
    try:
        from tickgraph.client import Client, ServiceError
    except ImportError as error:
        raise InputError(lacking("The client", "client", error)) from error
    if everything == bool(symbols):
        raise InputError("Name symbols, such as: tickgraph forecast AAPL, or use --all.")
    names = None if everything else named_symbols(symbols or ())
    single = names is not None and len(names) == 1
    until = read_horizon(sessions, expiry)
    ahead = sessions is not None or until is not None
    if not single and (strike is not None or wait or ahead):
        raise InputError("--strike, --sessions, --expiry and --wait fit one symbol.")
    strikes = read_strikes(strike, upper_strike, names or ())
    if names is None and price:
        raise InputError(
            "--price fits symbols that are named, such as: tickgraph forecast AAPL --price AAPL=130."
        )
    prices = read_prices(price or (), names or ())
    with Client(url, api_key=os.environ.get(KEY_VARIABLE)) as client:
        try:
            if names is not None and strikes is not None:
                chance = client.probability(
                    names[0],
                    strikes[0],
                    prices.get(names[0]),
                    upper_strike=strikes[1],
                    sessions=sessions,
                    expiry=until,
                    wait=wait,
                )
                print_json(chance.model_dump(mode="json")) if as_json else print_probability(chance)
            elif names is not None and single:
                start = prices.get(names[0])
                answer = (
                    client.distribution(names[0], sessions=sessions, expiry=until, price=start, wait=wait)
                    if ahead
                    else client.forecast(names[0], start, wait=wait)
                )
                print_json(answer.model_dump(mode="json")) if as_json else print_one(answer)
            else:
                _several(client, names, prices, as_json=as_json)
        except ServiceError as error:
            if error.status != UNAUTHORISED:
                raise
            raise InputError(f"{error} tickgraph forecast sends the one in {KEY_VARIABLE}.") from error


def _several(
    client: Client, names: tuple[Symbol, ...] | None, prices: dict[str, float], *, as_json: bool
) -> None:
    several = client.forecasts(names, prices)
    if names is None and not several.forecasts and not several.failures:
        raise InputError("The service has no trained model. Run: tickgraph train --symbols TIER_1")
    if as_json:
        print_json(several.model_dump(mode="json"))
    else:
        print_many(several.forecasts)
        for problem in several.failures.values():
            failure(problem.detail)
    if several.failures:
        raise typer.Exit(PartialFailure.exit_code)
