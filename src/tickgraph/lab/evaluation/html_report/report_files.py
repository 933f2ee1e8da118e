"""The result on disk: a page for people and the same as JSON for programs."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tickgraph.errors import InputError
from tickgraph.lab.evaluation.evaluation_result import Evaluation
from tickgraph.lab.evaluation.html_report.page import page
from tickgraph.lab.evaluation.html_report.sections import masthead, sections
from tickgraph.storage import READABLE, storage_errors, write_atomically
from tickgraph.wording import in_words


def render(evaluation: Evaluation) -> str:
    """The report as one HTML document that needs no network."""
    return page("Forecast evaluation", sections(evaluation), masthead(evaluation))


def write_report(evaluation: Evaluation, folder: Path) -> tuple[Path, Path]:
    """Write ``evaluation.html`` and ``evaluation.json``, each whole or not at all; the folder is made.

    Others may read them, as far as the umask lets them: a report is for showing.

    Returns
    -------
    tuple[Path, Path]
        The page and the JSON.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    html, result = folder / "evaluation.html", folder / "evaluation.json"
    document = render(evaluation)
    write_atomically(result, (evaluation.model_dump_json(indent=2) + "\n").encode(), mode=READABLE)
    write_atomically(html, document.encode(), mode=READABLE)
    return html, result


def read_result(path: Path) -> Evaluation:
    """Read what :func:`write_report` wrote as JSON.

    Raises
    ------
    InputError
        There is no such file, or it is not the result of an evaluation by this version of tickgraph.
    StorageError
        The file cannot be read.
    """
    try:
        with storage_errors(path):
            data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(
            f"No evaluation at {path}. Expected an evaluation.json: run tickgraph evaluate, or name its file."
        ) from error
    try:
        return Evaluation.model_validate_json(data)
    except ValidationError as error:
        first = in_words(error.errors(include_url=False)[0], whole="the whole file")
        raise InputError(
            f"{path} is not the result of an evaluation: {first} ({error.error_count()} "
            "in all). Expected the evaluation.json that tickgraph evaluate of this version writes."
        ) from error
