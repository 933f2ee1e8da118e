"""What grows with the number of symbols, and how fast.

Usage: python benchmarks/size.py [--quick | --symbols N] [prices.parquet]

Symbols are resampled from real ones, of the file named or else of the bundled sample (benchmarks/resampled_market.py).
Each size is measured in a process of its own (benchmarks/sized.py): stages of a day, seconds of the processor and
memory. The exponent of a stage is the slope of log time on log size over the two largest sizes; 1 is linear. A stage
that takes under a tenth of a second says nothing, and has none.

Then two services are measured in turns over HTTP, one with 46 models and one with as many as ``--symbols``. Their
models are trained ones under other names, each with its own peers and prices. 10,000 take about nine minutes in all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from math import log
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import options

HERE = Path(__file__).parent
SIZES, TRAINED = (10, 46, 100, 479, 1000), 10
QUICK_SIZES, QUICK_TRAINED, QUICK_SYMBOLS = (4,), 2, 5
FEW = 46
LEAST_SECONDS = 0.1
MUCH = 2_000
"""MB that a process with 10,000 models may take."""
Records = dict[str, dict[str, float]]


def main() -> None:
    """Measure all sizes, then the services, and print their tables."""
    parser = options.with_prices(__doc__)
    parser.add_argument("--symbols", type=int, default=10_000, help="models of the larger service")
    parser.add_argument("--skip-growth", action="store_true", help="the services alone")
    asked = parser.parse_args()
    sizes, trained = (QUICK_SIZES, QUICK_TRAINED) if asked.quick else (SIZES, TRAINED)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    started = time.perf_counter()
    if not asked.skip_growth:
        report_growth({size: stages_of(size, min(trained, size), asked) for size in sizes})
    few, many = (2, QUICK_SYMBOLS) if asked.quick else (FEW, asked.symbols)
    report_services(few, many, asked.prices, asked.quick)
    print(f"\n{time.perf_counter() - started:.0f} s in all", file=sys.stderr)


def stages_of(size: int, trained: int, asked: argparse.Namespace) -> Records:
    """Each stage's figures at a size."""
    words = [str(size), str(trained), "quick" if asked.quick else "whole", *filter(None, [asked.prices])]
    command = [sys.executable, HERE / "sized.py", *words]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
    records = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {record.pop("stage"): record for record in records}


def report_growth(found: dict[int, Records]) -> None:
    """Print milliseconds of the processor a symbol, and MB, by size."""
    sizes = list(found)
    for title, value in (
        ("milliseconds of the processor a symbol", lambda record, size: 1e3 * _seconds(record, size)),
        ("MB at most, beyond what the process had", lambda record, _: max(record["peak"], 0.0)),
    ):
        print(f"\n{title}\n{'symbols':<30}{''.join(f'{size:>9,}' for size in sizes)}  exponent")
        for stage in found[sizes[0]]:
            values = [value(found[size][stage], size) for size in sizes]
            shown = "".join(f"{each:>9,.1f}" if each < 1000 else f"{each:>9,.0f}" for each in values)
            print(f"{stage:<30}{shown}  {_exponent(found, stage, title.startswith('MB'))}")


def _seconds(record: dict[str, float], size: int) -> float:
    return record["cpu"] / record.get("per", size)


def _exponent(found: dict[int, Records], stage: str, memory: bool) -> str:
    """Slope over the two largest sizes; of what is done for some symbols only, how the cost of one grows."""
    if len(found) < 2:
        return "       -"
    (small, low), (large, high) = [(size, found[size][stage]) for size in list(found)[-2:]]
    least, name = (50.0, "peak") if memory else (LEAST_SECONDS, "cpu")
    if min(low[name], high[name]) < least:
        return "       -"
    slope = log(high[name] / low[name]) / log(large / small)
    if "per" in high:
        slope = log(high[name] / high["per"] * low["per"] / low[name]) / log(large / small) + 1
    return f"{slope:8.2f}"


def report_services(few: int, many: int, prices: str | None, quick: bool) -> None:
    """Print memory and times of a service with few models, and of one with many."""
    from many_models import Figures, measure

    figures: dict[int, Figures] = measure((few, many), prices, quick=quick)
    print(f"\none process of the service\n{'models':<34}{few:>10,}{many:>10,}     ratio")
    for name in Figures.__annotations__:
        low, high = (getattr(figures[size], name) for size in (few, many))
        ratio = f"{high / low:>10.2f}" if low else ""
        print(f"{TITLES[name]:<34}{low:>10,.2f}{high:>10,.2f}{ratio}")
    p99 = figures[many].p99 / figures[few].p99
    print(f"p99 of {many:,} models / of {few} {p99:>8.2f}  (at most 2)")
    print(f"memory with {many:,} models {figures[many].megabytes:>8,.0f} MB  (at most {MUCH:,} of 10,000)")


TITLES = {
    "start": "ready after, s",
    "first": "first request of a model, ms",
    "median": "warm forecast, median, ms",
    "p99": "warm forecast, p99, ms",
    "p999": "warm forecast, p99.9, ms",
    "chain": "first chain of 8 x 100, ms",
    "idle": "share of a core while idle, %",
    "megabytes": "memory, MB",
    "peak": "memory at most, MB",
}


if __name__ == "__main__":
    main()
