import io
import re

import pytest
from rich.console import Console

from benchmarks.ranking.benchmark import run_benchmark
from benchmarks.ranking.published import NASDAQ, NYSE
from benchmarks.ranking.report import render, summary_table, write_benchmark
from benchmarks.ranking.result import RankingResult


@pytest.fixture(scope="module")
def result(market, tmp_path_factory):
    made = run_benchmark(market, tmp_path_factory.mktemp("runs"), names=["level", "reversal", "ridge"])
    return made.model_copy(update={"published": NASDAQ})


@pytest.fixture(scope="module")
def html(result):
    return render(result)


def test_the_page_has_every_row_and_the_published_ones(result, html):
    ours = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", ours, re.S)
    for row in result.rows:
        description = row.description.replace("'", "&#39;")
        assert any(description in cells and f"{row.scores.precision:.3f}" in cells for cells in rows)
    for row in NASDAQ.rows:
        assert any(row.model in cells and f"{row.precision:.3f}" in cells for cells in rows)
    assert "look-ahead" in ours
    assert "survivors" in ours
    for sentence in result.findings:
        assert sentence.replace("'", "&#39;") in ours


def test_the_page_asks_for_nothing_outside_itself(html):
    ours = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"', ours) == []
    assert "default-src 'none'" in html.replace("&#39;", "'")


def test_files_are_written_whole(result, tmp_path):
    page, figures = write_benchmark(result, tmp_path / "out")
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert RankingResult.model_validate_json(figures.read_bytes()) == result


def test_the_terminal_has_both_tables_highest_ic_first(result):
    printed = io.StringIO()
    Console(file=printed, width=100).print(summary_table(result))
    lines = printed.getvalue().splitlines()
    shown = [line for line in lines if re.search(r"0\.\d{3}", line)]
    assert len(shown) == len(result.rows) + len(NASDAQ.rows)
    ics = [float(re.search(r"-?\d\.\d+", line)[0]) for line in shown]
    assert ics == sorted(ics, reverse=True)
    assert sum("as published" in line for line in shown) == len(NASDAQ.rows)


def test_a_row_without_precision_and_sharpe_and_a_market_without_rows_are_shown_as_such(result):
    nyse, none = (result.model_copy(update={"published": table}) for table in (NYSE, None))
    assert "The published rows, NYSE" in render(nyse)
    assert "published rows, N" not in render(none)
    printed = io.StringIO()
    for shown in (nyse, none):
        Console(file=printed, width=100).print(summary_table(shown))
    (line,) = [line for line in printed.getvalue().splitlines() if "as published" in line]
    assert line.split()[-2:] == ["0.029", "0.351"]
