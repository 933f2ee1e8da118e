"""Pages made from the program, and rows that pages quote of each other."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from tickgraph.cli.commands import app
from website.http_reference import page_name
from website.made_pages import made_pages, openapi
from website.quoted_tables import with_quoted_rows
from website.schema_words import bounds, type_words

DOCS = Path(__file__).parents[2] / "docs"
PAGES = made_pages()


def test_every_route_has_a_page_with_its_parameters_fields_errors_and_a_call():
    for path, methods in openapi()["paths"].items():
        for method, route in methods.items():
            page = PAGES[f"reference/http/{page_name(method, path)}.md"]
            assert page.startswith(f"# {method.upper()} {path}\n")
            assert all(f"| `{one['name']}` |" in page for one in route.get("parameters", []))
            assert all(f"| {code} |" in page for code in route["responses"] if not code.startswith("2"))
            assert "curl -s" in page
            assert f"({page_name(method, path)}.md)" in PAGES["reference/http/index.md"]


def test_a_page_has_every_field_of_an_answer_and_of_what_the_answer_refers_to():
    page = PAGES["reference/http/get-forecast-symbol-distribution.md"]
    schemas = openapi()["components"]["schemas"]
    for name in ("DistributionAnswer", "Quantile", "Interval"):
        assert all(f"| `{field}` |" in page for field in schemas[name]["properties"]), name


def test_every_kind_of_problem_is_listed():
    listed = set(re.findall(r"urn:tickgraph:problem:([\w-]+)", PAGES["reference/http/index.md"]))
    assert {"unknown-symbol", "bad-input", "no-model", "overloaded", "rate-limited", "internal"} <= listed


def test_every_option_of_every_command_is_listed():
    page = PAGES["reference/commands.md"]

    def check(group, before=""):
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                check(command, f"{before}{name} ")
            elif not command.hidden:
                section = page.split(f"\n## tickgraph {before}{name}\n")[1].split("\n## ")[0]
                shown = [one for one in command.params if not getattr(one, "hidden", False)]
                assert all(one.opts[0] in section for one in shown if one.param_type_name == "option"), name

    check(typer.main.get_command(app))


def test_tables_of_settings_keep_their_names_in_what_a_command_says():
    section = PAGES["reference/commands.md"].split("\n## tickgraph serve\n")[1].split("\n## ")[0]
    assert "The table `[serve]` of tickgraph.toml has the rest." in section


def test_the_metadata_page_has_every_field_of_the_schema():
    schema = json.loads((DOCS / "metadata.schema.json").read_text("utf-8"))
    fields = [*schema["properties"], *schema["$defs"]["Calibration"]["properties"]]
    assert all(f"| `{field}` |" in PAGES["reference/metadata.md"] for field in fields)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Move"}}, "list of [Move](#move)"),
        (
            {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            "list of lists of numbers",
        ),
        ({"type": "string", "format": "date"}, "date"),
        ({"enum": ["call", "put"]}, '`"call"` or `"put"`'),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integers by name"),
    ],
)
def test_types_are_said_in_words(schema, words):
    assert type_words(schema) == words


def test_bounds_are_said_in_words():
    assert bounds({"gt": 0, "le": 1e9}) == "More than 0; at most 1,000,000,000."
    assert bounds({"type": "string"}) == ""


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_rows_that_a_page_quotes_are_those_of_the_page_that_measured_them(page):
    """After a change: python -m website.quoted_tables."""
    text = page.read_text("utf-8")
    assert with_quoted_rows(text, lambda name: (DOCS / name).read_text("utf-8")) == text


def test_a_quoted_row_that_is_gone_is_an_error():
    quoted = '<!-- rows of a.md, "H", table 1: x -->\n\n| h |\n|---|\n| x |\n'
    source = "# H\n\n| h |\n|---|\n| **y** |\n"
    with pytest.raises(ValueError, match="no row"):
        with_quoted_rows(quoted, lambda _: source)
    assert with_quoted_rows(quoted, lambda _: source.replace("y", "x")).endswith("| **x** |\n")


def test_the_model_card_quotes_every_kind_of_measurement():
    card = (DOCS / "model_card.md").read_text("utf-8")
    assert card.count("<!-- rows of quality.md") == 4
