"""A self-contained page of results: one HTML file that asks no network for anything."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.io import to_json
from plotly.offline import get_plotlyjs

from tickgraph.lab.evaluation.html_report.parts import Masthead, Plot, Section, Table, variants_as_data


def page(title: str, sections: Sequence[Section], masthead: Masthead | None = None) -> str:
    """Render sections to one HTML document.

    Scripts and styles are inline. The document's Content-Security-Policy forbids every request and every script but
    the two that are hashed here. A name that slipped through escaping would still do nothing.

    Parameters
    ----------
    title
        Of the document and its first heading.
    sections
        In reading order.
    masthead
        Summary and facts above the first section.
    """
    plots, tables = _as_data(sections)
    scripts = [get_plotlyjs().replace("\r\n", "\n"), _asset("page.js")]
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            title=title,
            sections=sections,
            masthead=masthead or Masthead(""),
            style=Markup(_asset("page.css")),  # noqa: S704  a file of this package
            scripts=[Markup(script) for script in scripts],  # noqa: S704  Plotly's and this package's
            policy=_policy(scripts),
            plots=Markup(_json(plots)),  # noqa: S704  "<" is escaped
            tables=Markup(_json(tables)),  # noqa: S704  "<" is escaped
        )
    )


def _policy(scripts: Sequence[str]) -> str:
    """Content-Security-Policy; Plotly styles its elements inline, and draws its picture download from a blob."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _as_data(sections: Sequence[Section]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plots, and tables that offer a choice, by the id that the template gives them."""
    plots, tables = {}, {}
    for s, section in enumerate(sections):
        for p, part in enumerate(section.parts):
            if isinstance(part, Plot):
                figures = part.variants.items()
                plots[f"part-{s}-{p}"] = {name: json.loads(to_json(figure)) for name, figure in figures}
            elif isinstance(part, Table) and len(part.variants) > 1:
                tables[f"part-{s}-{p}"] = variants_as_data(part.variants)
    return plots, tables


def _json(value: Any) -> str:
    """JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _asset(name: str) -> str:
    """A file beside the template, with the line ends that an HTML parser gives it."""
    text = (
        resources.files("tickgraph.lab.evaluation.html_report")
        .joinpath(f"templates/{name}")
        .read_text("utf-8")
    )
    return text.replace("\r\n", "\n")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tickgraph.lab.evaluation.html_report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["kind"] = lambda part, name: type(part).__name__ == name
    return environment
