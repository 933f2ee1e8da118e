import base64
import hashlib
import re

import plotly.graph_objects as go
import pytest

from tickgraph.lab.evaluation.html_report.page import page
from tickgraph.lab.evaluation.html_report.parts import (
    Callout,
    Cell,
    Facts,
    Heading,
    Plot,
    Prose,
    Section,
    Table,
)


@pytest.fixture(scope="module")
def html():
    table = Table("Rows", "Read so.", [Heading("Name", is_number=False)], {"all": [[Cell("LSTM")]]})
    plot = Plot("A line", "Up is good.", "It rises.", {"it": go.Figure(go.Scatter(x=[1, 2], y=[1, 2]))})
    return page(
        "NASDAQ benchmark",
        [Section("Published", [Prose(["One."]), Callout("Mind", "this"), Facts({"a": "b"}), table, plot])],
    )


def test_another_page_can_be_made_of_the_same_parts(html):
    assert "<title>NASDAQ benchmark</title>" in html
    for text in ("One.", "<strong>Mind.</strong> this", "<dt>a</dt><dd>b</dd>", "LSTM", "Up is good."):
        assert text in html


def test_the_policy_forbids_all_requests_and_names_exactly_the_scripts_of_the_page(html):
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', html)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts]
    assert len(scripts) == 2
    assert f"script-src {' '.join(hashes)};" in policy


def test_nothing_outside_the_file_is_referred_to(html):
    ours = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert re.findall(r'(?:src|href)="(?!#|data:,)[^"]*"', ours) == []
    assert "url(" not in ours
    assert "@import" not in ours


def test_tables_have_captions_and_plots_have_words(html):
    assert '<caption class="unseen">Rows</caption>' in html
    assert 'aria-label="A line. It rises."' in html
