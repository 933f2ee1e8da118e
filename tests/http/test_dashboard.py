"""The dashboard's page and files, as the service gives them; test_dashboard_in_chromium.py opens them."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib import resources
from pathlib import Path

import pytest

from real_service import here, settings_of

SOURCES = Path(__file__).parents[2] / "dashboard"
BUILT = resources.files("tickgraph.http").joinpath("dashboard_assets")


def test_the_package_has_what_the_sources_were_built_into():
    files = [SOURCES / name for name in ("build.mjs", "package.json", "package-lock.json")]
    files += [path for path in (SOURCES / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(SOURCES).as_posix()):
        digest.update(f"{path.relative_to(SOURCES).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    built = BUILT.joinpath("sources.sha256").read_text("utf-8").strip()
    assert digest.hexdigest() == built, "dashboard/ has changed: make dashboard"


def test_the_licences_of_all_that_is_in_the_scripts_are_there(service):
    notice = service.get("/dashboard/NOTICE.txt").text
    for package in ("preact", "uplot", "d3-force", "d3-quadtree", "d3-timer", "d3-dispatch"):
        assert re.search(rf"^{package} \d+\.\d+\.\d+ \((MIT|ISC)\)$", notice, re.MULTILINE)
    assert notice.count("WITHOUT WARRANTY OF ANY KIND") + notice.count("DISCLAIMS ALL WARRANTIES") == 6


def test_the_page_lets_in_nothing_but_files_of_this_service(service):
    answer = service.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = dict(rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=|https?://", answer.text)
    assert service.http.head("/").status_code == 200


def test_scripts_and_styles_are_kept_for_a_year_under_a_name_of_their_own(service):
    loaded = re.findall(r'(?:src|href)="(dashboard/[^"]+)"', service.get("/").text)
    assert len(loaded) == 4
    for path in loaded:
        assert re.fullmatch(r"dashboard/\w+\.[A-Z0-9]{8}\.(js|css|svg)", path)
        answer = service.get(f"/{path}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["x-content-type-options"] == "nosniff"
        plain = service.get(f"/{path}", headers={"accept-encoding": "gzip;q=0"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content == BUILT.joinpath(path.partition("/")[2]).read_bytes()
        assert service.http.head(f"/{path}").status_code == 200


@pytest.mark.parametrize(
    "name", ["nothing.js", "index.html", "sources.sha256", "..%2Fdashboard.py", ".", "%00"]
)
def test_nothing_else_is_given(service, name):
    answer = service.get(f"/dashboard/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors")
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_needs_no_key_and_its_answers_do(trained_dir, prices_dir, config, tmp_path):
    settings = settings_of(
        trained_dir, prices_dir, config, runtime_dir=tmp_path, api_keys=("a-key-of-the-tests",)
    )
    with here(settings) as service:
        assert service.get("/").status_code == 200
        assert service.get("/dashboard/NOTICE.txt").status_code == 200
        for path in ("/overview", "/events", "/forecast/AAPL/fan", "/symbols/AAPL/prices"):
            assert service.get(path).status_code == 401, path


def test_large_answers_are_compressed_for_those_who_can_undo_it(service):
    plain = service.get("/overview", headers={"accept-encoding": "identity"})
    packed = service.get("/overview")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.json() == plain.json()
    assert len(gzip.compress(plain.content)) > 1000
