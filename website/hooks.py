"""What MkDocs calls: pages made from the program, and links that leave the folder of the pages."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from website.made_pages import made_pages  # noqa: E402

# Files of the repository that are pages of the site, too.
FROM_THE_ROOT = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put every route and every tutorial into the navigation."""
    routes = [one for one in made_pages() if one.startswith("reference/http/")]
    tutorials = (f"tutorials/{one.name}" for one in (Path(config.docs_dir) / "tutorials").glob("*.md"))
    first = "tutorials/index.md"
    lists = {"reference/http/index.md": routes, first: sorted(tutorials, key=lambda one: (one != first, one))}
    for section in config.nav or []:
        for entries in section.values():
            for entry in entries:
                if isinstance(entry, dict):
                    entry |= {title: lists.get(one, one) for title, one in entry.items()}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that no file holds."""
    for path, text in made_pages().items():
        _add(files, config, path, text)
    for name, path in FROM_THE_ROOT.items():
        text = (ROOT / name).read_text("utf-8")
        _add(files, config, path, re.sub(r"\]\(docs/([^)]+)\)", r"](\1)", text))
    return files


def _add(files: Files, config: MkDocsConfig, path: str, content: Any) -> None:
    files.append(File.generated(config, path, content=content, inclusion=InclusionLevel.INCLUDED))


def _titles(config: MkDocsConfig) -> dict[str, str]:
    """Titles that the navigation gives to pages, by their path."""
    entries = [one for section in config.nav or [] for part in section.values() for one in part]
    return {
        path: title
        for entry in entries
        if isinstance(entry, dict)
        for title, path in entry.items()
        if isinstance(path, str)
    }


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep links to the repository's files from leading nowhere, and call pages by their titles.

    The repository's files call each other by file name, which a reader of the site does not know.
    """
    titles = _titles(config)

    def named(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), found[2]))
        return f"[{titles.get(target, found[1])}]({found[2]}{found[3] or ''})"

    markdown = re.sub(r"\[([\w./]+\.md)\]\(([^)#]+\.md)(#[^)]*)?\)", named, markdown)
    up = "../" * page.file.src_uri.count("/")

    def instead(found: re.Match[str]) -> str:
        label, target, anchor = found[1], found[2], found[3] or ""
        name = target.removeprefix("../" * (1 + page.file.src_uri.count("/")))
        if name in FROM_THE_ROOT:
            return f"[{label}]({up}{FROM_THE_ROOT[name]}{anchor})"
        return label if "/" not in name else f"{label} (`{name}`)"

    out = "../" * (1 + page.file.src_uri.count("/"))
    return re.sub(rf"\[([^\]]*)\]\(({re.escape(out)}[^)#]+)(#[^)]*)?\)", instead, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Take the marks of Sphinx off docstrings: the name alone is what a reader wants."""
    html = re.sub(r":(?:class|func|meth|mod|data|attr):\s*(?=<code>)", "", html)
    return re.sub(r"<code>~(?:\w+\.)*(\w+)</code>", r"<code>\1</code>", html)


def on_post_build(config: MkDocsConfig) -> None:
    """End the build if a page asks another host for anything."""
    outside = re.compile(
        r'<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)="?(?:https?:)?//(?!www\.w3\.org)[^>]*>'
    )
    for page in sorted(Path(config.site_dir).rglob("*.html")):
        if found := outside.search(page.read_text("utf-8")):
            raise SystemExit(f"{page.relative_to(config.site_dir)} asks another host: {found[0]}")
