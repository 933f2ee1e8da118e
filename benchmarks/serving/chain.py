"""What options are judged by, as ratios in one run: a chain of 8 expiries with 500 strikes each, and strategies.

Usage: python benchmarks/serving/chain.py [--quick]

Takes about a minute; absolute times on a shared machine do not hold. Times are lower quartiles, since what else runs on
the machine only ever adds to them.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

import numpy as np  # noqa: E402
from vollib.black_scholes_merton import black_scholes_merton  # noqa: E402
from vollib.black_scholes_merton.implied_volatility import implied_volatility  # noqa: E402

import options  # noqa: E402
import prepare  # noqa: E402
from run import line, server  # noqa: E402
from tickgraph.market.calendar import next_sessions  # noqa: E402
from tickgraph.market.sources.sample import SampleSource  # noqa: E402
from tickgraph.market.store import PriceStore  # noqa: E402
from tickgraph.options.black_scholes import option_value  # noqa: E402
from tickgraph.options.chain import ChainQuestion  # noqa: E402
from tickgraph.options.quotes import Quotes, grid  # noqa: E402
from tickgraph.options.strategy_question import ask_strategy  # noqa: E402
from tickgraph.pipeline.train import train_symbols  # noqa: E402
from tickgraph.registry.default_universe import default_universe  # noqa: E402
from tickgraph.registry.registry import ModelRegistry  # noqa: E402
from tickgraph.serving.chain_answer import chain_arrays, chain_of  # noqa: E402
from tickgraph.serving.forecaster import Forecaster  # noqa: E402
from tickgraph.serving.strategy_answer import strategy_of  # noqa: E402

SYMBOL, PRICE, VOLATILITY = "AAPL", 130.0, 0.3
AHEAD = np.array([5, 10, 14, 21, 28, 34, 46, 63])
STRIKES = np.linspace(0.6, 1.4, 500) * PRICE


def lower_quartile(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 4]


def clock(call: Callable[[], object], repeats: int) -> float:
    """Seconds of a call, after a warm-up."""
    seconds = []
    for _ in range(repeats + 3):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return lower_quartile(seconds[3:])


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


def mids(day: np.datetime64, as_of: np.datetime64) -> Quotes:
    """Mid prices of options out of the money, at one volatility and no rate; those under half a cent are not quoted."""
    years = float((day - as_of).astype(int)) / 365
    calls, puts = option_value(np.array([["call"], ["put"]]), PRICE, STRIKES, years, VOLATILITY)

    def quoted(prices: np.ndarray, out: np.ndarray) -> list[float | None]:
        return [
            float(price) if there else None
            for price, there in zip(prices, out & (prices > 0.005), strict=True)
        ]

    return Quotes.of(day, STRIKES, calls=quoted(calls, STRIKES >= PRICE), puts=quoted(puts, STRIKES < PRICE))


def loop_over_vollib(quotes: tuple[Quotes, ...], as_of: np.datetime64) -> tuple[float, float, int]:
    """Seconds of a call for each cell: the volatility of each mid price; the value of each call; and how many mids."""
    cells = []
    for each in quotes:
        years = float((each.expiry - as_of).astype(int)) / 365
        for flag, prices in (("c", each.calls), ("p", each.puts)):
            known = np.flatnonzero(~np.isnan(prices))
            cells += [
                (float(prices[at]), PRICE, float(each.strikes[at]), years, 0.0, 0.0, flag) for at in known
            ]
    started = time.perf_counter()
    for cell in cells:
        implied_volatility(*cell)
    implied = time.perf_counter() - started
    started = time.perf_counter()
    for each in quotes:
        years = float((each.expiry - as_of).astype(int)) / 365
        for strike in each.strikes.tolist():
            black_scholes_merton("c", PRICE, strike, years, 0.0, VOLATILITY, 0.0)
            black_scholes_merton("p", PRICE, strike, years, 0.0, VOLATILITY, 0.0)
    return implied, time.perf_counter() - started, len(cells)


class Connection:
    """One connection that stays open, so that the client costs next to nothing."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self.socket.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        received = b""
        while not (found := received.partition(b"\r\n\r\n"))[1]:
            received += self.socket.recv(1 << 20)
        head_received, _, answer = found
        if b" 200 " not in head_received[:20]:
            raise RuntimeError((head_received + answer).decode())
        length = int(head_received.split(b"content-length: ")[1].split(b"\r\n")[0])
        parts, have = [answer], len(answer)
        while have < length:
            parts.append(self.socket.recv(1 << 20))
            have += len(parts[-1])
        return b"".join(parts)


def in_the_process(forecaster: Forecaster, repeats: int) -> None:
    outlook = forecaster.outlook(SYMBOL)
    days = next_sessions(outlook.as_of, 63)[AHEAD - 1]
    strikes = STRIKES.tolist()
    quoted = tuple(mids(day, outlook.as_of) for day in days)
    implied, valued, count = loop_over_vollib(quoted, outlook.as_of)

    def chain(**asked: bool) -> float:
        return clock(
            lambda: chain_of(
                forecaster.answer_from(
                    outlook,
                    PRICE,
                    partial(chain_arrays, question=ChainQuestion(grid(days, strikes), **asked)),
                )
            ),
            repeats,
        )

    without, touched, values = chain(touch=False), chain(), chain(touch=False, values=True)
    quotes = clock(
        lambda: chain_of(
            forecaster.answer_from(
                outlook, PRICE, partial(chain_arrays, question=ChainQuestion(quoted, touch=False))
            )
        ),
        repeats,
    )
    print("\nin the process: 8 expiries x 500 strikes")
    line("  probability above", milliseconds(without))
    line("  with touch / 2 ms", milliseconds(touched), touched / 0.002, "(under 1)")
    line("  with fair values of calls and puts", milliseconds(values))
    line(f"  with {count} mid prices: volatilities, risk-neutral, fair", milliseconds(quotes))
    line("  a loop over vollib's implied volatility / all of it", milliseconds(implied), implied / quotes)
    line("  a loop over vollib's Black-Scholes / with fair values", milliseconds(valued), valued / values)


def strategies(forecaster: Forecaster, repeats: int) -> None:
    outlook = forecaster.outlook(SYMBOL)
    near, later = next_sessions(outlook.as_of, 63)[[12, 31]]
    four = {"strikes": [115.0, 120.0, 140.0, 145.0], "expiries": near}
    asked = {
        "condor": ask_strategy("iron-condor", **four, premium=2.1),
        "fair": ask_strategy("iron-condor", **four),
        "early": ask_strategy("iron-condor", **four, premium=2.1, on=near - np.timedelta64(7, "D")),
        "calendar": ask_strategy("calendar", strikes=[130.0], expiries=[near, later]),
    }
    seconds = {
        name: clock(
            lambda question=question: forecaster.answer_from(
                outlook, PRICE, partial(strategy_of, question=question)
            ),
            repeats,
        )
        for name, question in asked.items()
    }
    one = clock(lambda: forecaster.forecast(SYMBOL, PRICE), repeats)
    print("\nin the process: a strategy")
    line("  an iron condor / 1 ms", milliseconds(seconds["condor"]), seconds["condor"] / 0.001, "(under 1)")
    line("  an iron condor / one warm forecast", milliseconds(one), seconds["condor"] / one)
    line("  without premiums: fair values of its four legs", milliseconds(seconds["fair"]))
    line("  a week before its expiry", milliseconds(seconds["early"]))
    line("  a calendar", milliseconds(seconds["calendar"]))


def over_http(port: int, as_of: np.datetime64, rounds: int) -> None:
    days = [str(day) for day in next_sessions(as_of, 63)[AHEAD - 1]]
    asked = {"expiries": days, "strikes": STRIKES.round(2).tolist(), "price": PRICE}
    bodies = {touch: json.dumps(asked | {"touch": touch}).encode() for touch in (False, True)}
    connection, path = Connection(port), f"/forecast/{SYMBOL}/chain"
    seconds: dict[str, list[float]] = {"forecast": [], "without": [], "touched": []}
    for number in range(rounds + 5):
        for name, words in (
            ("forecast", ("GET", f"/forecast/{SYMBOL}?price=130")),
            ("without", ("POST", path, bodies[False])),
            ("touched", ("POST", path, bodies[True])),
        ):
            started = time.perf_counter()
            connection.ask(*words)
            if number >= 5:
                seconds[name].append(time.perf_counter() - started)
    one, without, touched = (lower_quartile(each) for each in seconds.values())
    print("\nover HTTP, one client, in turns")
    line("  one warm forecast", milliseconds(one))
    line("  8 x 500 without touch / one forecast", milliseconds(without), without / one, "(under 5)")
    line("  8 x 500 with touch / one forecast", milliseconds(touched), touched / one, "(under 20)")


def main() -> None:
    quick = options.parser(__doc__).parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        root, sample = Path(folder), SampleSource()
        registry, store = ModelRegistry(root / "models"), PriceStore(root / "prices")
        registry.universe.publish_fit(default_universe())
        train_symbols(prepare.sample_panel(), [SYMBOL], registry, config=options.training_config(quick))
        store.update(sample, sample.symbols())
        forecaster = Forecaster(registry, store)
        in_the_process(forecaster, 5 if quick else 200)
        strategies(forecaster, 5 if quick else 300)
        with server(registry.root, root / "prices", quick=quick) as (client, _, _):
            client.get(f"/forecast/{SYMBOL}").raise_for_status()
            over_http(client.base_url.port, forecaster.outlook(SYMBOL).as_of, 5 if quick else 300)


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    main()
