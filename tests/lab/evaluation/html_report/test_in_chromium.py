"""The page in a real browser: it draws, complains of nothing and asks the network for nothing."""

import json
import re
import shutil
import subprocess
from collections import namedtuple

import pytest

from made_evaluation import made_evaluation
from tickgraph.lab.evaluation.html_report.sections import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

# What Chromium asks its maker for by itself, whatever the page.
KINDS = ("baseline", "ablation", "model")
OWN = re.compile(r"https?://[^/]*\.(google|googleapis|gstatic|gvt1)\.com/")

Visit = namedtuple("Visit", "dom console requests")

PROBE = """
document.querySelectorAll("#part-0-2 thead button")[1].click();
const names = (selector) => [...document.querySelectorAll(selector)].map((n) => n.firstChild.textContent.trim());
const sorted = names("#part-0-2 tbody th");
document.querySelectorAll("#part-0-2 thead button")[1].click();
const back = names("#part-0-2 tbody th");
const choice = document.getElementById("part-2-3-choice");
choice.selectedIndex = choice.options.length - 1;
choice.dispatchEvent(new Event("change"));
const cells = [...document.querySelectorAll("#part-2-3 tbody tr:first-child > *")].map((c) => c.textContent);
const plot = document.getElementById("part-1-1-plot");
const hidden = () => plot.data.filter((t) => t.visible === "legendonly").map((t) => t.name);
const press = (text) => [...plot.querySelectorAll(".updatemenu-button")].find((b) => b.textContent === text)
  .dispatchEvent(new MouseEvent("click"));
const before = hidden();
press("all forecasters");
const after = hidden();
press("models");
const models = hidden();
const ink = getComputedStyle(plot.querySelector(".legendtext")).fill;
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const said = document.createElement("pre");
said.id = "probe";
said.textContent = JSON.stringify({sorted, back, chosen: choice.value, cells, before, after, models, ink, wide});
document.body.append(said);
"""


def visit(page, folder, *options):
    """Open a page; the document it became, lines of the console, addresses asked of the network."""
    log = folder / "net.json"
    ran = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            "--virtual-time-budget=10000",
            *options,
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
        encoding="utf-8",
    )
    console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    urls = re.findall(r'"url":"((?!file:|data:|blob:|chrome)[^"]*)"', log.read_text("utf-8", "replace"))
    requests = [url for url in urls if not OWN.match(url)]
    return Visit(ran.stdout, console, requests)


@pytest.fixture(scope="module")
def evaluation():
    return made_evaluation(sessions=300)


@pytest.fixture(scope="module")
def page(evaluation, tmp_path_factory):
    return write_report(evaluation, tmp_path_factory.mktemp("report"))[0]


def test_it_draws_every_plot_and_neither_complains_nor_asks_the_network(page, tmp_path):
    seen = visit(page, tmp_path)
    drawn = re.findall(r'<div class="plot js-plotly-plot" id="([^"]*)"', seen.dom)
    assert len(drawn) == seen.dom.count("<figure ") == 12
    assert seen.console == []
    assert seen.requests == []


def test_the_policy_stops_what_slips_in_and_without_it_the_request_would_be_seen(page, tmp_path):
    """So that the silence of the test above means something."""
    address = "http://127.0.0.1:9/a.png"
    html = page.read_text("utf-8").replace(
        "</body>", f'<img src="{address}"><script>alert(1)</script></body>'
    )
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(html, "utf-8")
    seen = visit(spoilt, tmp_path)
    assert sum("Content Security Policy" in line for line in seen.console) == 2
    assert seen.requests == []

    bare = "<!doctype html>" + html[html.rindex("<img src=") : html.rindex("<script>")]
    spoilt.write_text(bare, "utf-8")
    assert address in visit(spoilt, tmp_path).requests


def test_tables_sort_forecasters_hide_and_symbols_change_with_the_forecaster(evaluation, page, tmp_path):
    """Without its policy the page runs a probe that clicks."""
    html = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", page.read_text("utf-8"))
    probed = tmp_path / "probed.html"
    probed.write_text(html.replace("</body>", f"<script>{PROBE}</script></body>"), "utf-8")
    seen = visit(probed, tmp_path, "--window-size=500,900")
    said = json.loads(re.search(r'<pre id="probe">(.*?)</pre>', seen.dom, re.S)[1].replace("&amp;", "&"))

    ics = {f.name: f.accuracy.ic.value for f in evaluation.forecasters if f.accuracy.ic}
    best_first = sorted(ics, key=ics.get, reverse=True)
    assert said["sorted"] == [*best_first, "zero"]  # no IC: last, either way
    assert said["back"] == [*best_first[::-1], "zero"]

    (chosen,) = [f for f in evaluation.forecasters if f.name == said["chosen"]]
    first = next(s for s in chosen.slices if s.by == "symbol")
    assert said["cells"][0] == first.name
    assert said["cells"][2].startswith(
        "–" if first.hit_rate is None else f"{first.hit_rate.value * 100:.1f} %"
    )

    of_kind = {
        kind: {f.name for f in evaluation.forecasters if f.kind == kind and f.name != "zero"}
        for kind in KINDS
    }
    assert set(said["before"]) < of_kind["baseline"] | of_kind["ablation"]  # the best baseline is shown
    assert said["after"] == []
    assert set(said["models"]) == of_kind["baseline"] | of_kind["ablation"]
    assert said["ink"] == "rgb(27, 31, 36)"  # the page's, not Plotly's
    assert said["wide"] <= 0  # tables scroll in their own box, the page does not
