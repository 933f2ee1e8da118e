"""Schema versions of stored files: what a release does with files that a later release wrote.

Every kind of file has a schema version, a whole number; a file that states none is of version 1. The rules:

- A release that adds fields keeps the number. Other releases read such a file, leave alone what they do not know, and
  keep it where they write the file back.
- A release for which the known fields mean something else, or no longer suffice, takes the next number. Earlier
  releases refuse such a file with :func:`later_release`. They neither replace nor repair it.
- A release reads every earlier number, and writes the lowest one that says what it has to say.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from pydantic_core import from_json


@cache
def own_version() -> str:
    """Version of this release."""
    return version("tickgraph")


def later_release(stated: object, known: int, *, by: object = None) -> str | None:
    """Say that a later release wrote a file; None if its schema version does not say so.

    Parameters
    ----------
    stated
        Schema version that the file states.
    known
        The highest that this release reads.
    by
        Release that the file says wrote it, if it says so.
    """
    if not isinstance(stated, int) or stated <= known:
        return None
    whose = (
        f"tickgraph {by}" if isinstance(by, str) and by.isprintable() and len(by) < 40 else "a later release"
    )
    return (
        f"{whose} wrote it with schema version {stated}, and tickgraph {own_version()} reads version {known} at most. "
        "Upgrade tickgraph on this machine. The file is left as it is"
    )


def later_in(data: bytes, known: int) -> str | None:
    """Say that a later release wrote a JSON document; None if the document does not say so itself.

    Parameters
    ----------
    data
        The document. It may be damaged or foreign.
    known
        The highest schema version that this release reads.
    """
    try:
        content = from_json(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    versions = content.get("versions")
    by = versions.get("tickgraph") if isinstance(versions, dict) else None
    return later_release(content.get("schema_version"), known, by=by)
