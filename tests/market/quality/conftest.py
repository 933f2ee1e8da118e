from __future__ import annotations

import pytest


@pytest.fixture
def bars(sample):
    return (
        sample.fetch(["AAPL", "MSFT"], None, None).bars.query("date >= '2022-01-01'").reset_index(drop=True)
    )
