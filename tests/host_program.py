"""tickgraph's command line, with Tiingo at the address that ``TESTS_TIINGO`` names."""

from __future__ import annotations

import os

from tickgraph.cli import commands
from tickgraph.market.sources.tiingo import TiingoSource

if "TESTS_TIINGO" in os.environ:
    TiingoSource.__init__.__kwdefaults__["address"] = os.environ["TESTS_TIINGO"]

if __name__ == "__main__":
    commands.main(commands.app)
