"""Run the tutorials, and write each as a page of the documentation.

``python scripts/run_tutorials.py`` runs every notebook of ``docs/tutorials`` in an empty folder, keeps what came out in
the notebook, and writes the page beside it: Markdown, with the pictures as files. Run it after a notebook has changed.
It needs the extra ``notebook``.
"""

from __future__ import annotations

import base64
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
SECONDS = 300
"""For one cell, on a machine that does other things besides."""


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run a notebook in a folder, with the commands of this environment first on the path.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell ended with an error.
    """
    fresh = nbformat.from_dict(notebook)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    settings = {name: value for name, value in os.environ.items() if not name.startswith("TICKGRAPH_")}
    client = NotebookClient(
        fresh,
        timeout=SECONDS,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute(env={**settings, "PATH": path, "COLUMNS": "110"})
    for cell in fresh.cells:
        cell.metadata.clear()
    fresh.metadata.language_info = {"name": "python"}
    return fresh


def page(notebook: NotebookNode, name: str) -> tuple[str, dict[str, bytes]]:
    """Write a notebook that was run as a page.

    Parameters
    ----------
    notebook
        With what came out of its cells.
    name
        Of the notebook, without ending; pictures go into a folder of that name.

    Returns
    -------
    tuple
        Markdown, and the pictures by their path from the page.
    """
    parts, pictures = (
        [f"<!-- Written by scripts/run_tutorials.py from {name}.ipynb: change that, and run it again. -->"],
        {},
    )
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts += _source(cell.source)
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                picture = f"{name}/{len(pictures) + 1}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                parts.append(f"![What the code above draws]({picture})")
            elif text := _text(output):
                parts.append(f"```text\n{text}\n```")
    text = "\n\n".join(parts) + "\n"
    text = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", text)
    offer = f"This page is a notebook that you can run: [{name}.ipynb]({name}.ipynb). It needs the extra `notebook`."
    return re.sub(r"^(# .*)$", rf"\1\n\n{offer}", text, count=1, flags=re.MULTILINE), pictures


def _source(text: str) -> list[str]:
    """A cell as a block of its language; a line that begins with ``!`` is a command of a shell."""
    lines = text.splitlines()
    if lines and all(line.startswith("!") for line in lines):
        return ["```sh\n" + "\n".join(line[1:] for line in lines) + "\n```"]
    return [f"```python\n{text.removesuffix(';')}\n```"]  # it keeps a notebook from showing the last value


def _text(output: NotebookNode) -> str:
    """What a cell printed; colours and spaces at the ends of lines are left out."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return "\n".join(line.rstrip() for line in plain.splitlines()).strip("\n")


def main() -> None:
    """Run every notebook, or those that are named."""
    for name in sys.argv[1:] or sorted(path.stem for path in TUTORIALS.glob("*.ipynb")):
        file = TUTORIALS / f"{name}.ipynb"
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(nbformat.read(file, 4), Path(folder))
        nbformat.write(notebook, file)
        text, pictures = page(notebook, name)
        (TUTORIALS / f"{name}.md").write_text(text, "utf-8")
        (TUTORIALS / name).mkdir(exist_ok=True)
        for old in (TUTORIALS / name).glob("*.png"):
            old.unlink()
        for path, data in pictures.items():
            (TUTORIALS / path).write_bytes(data)


if __name__ == "__main__":
    main()
