"""What is asked of the service: a function for each route, the same for both clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from pydantic_core import to_jsonable_python

from tickgraph.client import answer_types as answers
from tickgraph.client.sending import TIMEOUT_SECONDS, WAIT_SECONDS, Ask
from tickgraph.errors import InputError
from tickgraph.market.calendar import Day, as_day
from tickgraph.market.price import checked_price, prices_by_symbol
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.options.chain import ChainQuestion
from tickgraph.options.quotes import Quotes, or_none
from tickgraph.options.strategy_question import StrategyWords, ask_strategy


def forecast(symbol: str, price: float | None, wait: bool) -> Ask[answers.Forecast]:
    """``GET /forecast/{symbol}``; :class:`InputError` for a price that is none."""
    name = canonical(symbol)
    params = {"price": _checked(name, price), "wait": wait or None}
    return Ask(answers.Forecast, f"/forecast/{quote(name)}", params, timeout=_timeout(wait))


def forecasts(symbols: Iterable[str] | None, prices: Mapping[str, float] | None) -> Ask[answers.Forecasts]:
    """``GET /forecast/all`` or ``GET /forecast?symbols=``; :class:`InputError` for no symbol at all."""
    if symbols is None and not prices:
        return Ask(answers.Forecasts, "/forecast/all")
    if isinstance(symbols, str):  # not its letters
        symbols = (symbols,)
    known = prices_by_symbol((prices or {}).items())
    names = list(dict.fromkeys([*map(canonical, symbols or ()), *known]))
    if not names:
        raise InputError(
            "No symbols were named. Give tickers such as AAPL, or None for all that have a model."
        )
    words = [f"{name}:{known[name]:.12g}" if name in known else name for name in names]
    return Ask(answers.Forecasts, "/forecast", {"symbols": ",".join(words)})


def probability(
    symbol: str,
    strike: float,
    price: float | None,
    wait: bool,
    upper_strike: float | None = None,
    sessions: int | None = None,
    expiry: Day | None = None,
) -> Ask[answers.Probability]:
    """``GET /forecast/{symbol}/probability``; :class:`InputError` for a strike, price or expiry that is none."""
    name = canonical(symbol)
    params = {
        "strike": checked_price(name, strike, what="Strike"),
        "upper_strike": None
        if upper_strike is None
        else checked_price(name, upper_strike, what="Upper strike"),
        "sessions": sessions,
        "expiry": None if expiry is None else str(as_day(expiry)),
        "price": _checked(name, price),
        "wait": wait or None,
    }
    return Ask(answers.Probability, f"/forecast/{quote(name)}/probability", params, timeout=_timeout(wait))


def distribution(
    symbol: str, sessions: int | None, expiry: Day | None, price: float | None, wait: bool
) -> Ask[answers.Distribution]:
    """``GET /forecast/{symbol}/distribution``; :class:`InputError` for a price or an expiry that is none."""
    name = canonical(symbol)
    params = {**_ahead(name, sessions, expiry, price), "wait": wait or None}
    return Ask(answers.Distribution, f"/forecast/{quote(name)}/distribution", params, timeout=_timeout(wait))


def fan(symbol: str, price: float | None) -> Ask[answers.Fan]:
    """``GET /forecast/{symbol}/fan``; :class:`InputError` for a price that is none."""
    name = canonical(symbol)
    return Ask(answers.Fan, f"/forecast/{quote(name)}/fan", {"price": _checked(name, price)})


def curve(symbol: str, sessions: int | None, expiry: Day | None, price: float | None) -> Ask[answers.Curve]:
    """``GET /forecast/{symbol}/curve``; :class:`InputError` for a price or an expiry that is none."""
    name = canonical(symbol)
    return Ask(answers.Curve, f"/forecast/{quote(name)}/curve", _ahead(name, sessions, expiry, price))


def templates(
    symbol: str, sessions: int | None, expiry: Day | None, price: float | None
) -> Ask[answers.Templates]:
    """``GET /forecast/{symbol}/templates``; :class:`InputError` for a price or an expiry that is none."""
    name = canonical(symbol)
    return Ask(answers.Templates, f"/forecast/{quote(name)}/templates", _ahead(name, sessions, expiry, price))


def _ahead(symbol: Symbol, sessions: int | None, expiry: Day | None, price: float | None) -> dict[str, Any]:
    """Parameters of a question about one session ahead."""
    day = None if expiry is None else str(as_day(expiry))
    return {"sessions": sessions, "expiry": day, "price": _checked(symbol, price)}


def chain(symbol: str, price: float | None, question: ChainQuestion, wait: bool) -> Ask[answers.Chain]:
    """``POST /forecast/{symbol}/chain``; :class:`InputError` for a price that is none."""
    name = canonical(symbol)
    body = {
        "quotes": [_quotes(each) for each in question.quotes],
        "price": _checked(name, price),
        "rate": question.rate,
        "dividend_yield": question.dividend_yield,
        "centred_on": question.centred_on,
        "values": question.values,
        "touch": question.touch,
        "skip_impossible": question.skip_impossible,
    }
    path, params = f"/forecast/{quote(name)}/chain", {"wait": wait or None}
    return Ask(answers.Chain, path, params, "POST", _timeout(wait), body)


def _quotes(quotes: Quotes) -> dict[str, Any]:
    """Quotes of one expiry as the service reads them."""
    columns = {
        "strikes": quotes.strikes,
        "implied_volatilities": quotes.implied_volatilities,
        "calls": quotes.calls,
        "puts": quotes.puts,
    }
    lists = {name: or_none(column) for name, column in columns.items() if column is not None}
    return {"expiry": str(quotes.expiry), **lists}


def strategy(
    symbol: str, template: str | None, price: float | None, wait: bool, words: StrategyWords
) -> Ask[answers.Strategy]:
    """``POST /forecast/{symbol}/strategy``; :class:`InputError` for what is no strategy, or a price that is none."""
    name = canonical(symbol)
    if (strikes := words.get("strikes")) is not None:  # read twice, here and there
        words["strikes"] = list(strikes)
    if (premiums := words.get("premiums")) is not None:
        words["premiums"] = list(premiums)
    question = ask_strategy(template, **words)
    days = {"expiries": question.strategy.expiries if template else None, "on": question.on}
    given = {"template": template, **words, **days, "price": _checked(name, price)}
    body = to_jsonable_python(
        {field: value for field, value in given.items() if value is not None}, fallback=_plain
    )
    path, params = f"/forecast/{quote(name)}/strategy", {"wait": wait or None}
    return Ask(answers.Strategy, path, params, "POST", _timeout(wait), body)


def _plain(value: Any) -> Any:
    """Arrays and numbers of NumPy as Python's."""
    return value.tolist()


def _checked(symbol: str, price: float | None) -> float | None:
    return None if price is None else checked_price(symbol, price)


def _timeout(wait: bool) -> float:
    return WAIT_SECONDS if wait else TIMEOUT_SECONDS


def symbol(name: str) -> Ask[answers.SymbolInfo]:
    """``GET /symbols/{symbol}``."""
    return Ask(answers.SymbolInfo, f"/symbols/{quote(canonical(name))}")


def graph(name: str) -> Ask[answers.Graph]:
    """``GET /symbols/{symbol}/graph``."""
    return Ask(answers.Graph, f"/symbols/{quote(canonical(name))}/graph")


def prices(name: str, sessions: int) -> Ask[answers.Prices]:
    """``GET /symbols/{symbol}/prices``."""
    return Ask(answers.Prices, f"/symbols/{quote(canonical(name))}/prices", {"sessions": sessions})


def reliability(name: str) -> Ask[answers.Reliability]:
    """``GET /symbols/{symbol}/reliability``."""
    return Ask(answers.Reliability, f"/symbols/{quote(canonical(name))}/reliability")


def retrain(name: str) -> Ask[answers.Job]:
    """``POST /admin/retrain/{symbol}``."""
    return Ask(answers.Job, f"/admin/retrain/{quote(canonical(name))}", method="POST", once=True)


def job(job_id: str) -> Ask[answers.Job]:
    """``GET /admin/jobs/{job_id}``."""
    return Ask(answers.Job, f"/admin/jobs/{job_id}")


SYMBOLS = Ask(answers.SymbolList, "/symbols")
OVERVIEW = Ask(answers.Overview, "/overview")
MARKET = Ask(answers.Market, "/market")
OPERATIONS = Ask(answers.Operations, "/operations")
CORRELATIONS = Ask(answers.Job, "/admin/correlations", method="POST", once=True)
JOBS = Ask(answers.Jobs, "/admin/jobs")
CLEAR_CACHE = Ask(answers.Cleared, "/admin/cache/clear", method="POST", once=True)
READY = Ask(answers.Health, "/health/ready")
