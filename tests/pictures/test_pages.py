"""The pages of a graph and of a chain: what they say, and that no name of another gets out of its place."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

import made_pictures
from real_browser import Watched, accessibility_faults, chromium
from tickgraph.pictures.chain_page import chain_page
from tickgraph.pictures.graph_page import graph_page
from tickgraph.pictures.graph_png import graph_figure, graph_png
from tickgraph.pictures.sector_colours import OTHER, sector_colours


def rows(text):
    """Cells of the tables, by the head of their row, in the order of the tables."""
    found = {}
    for head, cells in re.findall(r'<tr[^>]*><th scope="row">(.*?)</th>(.*?)</tr>', text):
        found.setdefault(head, []).append(re.findall(r"<td[^>]*>(.*?)</td>", cells))
    return found


def test_a_graph_has_its_nodes_edges_and_figures():
    text = graph_page(made_pictures.graph())
    assert text.count("<circle") == 4
    assert text.count("<line") == 4
    widths = dict(re.findall(r'stroke-width="([0-9.]+)"><title>([^<]*)<', text))
    assert widths == {
        "5.60": "AAPL, MSFT: +0.80",
        "3.50": "AAPL, XOM: -0.50",
        "2.45": "AAPL, &lt;B&amp;B&gt;: +0.35",
        "2.10": "MSFT, &lt;B&amp;B&gt;: +0.30",
    }
    assert 'class="negative own"' in text
    assert rows(text)["MSFT"][0] == ["+0.80", "30.0%", "2.00%", "Mega-cap technology"]
    assert rows(text)["XOM"][0] == ["-0.50", "20.0%", "-", "Energy"]
    assert rows(text)["MSFT"][1] == ["0.80", "", "0.10", "0.30"]
    assert "60 sessions to 2022-12-30" in text
    assert "<B&B>" not in text


def test_a_chain_has_a_heat_map_for_each_measure_that_it_has():
    text = chain_page(made_pictures.chain())
    names = re.findall(r'name="show"[^>]*>([^<]*)<', text)
    assert names == ["difference", "P(above)", "P(touch)", "market P(above)", "implied volatility", "call"]
    assert rows(text)["130.00"] == [
        ["", "-3.0%"],
        ["50.0%", "49.0%"],
        ["100.0%", "100.0%"],
        ["", "52.0%"],
        ["", "30.0%"],
        ["3.00", "5.00"],
    ]
    assert rows(text)["140.00"][1] == ["", "20.0%"]
    assert text.count('<tr class="now"><th scope="row">130.00') == 6
    assert "no later" in text
    assert " & " not in text


def test_a_chain_without_quotes_begins_with_the_forecast():
    names = re.findall(r'name="show"[^>]*>([^<]*)<', chain_page(made_pictures.chain(quoted=False)))
    assert names == ["P(above)", "P(touch)", "call"]


def test_the_colour_of_a_difference_says_its_sign_and_size():
    text = chain_page(made_pictures.chain())
    assert '<td class="low" style="--deep:60%">-3.0%' in text
    assert '<td class="high" style="--deep:90%">90.0%' in text


def test_a_picture_is_a_png_that_is_the_same_each_time():
    graph = made_pictures.graph()
    first = graph_png(graph)
    assert first == graph_png(graph)
    picture = Image.open(io.BytesIO(first))
    assert (picture.format, picture.size) == ("PNG", (1200, 1110))
    edges = [line for line in graph_figure(graph).axes[0].lines if len(line.get_xdata()) == 2]
    assert [line.get_linewidth() for line in edges] == pytest.approx([4.0, 2.5, 1.75, 1.5])


def test_every_sector_has_a_colour_and_none_has_its_own():
    colours = sector_colours(["Energy", None, "Financials", "Energy", *map(str, range(9))])
    assert list(colours)[:2] == ["Energy", "Financials"]
    assert colours["Energy"] != colours["Financials"] != colours[OTHER]
    assert len(colours) == 12


@pytest.mark.parametrize(
    ("name", "text"),
    [("graph", graph_page(made_pictures.graph())), ("chain", chain_page(made_pictures.chain()))],
)
def test_in_a_browser_a_page_asks_nobody_fits_a_phone_and_is_accessible(tmp_path, name, text):
    file = tmp_path / f"{name}.html"
    file.write_text(text, "utf-8")
    with chromium() as browser:
        for scheme, width in (("light", 390), ("dark", 1200)):
            page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
            watched = Watched(page)
            page.goto(file.as_uri())
            assert accessibility_faults(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert (watched.asked, watched.complaints) == ([file.as_uri()], [])
        if name == "chain":
            assert page.get_by_role("region").all_text_contents()[0].startswith("difference")
            page.get_by_role("radio", name="implied volatility").check()
            assert (
                page.locator("section:visible")
                .all_text_contents()[0]
                .startswith("Of the market's mid prices")
            )
            assert page.locator("section:visible").count() == 1
