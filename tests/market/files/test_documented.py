"""What docs/sources.md says of people's files is what is read."""

from __future__ import annotations

import re
from pathlib import Path

from downloaded_prices import ADJUSTED, PLAIN
from tickgraph.market.sources.files import FileSource
from tickgraph.market.sources.files.dialects import dialects, meaning_of, plain

DOCUMENT = (Path(__file__).parents[3] / "docs" / "sources.md").read_text("utf-8")
OWN_FILES = DOCUMENT.split("## Your own files")[1].split("\n## ")[0]


def table(head):
    """Rows of the table with a head."""
    lines = OWN_FILES.split(f"| {head} |\n")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def marked(text):
    return re.findall("`([^`]+)`", text)


def test_the_columns_are_the_tables():
    rows = table("meaning | names, the preferred one first")
    assert {marked(meaning)[0]: marked(names) for meaning, names in rows} == dialects()["columns"]


def test_each_name_is_written_as_it_is_compared_and_means_one_thing():
    names = [name for names in dialects()["columns"].values() for name in names]
    assert len(set(names)) == len(names)
    assert all(plain(name) == name and meaning_of(name) for name in names)


def test_the_names_of_files_are_the_tables():
    rows = table("file | whose")
    assert [(marked(file)[0], whose) for file, whose in rows] == [
        (rule["example"], rule["whose"]) for rule in dialects()["files"]
    ]


def test_the_dates_are_the_tables():
    written = {order: marked(examples) for order, examples in table("order | written")}
    want = {}
    for rule in dialects()["dates"]:
        want.setdefault(rule.get("family", "one order"), []).append(rule["example"])
    assert written == want
    assert [marked(written)[0] for _, written in table("number | written")] == [
        rule["example"] for rule in dialects()["day_numbers"]
    ]


def test_the_words_are_the_tables():
    assert marked(OWN_FILES.split("or by these letters: ")[1].split("\n\n")[0]) == list(dialects()["zones"])
    words = OWN_FILES.split("may be empty or one of ")[1].split(". In the column")[0]
    assert marked(words) == [word for word in dialects()["cells"]["missing"] if word]
    perhaps = OWN_FILES.split(" count only where")[0].split("\n\n")[-1]
    assert marked(perhaps) == dialects()["perhaps"]["symbol"]


def test_each_download_of_the_list_has_a_test():
    assert [whose for whose, _ in table("whose | what is special") if whose not in ADJUSTED | PLAIN] == []


def test_the_example_is_read(tmp_path):
    example = re.search(r"```csv\n(.*?)```", OWN_FILES, re.DOTALL)[1]
    (tmp_path / "prices.csv").write_text(example)
    fetched = FileSource(tmp_path / "prices.csv").fetch(["AAPL"])
    assert fetched.bars["adj_close"].tolist() == [179.48]
    assert fetched.notes == ()
