"""The published figures: Fan & Shen 2024, "StockMixer", AAAI 38, Table 2, a table a market; averages of 3 runs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from benchmarks.ranking.market import RankingMarket


class _Published(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PublishedRow(_Published):
    """One model's columns; null where they are not at hand."""

    model: str
    ic: float
    icir: float
    precision: float | None = None
    sharpe: float | None = None


class PublishedTable(_Published):
    """The rows of one market, and what they were measured on."""

    market: str
    stocks: int
    validation_from: int
    test_from: int
    rows: tuple[PublishedRow, ...]

    def row(self, model: str) -> PublishedRow | None:
        """The row of a model, if it has one."""
        return next((row for row in self.rows if row.model == model), None)


def _row(model: str, ic: float, icir: float, precision: float, sharpe: float) -> PublishedRow:
    return PublishedRow(model=model, ic=ic, icir=icir, precision=precision, sharpe=sharpe)


NASDAQ = PublishedTable(
    market="NASDAQ",
    stocks=1026,
    validation_from=756,
    test_from=1008,
    rows=(
        _row("Linear", 0.019, 0.188, 0.505, 0.517),
        _row("LSTM", 0.032, 0.354, 0.514, 0.892),
        _row("ALSTM", 0.035, 0.371, 0.522, 0.941),
        _row("RGCN", 0.034, 0.382, 0.516, 1.054),
        _row("GAT", 0.035, 0.377, 0.530, 1.233),
        _row("RSR-I", 0.038, 0.398, 0.531, 1.238),
        _row("STHAN-SR", 0.039, 0.451, 0.543, 1.416),
        _row("ESTIMATE", 0.037, 0.444, 0.539, 1.307),
        _row("StockMixer", 0.043, 0.501, 0.545, 1.465),
    ),
)
NYSE = PublishedTable(
    market="NYSE",
    stocks=1737,
    validation_from=756,
    test_from=1008,
    rows=(PublishedRow(model="StockMixer", ic=0.029, icir=0.351),),
)
TABLES = (NASDAQ, NYSE)


def published_for(market: RankingMarket) -> tuple[PublishedTable | None, str]:
    """The table that a market's rows compare with, or None and the reason in a sentence.

    A file's name says which market it is of. Rows compare with a table only if they rank the same number of stocks
    over the same split into days.
    """
    nothing = "nothing here compares with a published row"
    if not market.is_whole:
        return None, (
            f"Only the first {len(market.tickers)} of the file's {market.stocks_in_file} stocks were ranked: {nothing}."
        )
    table = next((table for table in TABLES if table.market.lower() in market.name.lower()), None)
    if table is None:
        known = " and ".join(table.market for table in TABLES)
        return None, f"There is no published row for the market {market.name} ({known} have some): {nothing}."
    if len(market.tickers) != table.stocks:
        return None, (
            f"The published rows for {table.market} are of {table.stocks} stocks, this file has {len(market.tickers)}: "
            f"{nothing}."
        )
    if (market.validation_from, market.test_from) != (table.validation_from, table.test_from):
        return None, (
            f"The published rows for {table.market} validate from day {table.validation_from} and test from day "
            f"{table.test_from}, not {market.validation_from} and {market.test_from}: {nothing}."
        )
    return table, ""
