"""What counting requests costs: a warm forecast without a limit, with one in memory, and with one that Redis counts.

Usage: python benchmarks/serving/rate_limits.py [--quick]

Needs Debian's redis-server. Takes two minutes; absolute times on a shared machine do not hold. Times are lower
quartiles of the rounds, since what else runs on the machine only ever adds to them.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
sys.path.append(str(HERE.parent.parent / "tests"))

import options  # noqa: E402
import prepare  # noqa: E402
from real_redis import RedisServer  # noqa: E402
from run import CONNECTIONS, QUICK, Scale, as_fast_as_answers_come, line, priced, server  # noqa: E402
from tickgraph.market.sources.sample import SampleSource  # noqa: E402
from tickgraph.market.store import PriceStore  # noqa: E402
from tickgraph.pipeline.train import train_symbols  # noqa: E402
from tickgraph.registry.default_universe import default_universe  # noqa: E402
from tickgraph.registry.registry import ModelRegistry  # noqa: E402

SYMBOLS = ("AAPL", "JPM")
LIMIT = {"TICKGRAPH_SERVE__RATE_LIMIT": "1000000000/hour"}
NONE, MEMORY, SHARED = "no limit", "a limit counted in memory", "a limit counted in Redis"


def main() -> None:
    quick = options.parser(__doc__).parse_args().quick
    scale = QUICK if quick else Scale()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        root, sample = Path(folder), SampleSource()
        registry = ModelRegistry(root / "models")
        registry.universe.publish_fit(default_universe())
        train_symbols(prepare.sample_panel(), SYMBOLS, registry, config=options.training_config(quick))
        PriceStore(root / "prices").update(sample, sample.symbols())
        redis = RedisServer(root)
        redis.start()
        opened.callback(redis.kill)
        environments = {NONE: {}, MEMORY: LIMIT, SHARED: {**LIMIT, "TICKGRAPH_SHARED__REDIS": redis.url}}
        clients = {
            name: opened.enter_context(server(registry.root, root / "prices", quick=quick, **environment))[0]
            for name, environment in environments.items()
        }
        paths = {name: priced(client, list(SYMBOLS)) for name, client in clients.items()}
        for title, connections in (
            (f"as fast as answers come, {CONNECTIONS} connections", CONNECTIONS),
            ("one client", 1),
        ):
            turns = [
                {
                    name: as_fast_as_answers_come(client, scale, *paths[name], connections=connections)
                    for name, client in clients.items()
                }
                for _ in range(scale.rounds)
            ]
            report(title, turns)


def report(title: str, turns: list[dict[str, dict[str, float]]]) -> None:
    print(f"\na warm forecast, {title}, {len(turns)} rounds in turns: half of the requests within")
    of = {name: sorted(turn[name]["p50"] for turn in turns)[len(turns) // 4] for name in turns[0]}
    for name, seconds in of.items():
        line(f"  {name}", f"{seconds * 1e3:.2f} ms", seconds / of[NONE])
    line("  counted in Redis / in memory", "", of[SHARED] / of[MEMORY])


if __name__ == "__main__":
    main()
