"""The blocks of code on a page of the documentation, and whether a program prints what a page shows.

A page is read as a person reads it:

- ``sh`` and ``python`` blocks are run; other blocks with a ``title`` are files of that name;
- a ``text`` or ``json`` block that follows a run block at once is what it prints, or lines of it in their order;
- ``<!-- not run: WHY -->`` before a block says why it cannot be run here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

RUN = {"sh", "python"}
OUTPUT = {"text", "json"}

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_MARK = re.compile(r"<!-- (not run|answers an error): ?(.*?) ?-->\s*$")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# What differs from run to run: moments, durations, how long ago the sample ended, what files a model has.
_MOMENTS = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::[\d.]+)?(?: UTC|Z|\+00:00)?"), "MOMENT"),
    (re.compile(r"\b\d+ completed sessions are missing|STALE by \d+ sessions"), "BEHIND"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:s|min|h|days?) ago\b"), "AGO"),
    (re.compile(r"\b\d+(?:\.\d+)? s\b"), "SECONDS"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "DIGEST"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, what it is, and what a run block is said to print."""

    page: str
    line: int
    language: str
    text: str
    title: str | None = None
    not_run: str | None = None
    fails: bool = False
    shown: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def code_blocks(page: str, markdown: str) -> list[Block]:
    """Read the blocks of a page; output is joined to the block that prints it."""
    found: list[Block] = []
    end = 0
    for fence in _FENCE.finditer(markdown):
        info = fence["info"].strip()
        between = markdown[end : fence.start()]
        end = fence.end()
        language = info.split(" ")[0]
        text = re.sub(rf"^{fence['indent']}", "", fence["text"], flags=re.MULTILINE)
        if language in OUTPUT and found and found[-1].language in RUN and not between.strip():
            if found[-1].not_run is None:
                found[-1] = Block(**{**vars(found[-1]), "shown": text})
            continue
        mark = _MARK.search(between)
        title = re.search(r'title="([^"]+)"', info)
        found.append(
            Block(
                page=page,
                line=markdown[: fence.start()].count("\n") + 1,
                language=language,
                text=text,
                title=title[1] if title else None,
                not_run=mark[2] if mark and mark[1] == "not run" else None,
                fails=bool(mark and mark[1] != "not run"),
            )
        )
    return found


def shell_lines(text: str) -> list[str]:
    """Commands of a shell block: joined where a line goes on, without comments that stand alone."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line for line in map(str.strip, joined.splitlines()) if line and not line.startswith("#")]


def missing_line(shown: str, printed: str) -> str | None:
    """First line of what is shown that is not among the printed ones, in their order; None if all are.

    A line of dots stands for lines that are left out.
    """
    rest = iter(printed.splitlines())
    for line in shown.splitlines():
        if line.strip() in ("", "...", "…"):
            continue
        if not any(same_line(line, one) for one in rest):
            return line
    return None


def same_line(shown: str, printed: str) -> bool:
    """Whether two lines have the same words, and figures as near as those of two machines are."""
    return _words(shown) == _words(printed) and all(
        near(*pair) for pair in zip(_numbers(shown), _numbers(printed), strict=True)
    )


def near(shown: str, printed: str) -> bool:
    """Whether two numbers differ by at most a twentieth, or by a few units of the last digit."""
    first, second = (float(one.replace(",", "")) for one in (shown, printed))
    unit = 10.0 ** -len(shown.partition(".")[2]) if "e" not in shown else 0.0
    return math.isclose(first, second, rel_tol=0.05, abs_tol=3 * unit)


def same_json(shown: object, got: object) -> bool:
    """Whether an answer has what is shown of it: its fields, its first items, figures as near as :func:`near`."""
    if isinstance(shown, dict):
        return isinstance(got, dict) and all(
            name in got and same_json(one, got[name]) for name, one in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(got, list) and len(got) >= len(shown) and all(map(same_json, shown, got))
    if isinstance(shown, bool) or shown is None:
        return shown is got
    if isinstance(shown, (int, float)):
        return isinstance(got, (int, float)) and near(str(shown), str(got))
    return isinstance(got, str) and same_line(str(shown), got)


def shows(shown: str, printed: str) -> str | None:
    """What is shown and not printed, or None."""
    try:
        document = json.loads(shown)
    except ValueError:
        return missing_line(shown, printed)
    return None if same_json(document, json.loads(printed)) else f"{shown}\nprinted was\n{printed}"


def _masked(line: str) -> str:
    for pattern, word in _MOMENTS:
        line = pattern.sub(word, line)
    return line


def _words(line: str) -> list[str]:
    # Drawings differ with the figures they draw, so a bar is a bar whatever its length.
    text = re.sub(r"[░▒█▁▂▃▄▅▆▇]+", "▒", _NUMBER.sub("0", _masked(line)))
    return text.split()


def _numbers(line: str) -> list[str]:
    return _NUMBER.findall(_masked(line))
