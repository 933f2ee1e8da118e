"""A real Chromium for tests, driven by Playwright; it is the system's own, and nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIRED = "TICKGRAPH_TESTS_NEED_CHROMIUM" in os.environ  # read before conftest forgets such variables

if not REQUIRED:
    pytest.importorskip("playwright", reason="Playwright is not installed: pip install -e '.[test]'")

from playwright.sync_api import (  # noqa: E402
    Browser,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

__all__ = ["Watched", "accessibility_faults", "chromium", "expect"]

AXE = Path(__file__).with_name("axe") / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; without Chromium CI fails, and elsewhere the test is skipped."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        said = "Chromium is not installed: apt-get install chromium"
        pytest.fail(said) if REQUIRED else pytest.skip(said)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page, and what it complained of and asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


def accessibility_faults(page: Page) -> list[str]:
    """What axe-core finds on a page by the rules of WCAG 2.2 AA and by its best practices."""
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("() => axe.run().then((result) => result.violations)")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]
    ]
