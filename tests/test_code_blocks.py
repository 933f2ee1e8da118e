"""Every block of code in the documentation does what its page says, in one folder with one service."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from code_blocks import OUTPUT, RUN, Block, code_blocks, shell_lines, shows
from real_service import BRIEF, TOKEN, here
from tickgraph.cli import commands
from tickgraph.settings import CONFIG_VARIABLE, load_settings
from website.made_pages import made_pages

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):8000")
TRAINED = "tickgraph train --symbols TIER_1"  # what every page begins with
SYMBOLS = "AAPL,AMZN,JPM,MSFT,TSLA"  # of which the tests train these, once: all that a page shows figures of
# Commands that are parsed and not run: two never end, and `make evaluation` runs the third in CI.
NOT_HERE = {"serve", "schedule", "evaluate"}
FILES = {"csv", "toml", "json", "sql"}

# Why blocks are not run, and how often: who adds one says so here.
REASONS = {
    "needs a machine with systemd": 2,
    "needs cron": 1,
    "needs Docker": 2,
    "needs a cluster": 2,
    "needs a bucket": 1,
    "needs nginx": 1,
    "needs Node": 1,
    "takes half an hour": 1,
    "installs packages": 3,
    "needs several machines": 2,
    "needs an accelerator": 1,
    "changes the models": 3,
    "needs the id of a job": 1,
    "makes an environment": 2,
    "takes minutes": 2,
    "tests/test_scripts.py runs it": 1,
    "tests/cli/test_exchanges.py runs it": 1,
    "tests/market/store/test_documented.py runs it": 2,
}


def pages() -> dict[str, str]:
    """Every page of the site by its path, the made ones included; README and notebooks have tests of their own."""
    found = {
        page.relative_to(DOCS).as_posix(): page.read_text("utf-8")
        for page in sorted(DOCS.rglob("*.md"))
        if not page.with_suffix(".ipynb").exists()
    }
    return found | made_pages()


PAGES = {page: code_blocks(page, text) for page, text in pages().items()}


class Reader:
    """Someone who follows a page from its first block to its last, in a folder of trained models."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.names: dict[str, object] = {"__name__": "page"}

    def follow(self, block: Block) -> None:
        """Do what a block says; AssertionError says what did not come out as shown."""
        if block.title and block.language not in RUN:
            (self.folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / block.title).write_text(self._here(block.text), "utf-8")
        if block.language == "toml":
            self._settings(block)
        if block.language not in RUN:
            return
        if block.title:
            (self.folder / block.title).write_text(self._here(block.text), "utf-8")
        printed = self._python(block) if block.language == "python" else self._shell(block)
        if block.shown is not None:
            missing = shows(block.shown, printed)
            assert missing is None, f"{block}: shown and not printed: {missing}\nprinted was\n{printed}"

    def _here(self, text: str) -> str:
        return ADDRESS.sub(self.url, text)

    def _settings(self, block: Block) -> None:
        """A table of settings is one that the program takes."""
        file = self.folder / (block.title or "settings-of-a-page.toml")
        file.write_text(block.text, "utf-8")
        os.environ[CONFIG_VARIABLE] = str(file)
        load_settings()
        del os.environ[CONFIG_VARIABLE]
        if not block.title:
            file.unlink()

    def _python(self, block: Block) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            try:
                code = compile(self._here(block.text), str(block), "exec")
                exec(code, self.names)  # noqa: S102  as a reader would
            except Exception as error:
                raise AssertionError(f"{block}: {traceback.format_exc()}") from error
        return out.getvalue()

    def _shell(self, block: Block) -> str:
        return "".join(self._line(block, line) for line in shell_lines(block.text))

    def _line(self, block: Block, line: str) -> str:
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            os.environ[name] = value
        if not words:
            return ""
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            os.chdir(self.folder)
            return ""
        if words[0] == "export":
            for one in words[1:]:
                name, _, value = one.partition("=")
                os.environ[name] = value
            return ""
        if words[0] == "tickgraph" and "|" not in words and ">" not in words:
            return self._tickgraph(block, words[1:])
        return self._other(block, line)

    def _tickgraph(self, block: Block, words: list[str]) -> str:
        name = accept(words)
        if name in NOT_HERE and "--dry-run" not in words:
            return ""
        if shlex.join(["tickgraph", *words]) == TRAINED:
            return ""
        if name == "forecast":
            words = [*words, "--url", self.url]
        code, out, err = run_apart(words, briefly=block.shown is None) if name == "train" else run(words)
        expected = {0, 8} if "--check" in words else {0}
        assert block.fails or code in expected, f"{block}: tickgraph {shlex.join(words)}: {err}{out}"
        return out

    def _other(self, block: Block, line: str) -> str:
        line = self._here(line)
        if line.startswith("curl ") and not block.fails:
            line = line.replace("curl ", "curl --fail-with-body ", 1)
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, check=False, timeout=120, cwd=self.folder
        )
        # 28 is the time that a page gives an endless stream.
        assert done.returncode in (0, 28), f"{block}: {line}: {done.stdout}{done.stderr}"
        return done.stdout


def run(words: list[str]) -> tuple[int, str, str]:
    """Run a command in this process: exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    before, code = sys.argv, 0
    sys.argv = ["tickgraph", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            commands.main(commands.app)
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = before
    return code, out.getvalue(), err.getvalue()


def run_apart(words: list[str], *, briefly: bool) -> tuple[int, str, str]:
    """Run a command as a process, where no test checks every array's shape: exit code and what it printed.

    Training is brief unless a page shows what it prints.
    """
    brief = BRIEF if briefly else {}
    done = subprocess.run(
        [sys.executable, "-m", "tickgraph", *words],
        env={**os.environ, **brief},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def accept(words: list[str]) -> str:
    """Parse a command as the command line does, run nothing, and say which it is."""
    command, names = typer.main.get_command(commands.app), []
    while words and hasattr(command, "commands"):
        while words[0].startswith("-"):  # of the program itself, such as --config FILE
            words = words[2:]
        names.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    command.make_context("tickgraph", list(words))
    return " ".join(names)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``make demo`` leaves, with fewer models: prices of all, models trained with the defaults."""
    folder = tmp_path_factory.mktemp("desk")
    with contextlib.chdir(folder):
        code, _, err = run_apart(["train", "--symbols", SYMBOLS], briefly=False)
    assert code == 0, err
    return folder


@pytest.fixture(scope="module")
def url(desk: Path) -> Iterator[str]:
    """The one service that all pages ask."""
    serve = {"train_on_demand": False, "runtime_dir": desk / "runtime", "admin_token": TOKEN}
    settings = load_settings(models_dir=desk / "models/gnn", prices_dir=desk / "prices", serve=serve)
    with here(settings) as service:
        yield service.url


@pytest.fixture
def reader(desk: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader with a copy of the folder, and with the files that pages name and nobody can bundle."""
    folder = tmp_path / "page"
    shutil.copytree(desk, folder, ignore=shutil.ignore_patterns("runtime", ".operations"))
    shutil.copy(ROOT / "tests/options/chains/cboe.csv", folder / "quotedata.csv")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TICKGRAPH_SERVE__ADMIN_TOKEN", TOKEN)
    before = dict(os.environ)
    yield Reader(folder, url)
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_the_blocks_of_a_page_do_what_it_says(page: str, reader: Reader) -> None:
    for block in PAGES[page]:
        if block.not_run is None:
            reader.follow(block)


def test_blocks_that_are_not_run_say_why_and_their_commands_exist() -> None:
    blocks = [block for page in PAGES.values() for block in page if block.not_run is not None]
    counted = {
        reason: sum(block.not_run == reason for block in blocks)
        for reason in sorted({b.not_run for b in blocks})
    }
    assert counted == dict(sorted(REASONS.items()))
    for block in blocks:
        if block.language == "python":
            ast.parse(block.text)
        for line in shell_lines(block.text) if block.language == "sh" else []:
            words = shlex.split(line, comments=True)
            if words and Path(words[0]).name == "tickgraph":
                accept(words[1:])


def test_every_block_says_what_language_it_is_in() -> None:
    known = RUN | OUTPUT | FILES | {"nginx", "bat"}
    strange = [str(block) for page in PAGES.values() for block in page if block.language not in known]
    assert strange == []
