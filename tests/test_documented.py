"""What the documents say of settings, files and modules is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tickgraph.model.training_config import TrainingConfig
from tickgraph.object_place import StorageSettings
from tickgraph.serve_settings import ServeSettings
from tickgraph.settings import ScheduleSettings, Settings
from tickgraph.shared.shared_settings import SharedSettings
from website.made_pages import made_pages

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TABLES = {"training", "serve", "schedule", "storage", "shared"}
FORMER = {"state_dir"}
SECRETS = {"admin_token", "api_keys"}  # in a block of shell commands


def table(document, heading=None):
    """Setting to default, as the document's tables under a heading have them."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    if heading:
        text = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            names, defaults = line.strip("| ").split(" | ")[:2]
            names = re.findall(r"`(\w+)`", names)
            values = [defaults] if len(names) == 1 else defaults.split(", ")
            found |= dict(zip(names, values, strict=True))
    return found


def written(default):
    """A default as the tables write it."""
    if default is None or default == "" or default == () or default == {}:
        return "none"
    if isinstance(default, tuple):
        return ", ".join(map(str, default))
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}".lower() if isinstance(default, float) else str(default)


def defaults_of(model, apart=()):
    defaults = model.model_construct()
    return {name: written(getattr(defaults, name)) for name in model.model_fields if name not in apart}


def plain(found):
    """Without the marks of code and the commas between thousands; 3.0 is 3."""
    return {
        name: re.sub(r"\.0$", "", re.sub(r"`|(?<=\d),(?=\d{3})", "", value)) for name, value in found.items()
    }


@pytest.mark.parametrize(
    ("document", "heading", "expected"),
    [
        ("settings.md", None, defaults_of(Settings, TABLES | FORMER) | defaults_of(TrainingConfig)),
        (
            "serving.md",
            "Settings",
            defaults_of(ServeSettings, SECRETS) | {"runtime_dir": "models/gnn/.service"},
        ),
        ("object_storage.md", "Settings", defaults_of(StorageSettings)),
        ("shared.md", "Settings", defaults_of(SharedSettings)),
    ],
)
def test_every_setting_is_documented_with_its_default(document, heading, expected):
    assert plain(table(document, heading)) == expected


def test_secrets_and_the_schedule_are_documented():
    serving, operations = (
        (ROOT / "docs" / name).read_text("utf-8") for name in ("serving.md", "operations.md")
    )
    assert all(f"TICKGRAPH_SERVE__{name.upper()}=" in serving for name in SECRETS)
    assert all(re.search(rf"^{name} = ", operations, re.MULTILINE) for name in ScheduleSettings.model_fields)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(("target", "block"), [("demo", 0), ("test", 1)])
def test_the_commands_for_windows_are_those_of_make(target, block):
    """Each line that the README gives for Windows is one that make would run in a folder without an environment."""
    printed = subprocess.run(
        ["make", "--dry-run", target, "PYTHON=python3", "VENV=.venv-none"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace(" --quiet", "")
    lines = re.findall(r"```bat\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[
        block
    ].splitlines()
    for line in lines:
        assert (
            line.replace("py -m", "python3 -m").replace(".venv", ".venv-none").replace("\\Scripts\\", "/bin/")
            in printed
        )


@pytest.mark.parametrize(
    "document",
    [document for document in DOCUMENTS if document.is_relative_to(ROOT / "docs")],
    ids=lambda path: path.name,
)
def test_every_page_is_in_the_list_of_pages(document):
    """Tutorials are in a list of their own, which the site makes."""
    name = document.relative_to(ROOT / "docs").as_posix()
    listed = (ROOT / "docs/index.md").read_text("utf-8")
    assert name == "index.md" or name.startswith("tutorials/") or f"({name})" in listed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_list_within_a_list_is_one_on_the_site_too(document):
    """The site wants four spaces in front; with fewer its items become items of the outer list."""
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"^ {1,3}(?:[-*]|\d+\.) .*", text, re.MULTILINE) == []


def anchors(document):
    """What links may name in a document: its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if target.is_relative_to(ROOT / "docs/reference") and not target.exists():
            assert target.relative_to(ROOT / "docs").as_posix() in made_pages(), link
            continue
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_folder_is_on_the_map_of_the_house_and_every_folder_there_exists():
    source = ROOT / "src/tickgraph"
    drawn = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## The map of the house")[1].split("```")[1]
    folders = {path.parent.name for path in source.rglob("*/__init__.py")} - {"tickgraph"}
    roots = {"src", "tests", "benchmarks", "scripts", "deploy", "dashboard", "docs", "website"}
    inside = {
        path.name for root in ("src", "benchmarks") for path in (ROOT / root).rglob("*") if path.is_dir()
    }
    named = set(re.findall(r"(\w+)/", drawn))
    assert folders <= named, folders - named
    assert named <= roots | inside, named - roots - inside


def test_every_module_of_the_lower_layers_is_on_the_map_of_the_house():
    """Above them, the map names what a reader looks for first."""
    drawn = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## The map of the house")[1].split("```")[1]
    words = set(re.findall(r"\w+", drawn))
    for layer in ("graph", "model", "options", "registry", "serving", "pipeline"):
        modules = {path.stem for path in (ROOT / "src/tickgraph" / layer).glob("*.py")} - {"__init__"}
        assert modules <= words, modules - words
