"""Record what optionlab's array model says of fixed strategies on fixed draws, for tests/options/test_optionlab.py.

optionlab needs pandas below 3 and matplotlib, so it lives in an environment of its own:

    python3 -m venv .optionlab
    .optionlab/bin/pip install --no-deps optionlab==1.9.1
    .optionlab/bin/pip install "pandas<3" scipy pydantic matplotlib holidays
    .optionlab/bin/python scripts/record_optionlab.py > tests/options/optionlab.json
"""

from __future__ import annotations

import json
import sys
from datetime import date
from importlib.metadata import version
from typing import Any

import numpy as np
from optionlab.engine import run_strategy

SPOT, VOLATILITY, RATE, DIVIDEND_YIELD = 130.0, 0.32, 0.03, 0.005
START, TARGET, LATER = date(2022, 12, 30), date(2023, 1, 20), date(2023, 2, 17)
SEED, DRAWS, SHOWN = 20230120, 2_000, 7
STRATEGIES: dict[str, list[tuple[Any, ...]]] = {
    "covered call": [("stock", "buy", 100), ("call", "sell", 100, 140, 1.6)],
    "cash-secured put": [("put", "sell", 100, 120, 1.25)],
    "bull call spread": [("call", "buy", 300, 130, 4.1), ("call", "sell", 300, 140, 1.6)],
    "straddle": [("put", "buy", 100, 130, 3.9), ("call", "buy", 100, 130, 4.1)],
    "short strangle": [("put", "sell", 200, 120, 1.25), ("call", "sell", 200, 140, 1.6)],
    "iron condor": [
        ("put", "buy", 100, 115, 0.6),
        ("put", "sell", 100, 120, 1.25),
        ("call", "sell", 100, 140, 1.6),
        ("call", "buy", 100, 145, 0.7),
    ],
    "collar": [("stock", "buy", 100), ("put", "buy", 100, 120, 1.25), ("call", "sell", 100, 140, 1.6)],
    "ratio of puts": [("put", "buy", 100, 130, 3.9), ("put", "sell", 250, 120, 1.25)],
    "stock sold": [("stock", "sell", 50), ("call", "buy", 50, 135, 2.6)],
    "calendar": [("call", "sell", 100, 130, 4.1), ("call", "buy", 100, 130, 6.0, LATER)],
    "put diagonal": [("put", "sell", 100, 125, 2.2), ("put", "buy", 100, 120, 3.2, LATER)],
}


def leg(kind: str, side: str, quantity: int, *option: Any) -> dict[str, Any]:
    """A leg as optionlab takes it."""
    made: dict[str, Any] = {"type": kind, "action": side, "n": quantity}
    if option:
        made |= {"strike": option[0], "premium": option[1]}
    if len(option) > 2:
        made["expiration"] = option[2]
    return made


def draws() -> np.ndarray:
    """Terminal prices; tests/options/test_optionlab.py makes the same."""
    moves = np.random.RandomState(SEED).standard_t(4, DRAWS)  # whose numbers no release of NumPy changes
    return SPOT * np.exp(0.055 * moves)


def record() -> dict[str, Any]:
    """What is asked and answered, one strategy after the other."""
    prices = draws()
    answers = {}
    for name, legs in STRATEGIES.items():
        said = run_strategy(
            {
                "stock_price": SPOT,
                "volatility": VOLATILITY,
                "interest_rate": RATE,
                "dividend_yield": DIVIDEND_YIELD,
                "min_stock": 0.0,
                "max_stock": 400.0,
                "start_date": START,
                "target_date": TARGET,
                "discard_nonbusiness_days": False,
                "model": "array",
                "array": prices,
                "strategy": [leg(*each) for each in legs],
                "calculations": ["pop", "expectation"],
            }
        )
        answers[name] = {
            "legs": legs,
            "probability_of_profit": said.probability_of_profit,
            "expected_profit_if_profitable": said.expected_profit_if_profitable,
            "expected_loss_if_unprofitable": said.expected_loss_if_unprofitable,
            "strategy_cost": said.strategy_cost,
            "per_leg_cost": said.per_leg_cost,
            "first_profits": said.data.strategy_profit_mc[:SHOWN].tolist(),
            "profit_ranges": said.profit_ranges,
            "least": said.minimum_return_in_the_domain,
            "most": said.maximum_return_in_the_domain,
        }
    return {
        "optionlab": version("optionlab"),
        "spot": SPOT,
        "volatility": VOLATILITY,
        "rate": RATE,
        "dividend_yield": DIVIDEND_YIELD,
        "start": START,
        "target": TARGET,
        "seed": SEED,
        "draws": DRAWS,
        "first_prices": prices[:SHOWN].tolist(),
        "strategies": answers,
    }


if __name__ == "__main__":
    json.dump(record(), sys.stdout, default=str)
