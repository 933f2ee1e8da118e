"""All pages that are made from the program."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from website.command_reference import command_page
from website.http_reference import http_pages
from website.metadata_reference import metadata_page

DOCS = Path(__file__).parents[1] / "docs"


def openapi() -> dict[str, Any]:
    """What the service says of itself, its administration included."""
    from tickgraph.http.application import create_app
    from tickgraph.settings import Settings

    settings = Settings.model_validate({"serve": {"admin_token": "a-token-of-the-documentation"}})
    return create_app(settings).openapi()


@cache
def made_pages() -> dict[str, str]:
    """Pages by their path below the folder of the documentation."""
    schema = json.loads((DOCS / "metadata.schema.json").read_text("utf-8"))
    return {
        **http_pages(openapi()),
        "reference/commands.md": command_page(),
        "reference/metadata.md": metadata_page(schema),
    }
