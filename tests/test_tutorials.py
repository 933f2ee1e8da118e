"""The tutorials run as they stand, print what they show, and have the pages that are made from them."""

from __future__ import annotations

import re

import nbformat
import pytest

from scripts.run_tutorials import TUTORIALS, executed, page

NAMES = sorted(path.stem for path in TUTORIALS.glob("*.ipynb"))
NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"
PASSING = (  # what another day, another machine or another rounding may say
    r"^note: .*\n?",
    r"\d{4}-\d\d-\d\d \d\d:\d\d UTC",
    r"session of \d{4}-\d\d-\d\d",
    r"\d+ (completed )?sessions( missing|$)",
    r"STALE by \d+ sessions",
    r"in \d+\.\d s",
    r"\d of \d models beat",
    r"[ ░▒─━]+",  # a drawing, and the columns of a table, whose width is that of its widest figure
)


def printed(notebook):
    """What each cell printed, without what passes: the words, and the numbers among them."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text = "".join(output.get("text", "") for output in cell.outputs)
            for passing in PASSING:
                text = re.sub(passing, " ", text, flags=re.MULTILINE)
            yield (
                re.sub(NUMBER, "#", text),
                [float(each.replace(",", "")) for each in re.findall(NUMBER, text)],
            )


@pytest.mark.parametrize("name", NAMES)
def test_a_tutorial_prints_what_it_shows(name, tmp_path):
    shown = nbformat.read(TUTORIALS / f"{name}.ipynb", 4)
    ran = executed(shown, tmp_path)
    for number, (expected, got) in enumerate(zip(printed(shown), printed(ran), strict=True), 1):
        assert got[0] == expected[0], f"code cell {number}"
        assert got[1] == pytest.approx(expected[1], rel=0.05, abs=1.0), f"code cell {number}"
    kinds = [[sorted(output.get("data", {})) for output in cell.get("outputs", [])] for cell in shown.cells]
    assert kinds == [[sorted(each.get("data", {})) for each in cell.get("outputs", [])] for cell in ran.cells]


@pytest.mark.parametrize("name", NAMES)
def test_its_page_is_made_from_it(name):
    notebook = nbformat.read(TUTORIALS / f"{name}.ipynb", 4)
    text, pictures = page(notebook, name)
    assert (TUTORIALS / f"{name}.md").read_text("utf-8") == text, "run: make tutorials"
    assert pictures
    assert {f"{name}/{path.name}": path.read_bytes() for path in (TUTORIALS / name).iterdir()} == pictures


@pytest.mark.parametrize("name", NAMES)
def test_a_page_leads_somewhere_and_names_no_machine(name):
    text = (TUTORIALS / f"{name}.md").read_text("utf-8")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (TUTORIALS / link).exists(), link
    assert not re.search(r"/(tmp|home|root|work)/|ipykernel|\x1b", text)


def test_there_are_tutorials():
    assert NAMES == ["from_prices_to_strategies", "own_prices"]


def test_a_cell_of_commands_is_a_block_of_a_shell_and_pictures_are_files():
    cells = [
        nbformat.v4.new_markdown_cell("# Title, and [the other](own_prices.ipynb)"),
        nbformat.v4.new_code_cell("!tickgraph list\n!tickgraph status"),
        nbformat.v4.new_code_cell(
            "draw();",
            outputs=[
                nbformat.v4.new_output("stream", text="\x1b[1mdone  \x1b[0m\n\n"),
                nbformat.v4.new_output("display_data", {"image/png": "aGVsbG8=", "text/plain": "<Figure>"}),
            ],
        ),
    ]
    text, pictures = page(nbformat.v4.new_notebook(cells=cells), "some")
    assert pictures == {"some/1.png": b"hello"}
    assert text.split("\n\n")[1:] == [
        "# Title, and [the other](own_prices.md)",
        "This page is a notebook that you can run: [some.ipynb](some.ipynb). It needs the extra `notebook`.",
        "```sh\ntickgraph list\ntickgraph status\n```",
        "```python\ndraw()\n```",
        "```text\ndone\n```",
        "![What the code above draws](some/1.png)\n",
    ]
