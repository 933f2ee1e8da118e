"""docs/journey.md: a forecast passes the modules that the page names, in a run with every call watched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/journey.md").read_text("utf-8")
WATCHED = """
import contextlib, sys, threading
from pathlib import Path

passed = set()

def watch(frame, event, _):
    if event == "call" and frame.f_code.co_name != "<module>":
        passed.add(frame.f_code.co_filename)

sys.setprofile(watch)
threading.setprofile(watch)
from tickgraph.cli import main

sys.argv = ["tickgraph", "train", "--symbols", "AAPL", "--epochs", "1", "--workers", "1"]
with contextlib.suppress(SystemExit):
    main()
from real_service import here
from tickgraph.settings import Settings

with here(Settings(models_dir=Path("models/gnn"), prices_dir=Path("prices"))) as service:
    assert service.get("/forecast/AAPL?price=130").json()["status"] == "pre-trained"
    assert service.get("/forecast/AAPL/distribution?sessions=1").status_code == 200
    chain = {"expiries": ["2023-01-03"], "strikes": [130]}
    assert service.post("/forecast/AAPL/chain", json=chain).status_code == 200
    assert service.get("/forecast/MSFT").json()["status"] == "momentum"
    assert service.get("/forecast/NONE").status_code == 404
print(*sorted(passed), sep="\\n")
"""


def _named(chapter):
    """Modules and folders that a chapter of the page names, below src/tickgraph."""
    text = PAGE.split(f"## {chapter}")[1].split("\n## ")[0]
    return {
        name for name in re.findall(r"`([a-z_]+/[a-z_/]+(?:\.py)?)`", text) if not name.startswith("tests/")
    }


def test_a_forecast_passes_the_modules_that_the_page_names(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    source = str(ROOT / "src/tickgraph") + "/"
    passed = {line.removeprefix(source) for line in done.stdout.splitlines() if line.startswith(source)}
    named = _named("Evening") | _named("Morning")
    assert len(named) > 30
    absent = {name for name in named if not any(path.startswith(name) for path in passed)}
    assert absent <= {"pipeline/background.py"}, absent


def test_every_module_that_the_page_names_is_there():
    named = {name for name in re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", PAGE) if not name.startswith("tests/")}
    assert [name for name in named if not (ROOT / "src/tickgraph" / name).is_file()] == []
