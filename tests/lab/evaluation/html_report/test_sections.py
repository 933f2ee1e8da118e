import json
import os
import re
from html.parser import HTMLParser

import pytest

from made_evaluation import made_evaluation
from tickgraph.errors import StorageError
from tickgraph.lab.evaluation.evaluation_result import Evaluation, Slice
from tickgraph.lab.evaluation.html_report.sections import render, write_report

NASTY = "<img src=x onerror=alert(1)> & \"'</script><b>"


@pytest.fixture(scope="module")
def evaluation():
    return made_evaluation(sessions=400)


@pytest.fixture(scope="module")
def html(evaluation):
    return render(evaluation)


class Cells(HTMLParser):
    """Rows of the tables in a page, by caption: text of each cell, and the number it was made from."""

    def __init__(self, html):
        super().__init__()
        self.tables: dict[str, list[list[tuple[str, float | None]]]] = {}
        self.inside = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "caption":
            self.inside, self.text = "caption", ""
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            value = dict(attributes).get("data-value")
            self.inside, self.text, self.value = "cell", "", None if value is None else float(value)
        elif tag == "small" and self.inside:
            self.text += " "

    def handle_data(self, data):
        if self.inside:
            self.text += data

    def handle_endtag(self, tag):
        if tag == "caption":
            self.rows = self.tables[self.text] = []
            self.inside = None
        elif tag in ("td", "th"):
            self.rows[-1].append((" ".join(self.text.split()), self.value))
            self.inside = None


def numbers(value):
    """Every number in a JSON document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return {found for item in value for found in numbers(item)}
    return {float(value)} if isinstance(value, (int, float)) else set()


def test_the_json_that_is_written_reads_back_as_the_same_evaluation(evaluation, tmp_path):
    page, result = write_report(evaluation, tmp_path / "new" / "folder")
    assert (page.name, result.name) == ("evaluation.html", "evaluation.json")
    assert Evaluation.model_validate_json(result.read_bytes()) == evaluation
    assert sorted(path.name for path in page.parent.iterdir()) == ["evaluation.html", "evaluation.json"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_others_may_read_what_is_written(evaluation, tmp_path):
    before = os.umask(0o022)
    try:
        written = write_report(evaluation, tmp_path)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in written] == [0o644, 0o644]


def test_the_page_is_below_8_mb(html):
    assert len(html.encode()) < 8e6


def test_the_page_of_479_symbols_and_fourteen_forecasters_is_below_8_mb():
    few = made_evaluation(sessions=60)
    template = next(s for s in few.forecasters[-1].slices if s.by == "symbol")
    many = [
        template.model_copy(update={"name": f"SYM{i}", "ic": template.hit_rate, "rank_ic": template.hit_rate})
        for i in range(479)
    ]
    forecasters = [
        few.forecasters[-1].model_copy(update={"name": f"variant {i}", "slices": many}) for i in range(14)
    ]
    page = render(few.model_copy(update={"forecasters": forecasters}))
    assert len(page.encode()) < 8e6


def test_every_number_in_the_tables_comes_from_the_json(evaluation, html):
    known = numbers(json.loads(evaluation.model_dump_json()))
    shown = [
        (caption, text, value)
        for caption, rows in Cells(html).tables.items()
        for row in rows
        for text, value in row
        if value is not None
    ]
    assert len(shown) > 300
    assert [cell for cell in shown if cell[2] not in known] == []


def test_cells_without_a_number_behind_them_are_dashes_or_words(html):
    for rows in Cells(html).tables.values():
        for row in rows[1:]:
            for text, value in row[1:]:
                if value is None and re.search(r"\d\.\d", text):
                    pytest.fail(f"{text!r} has no number behind it")


def test_a_null_figure_is_a_dash(html):
    (zero,) = [row for row in Cells(html).tables["All forecasters"] if row[0][0].startswith("zero ")]
    assert [text for text, _ in zero[1:7]] == ["–"] * 6


def test_what_is_not_told_apart_from_the_null_says_so_and_the_rest_does_not(evaluation, html):
    rows = {row[0][0]: row for row in Cells(html).tables["All forecasters"][1:]}
    marked = {True: 0, False: 0}
    for forecaster in evaluation.forecasters:
        ic = forecaster.accuracy.ic
        if ic is not None:
            crosses = ic.low <= 0 <= ic.high
            marked[crosses] += 1
            text = rows[f"{forecaster.name} {forecaster.kind}"][1][0]
            assert text.endswith("not told apart from 0") == crosses
    assert marked[True]
    assert marked[False]


def test_baselines_are_marked(html):
    names = [row[0][0] for row in Cells(html).tables["All forecasters"][1:]]
    assert "ridge baseline" in names
    assert "global model" in names


def test_findings_source_window_and_survivorship_are_on_the_page(evaluation, html):
    words = html.replace("&#39;", "'")
    for text in (*evaluation.findings, evaluation.source, evaluation.survivorship, evaluation.data_version):
        assert text in words
    assert f"{evaluation.windows[0].test_first} to {evaluation.windows[-1].test_last}" in words
    for comparison in evaluation.comparisons:
        assert comparison.conclusion in words


def test_html_in_names_is_shown_and_not_run(evaluation):
    first = evaluation.forecasters[-1]
    symbol = next(s for s in first.slices if s.by == "symbol")
    hostile = first.model_copy(
        update={
            "name": NASTY,
            "description": NASTY,
            "slices": [*first.slices, symbol.model_copy(update={"name": NASTY})],
        }
    )
    page = render(
        evaluation.model_copy(
            update={
                "forecasters": [*evaluation.forecasters, hostile],
                "symbols": [NASTY],
                "left_out": {NASTY: NASTY},
                "findings": [NASTY],
                "source": NASTY,
                "survivorship": NASTY,
                "settings": {NASTY: NASTY},
            }
        )
    )
    # Plotly's own script comes first; what is ours must not hold the tag.
    assert page.count("<img") == render(evaluation).count("<img")
    assert page.count("</script>") == render(evaluation).count("</script>")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_html_in_a_name_is_escaped_for_plotly_too(evaluation):
    hostile = evaluation.forecasters[-1].model_copy(update={"name": "<b>bold</b>"})
    page = render(evaluation.model_copy(update={"forecasters": [hostile]}))
    plots = json.loads(re.search(r'id="plots">(.*?)</script>', page, re.S)[1])
    names = {
        t["name"]
        for plot in plots.values()
        for figure in plot.values()
        for t in figure["data"]
        if "name" in t
    }
    assert "&lt;b&gt;bold&lt;/b&gt;" in names
    assert "<b>bold</b>" not in names


def test_an_evaluation_with_nothing_measured_still_renders(evaluation):
    bare = evaluation.model_copy(
        update={"forecasters": [], "comparisons": [], "reality_check": None, "windows": [], "findings": []}
    )
    assert "<h2" in render(bare)


def test_slices_without_figures_make_no_plot(evaluation):
    only = evaluation.forecasters[0].model_copy(
        update={"slices": [Slice(by="year", name="2020", sessions=3, symbols=2)]}
    )
    page = render(evaluation.model_copy(update={"forecasters": [only]}))
    assert "By year" not in page


def test_a_folder_that_cannot_be_made_is_a_storage_error(evaluation, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_report(evaluation, tmp_path / "file")
