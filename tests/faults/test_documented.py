"""The page of faults names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "faults.md"


def test_every_test_on_the_page_of_faults_is_there():
    named = set(re.findall(r"`(test_\w+(?:\.py)?)[\[`]", PAGE.read_text()))
    files = {path.name: path.read_text() for path in TESTS.rglob("test_*.py")}
    there = set(files) | {
        name for text in files.values() for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    }
    assert len(named) > 10
    assert named <= there, named - there
