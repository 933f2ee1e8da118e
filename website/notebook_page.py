"""A notebook as a page: its text, its code and what the code printed."""

from __future__ import annotations

import base64
import json
from typing import Any

from website.markdown import fence


def notebook_page(text: str, name: str) -> tuple[str, dict[str, bytes]]:
    """Markdown of a notebook, and its pictures by file name."""
    lines: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines += [source, ""]
        elif cell["cell_type"] == "code" and source.strip():
            lines += fence("python", source)
            for output in cell.get("outputs", []):
                lines += _output(output, name, pictures)
    return "\n".join(lines), pictures


def _output(output: dict[str, Any], name: str, pictures: dict[str, bytes]) -> list[str]:
    if output["output_type"] == "stream":
        return fence("text", "".join(output["text"])) if output["name"] == "stdout" else []
    data = output.get("data", {})
    if "image/png" in data:
        picture = f"{name}-{len(pictures) + 1}.png"
        pictures[picture] = base64.b64decode(data["image/png"])
        return [f"![what the code drew]({picture})", ""]
    if "image/svg+xml" in data:
        picture = f"{name}-{len(pictures) + 1}.svg"
        pictures[picture] = "".join(data["image/svg+xml"]).encode()
        return [f"![what the code drew]({picture})", ""]
    if "text/html" in data and "<table" in (html := "".join(data["text/html"])):
        return [f'<div class="notebook-table">{" ".join(html.split())}</div>', ""]
    return fence("text", "".join(data["text/plain"])) if "text/plain" in data else []
