"""The prices that an evaluation is measured on: which symbols it judges, and what their choice does to its figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from tickgraph.errors import InputError
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.market.panel import PricePanel
from tickgraph.model.still import FEWEST_MOVES, moves

FIXED_SOURCES = ("sample", "files")
"""Sources whose symbols were chosen when the prices were put together. Others give the symbols of today."""
FEWEST_SYMBOLS = 3


def moving_panel(panel: PricePanel) -> tuple[PricePanel, dict[str, str]]:
    """The symbols that are judged, and by symbol why others are left out.

    The price of some, such as a money market fund, hardly ever moves.

    Raises
    ------
    InputError
        Fewer than 3 symbols are left.
    """
    count = moves(panel.adj_close)
    prices = np.isfinite(panel.adj_close).sum(axis=0)
    unmoved = {
        symbol: f"The price of {symbol} moved in {count[column]} of the {len(panel.sessions)} sessions up to "
        f"{panel.sessions[-1]}: there is nothing to forecast."
        for column, symbol in enumerate(panel.symbols)
        if count[column] < FEWEST_MOVES < prices[column]
    }
    moving = [symbol for symbol in panel.symbols if symbol not in unmoved]
    if len(moving) < FEWEST_SYMBOLS:
        raise InputError(
            " ".join(
                [
                    f"An evaluation needs at least {FEWEST_SYMBOLS} symbols, got {len(moving)}. Name more.",
                    *unmoved.values(),
                ]
            )
        )
    return panel.select(moving), unmoved


def empty_evaluation(panel: PricePanel, source: str | None, left_out: Mapping[str, str]) -> Evaluation:
    """The document of an evaluation that has no figures yet; without a source, the panel's stands there."""
    return Evaluation(
        created=datetime.now(UTC),
        version=version("tickgraph"),
        source=source or panel.source,
        data_version=panel.data_version,
        survivorship=survivorship(panel),
        symbols=list(panel.symbols),
        left_out=dict(left_out),
        settings={},
        cost_basis_points=0.0,
        windows=[],
        forecasters=[],
        comparisons=[],
    )


def survivorship(panel: PricePanel) -> str:
    """What the choice of symbols does to the figures; it depends on where their list comes from."""
    count, ended = len(panel.symbols), int((~np.isfinite(panel.adj_close[-1])).sum())
    without = f"{ended or 'none'} of them without a price at the end"
    if panel.source in FIXED_SOURCES:
        chosen = (
            f"The {count} symbols are those of a fixed set of prices that ends on {panel.sessions[-1]}, {without}: "
            "such a set is made of companies that were still listed when it was made, and those that failed or were "
            "taken over before are not among them."
        )
    else:
        chosen = (
            f"The list of {count} symbols is today's, {without}: they are companies still listed, and large, now, "
            "which nobody could have chosen at the time; those that failed or were taken over are not among them."
        )
    return (
        f"{chosen} Returns, above all of long portfolios, are better than an investor of the time could have had; "
        "differences between forecasters on the same symbols suffer less."
    )
