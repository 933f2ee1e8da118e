"""``tickgraph forecast``: ask a running service."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tickgraph.cli.options import AsJson
from tickgraph.cli.output import facts, failure, note, percent, print_json, stdout
from tickgraph.cli.predict import print_many, print_one
from tickgraph.errors import InputError, PartialFailure
from tickgraph.market.universe import alias_note, parse_symbols

KEY_VARIABLE = "TICKGRAPH_API_KEY"


def forecast(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOLS", help="Tickers, TIER_1 or a sector.")
    ] = None,
    url: Annotated[str, typer.Option(metavar="URL", help="Where the service is.")] = "http://127.0.0.1:8000",
    price: Annotated[
        float | None, typer.Option("--price", "-p", help="Current price of the one symbol named.")
    ] = None,
    strike: Annotated[
        float | None, typer.Option(help="Probability that the next close is above this price, too.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for a model to be trained if there is none.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every symbol that has a model.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forecast by asking a running service (tickgraph serve).

    An API key, if the service asks for one, is read from TICKGRAPH_API_KEY.
    """
    try:
        from tickgraph.client import Client
    except ImportError as error:
        raise InputError(f'The client needs the extra: pip install "tickgraph[client]" ({error}).') from error
    if everything == bool(symbols):
        raise InputError("Name symbols, such as: tickgraph forecast AAPL, or use --all.")
    names = None if everything else parse_symbols(symbols or [])
    for word in symbols or []:
        if known_as := alias_note(word):
            note(known_as)
    single = names is not None and len(names) == 1
    if not single and (price is not None or strike is not None or wait):
        raise InputError("--price, --strike and --wait fit one symbol.")
    with Client(url, api_key=os.environ.get(KEY_VARIABLE)) as client:
        if names is None or not single:
            several = client.forecasts(names)
            if as_json:
                print_json(several.model_dump(mode="json"))
            else:
                print_many(several.forecasts)
                for problem in several.failures.values():
                    failure(problem.detail)
            if several.failures:
                raise typer.Exit(PartialFailure.exit_code)
            return
        chance = None if strike is None else client.probability(names[0], strike, price, wait=wait)
        answer = chance.forecast if chance else client.forecast(names[0], price, wait=wait)
    if as_json:
        print_json((chance or answer).model_dump(mode="json"))
        return
    print_one(answer)
    if chance is not None:
        rows = {f"P(close > {chance.strike:,.2f})": percent(chance.probability_above)}
        rows |= {f"{q.probability:.0%} quantile": f"{q.close:,.2f}" for q in chance.quantiles}
        stdout.print(facts(f"{chance.symbol}: distribution of the next close", rows))
