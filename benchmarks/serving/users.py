"""Locust users of the options-probability product: one symbol after another, a second of thought between."""

from __future__ import annotations

import os
import random

from locust import FastHttpUser, constant, task

SYMBOLS = os.environ["BENCHMARK_SYMBOLS"].split(",")


class Caller(FastHttpUser):
    """Asks for a forecast, with a price of its own."""

    wait_time = constant(1)

    @task
    def forecast(self) -> None:
        symbol = random.choice(SYMBOLS)  # noqa: S311
        self.client.get(f"/forecast/{symbol}?price={random.uniform(50, 500):.2f}", name="/forecast")  # noqa: S311
