"""``POST /forecast/{symbol}/chain/file``: a downloaded chain, as a page uploads it."""

from __future__ import annotations

import numpy as np
import pytest

from made_outlooks import with_horizons
from real_service import here, settings_of

ROUTE = "/forecast/AAPL/chain/file"
TABLE = """expiry,strike,type,iv,bid,ask
2023-01-20,130,call,31 %,,
2023-01-20,140,call,,1.4,1.6
2023-01-20,150,call,,,
2024-01-19,130,call,0.3,,
"""


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    runtime = tmp_path_factory.mktemp("runtime")
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=runtime, max_cells=50)
    with pytest.MonkeyPatch.context() as patch:
        with_horizons(patch, ("AAPL", "MSFT", "JPM"))
        with here(settings) as running:
            yield running


def send(service, text, path=ROUTE):
    data = text if isinstance(text, bytes) else text.encode()
    return service.post(path, content=data, headers={"content-type": "text/csv"})


def test_a_file_is_answered_as_its_quotes_are(service):
    answer = send(service, TABLE, f"{ROUTE}?price=131&rate=0.04").json()
    quotes = {
        "expiry": "2023-01-20",
        "strikes": [130, 140, 150],
        "implied_volatilities": [0.31, None, None],
        "calls": [None, 1.5, None],
    }
    body = {"quotes": [quotes], "price": 131, "rate": 0.04, "skip_impossible": True}
    said = service.post("/forecast/AAPL/chain", json=body).json()
    notes = answer.pop("notes")
    assert answer == {name: value for name, value in said.items() if name != "notes"}
    assert any(
        "1 expiry left out, because the forecast does not reach so far: 2024-01-19" in note for note in notes
    )
    assert any("1 contract of the file has no usable bid and ask" in note for note in notes)


def test_a_file_may_be_as_spreadsheets_write_it(service):
    plain = send(service, TABLE).json()
    assert send(service, TABLE.encode("utf-16")).json() == plain
    assert send(service, "\ufeff" + TABLE.replace(",", "\t")).json() == plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no table", "no line names the columns of an option chain"),
        ("expiry,strike,type,iv\n", "has a header and no options below it"),
        ("expiry,strike,type,iv\n2023-01-20,130,call,high\n", "row 2, column iv: a number was expected"),
        (
            "expiry,strike,type,iv\n2024-01-19,130,call,0.3\n",
            "no expiry that can be forecast: it has 2024-01-19",
        ),
        ("contract,bid,ask\nMSFT230120C00240000,5,6\n", "has options of MSFT, and AAPL was asked for"),
        (
            "expiry,strike,type,iv\n" + "".join(f"2023-01-20,{n},call,0.3\n" for n in range(100, 200)),
            "50",
        ),
        (b"\xff\xfe\x00", "no line names the columns"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(service, text, said):
    answer = send(service, text)
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]


def test_a_symbol_without_a_model_that_looks_so_far_says_so(service):
    answer = send(service, TABLE, "/forecast/XOM/chain/file")
    assert answer.status_code == 422
    assert "Forecasts reach sessions up to 2023-01-03" in answer.json()["detail"]


def test_at_the_end_of_the_calendar_the_error_says_so(service, monkeypatch):
    monkeypatch.setattr(
        "tickgraph.serving.fan_answer.known_sessions", lambda *_: np.array([], "datetime64[D]")
    )
    answer = send(service, TABLE)
    assert answer.status_code == 422, answer.text
    assert "Forecasts reach no session after 2022-12-30: the calendar ends" in answer.json()["detail"]


def test_adjusted_contracts_are_counted_in_a_note(service):
    rows = "contract,bid,ask\nAAPL230120C00140000,1.4,1.6\nAAPL1230120C00140000,1,2\n"
    answer = send(service, rows).json()
    assert any("1 contract of the file is left out (AAPL1)" in note for note in answer["notes"])
