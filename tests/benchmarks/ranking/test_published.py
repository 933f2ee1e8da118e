from dataclasses import replace

import numpy as np
import pytest

from benchmarks.ranking.published import NASDAQ, NYSE, PublishedRow, published_for


@pytest.fixture
def make(market):
    """A market of a name and size; no more is asked of it."""

    def _make(name, stocks, in_file=None, split=(756, 1008)):
        return replace(
            market,
            name=name,
            tickers=tuple(map(str, range(stocks))),
            inputs=np.empty((stocks, 0, 5)),
            stocks_in_file=in_file or stocks,
            validation_from=split[0],
            test_from=split[1],
        )

    return _make


def test_a_market_is_compared_with_its_own_rows(make):
    assert published_for(make("rsr_nasdaq", 1026)) == (NASDAQ, "")
    assert published_for(make("RSR_NYSE", 1737)) == (NYSE, "")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (("xetra", 1026), "There is no published row for the market xetra (NASDAQ and NYSE have some)"),
        (("rsr_nyse", 1026), "The published rows for NYSE are of 1737 stocks, this file has 1026"),
        (("rsr_nasdaq", 200, 1026), "Only the first 200 of the file's 1026 stocks were ranked"),
        (("rsr_nasdaq", 1026, 1026, (700, 1008)), "test from day 1008, not 700 and 1008"),
    ],
)
def test_what_is_not_like_is_not_compared_and_the_reason_is_said(make, made, said):
    table, reason = published_for(make(*made))
    assert table is None
    assert said in reason
    assert reason.endswith("nothing here compares with a published row.")


def test_the_published_rows_are_the_papers():
    assert len(NASDAQ.rows) == 9
    assert NASDAQ.row("StockMixer") == PublishedRow(
        model="StockMixer", ic=0.043, icir=0.501, precision=0.545, sharpe=1.465
    )
    assert max(row.ic for row in NASDAQ.rows) == 0.043
    assert NYSE.rows == (PublishedRow(model="StockMixer", ic=0.029, icir=0.351),)
