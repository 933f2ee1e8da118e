"""The service under a path prefix, behind a real proxy that strips it and one that does not."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from real_service import here, settings_of
from tickgraph.client import Client
from tickgraph.errors import InputError
from tickgraph.http import dashboard
from tickgraph.serve_settings import OWN_PATHS, is_root_path
from tickgraph.settings import load_settings

NAMED = {"trusted_proxies": ("127.0.0.1",)}
PREFIX = "/a/tick"


@contextmanager
def proxy(upstream, *, strips, **headers):
    """A reverse proxy that offers the service under the prefix; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.removeprefix(PREFIX) if strips else self.path
            answer = httpx.get(f"{upstream}{path}", headers=headers)
            self.send_response(answer.status_code)
            for name in ("content-type", "location", "content-security-policy"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(60)


@pytest.fixture(scope="module")
def open_here(trained_dir, prices_dir, config, tmp_path_factory):
    """``with open_here(**serve)`` is a service."""
    folder = tmp_path_factory.mktemp("runtime")
    return lambda **serve: here(settings_of(trained_dir, prices_dir, config, runtime_dir=folder, **serve))


def links(page):
    return re.findall(r"""(?:src|href)="([^"]+)"|(?:spec-url=|url: )["']([^"']+)""", page)


@pytest.mark.parametrize("strips", [True, False])
@pytest.mark.parametrize("told", ["setting", "header"])
def test_pages_links_redirects_and_answers_are_under_the_prefix(open_here, strips, told):
    serve = {"root_path": PREFIX} if told == "setting" else NAMED
    headers = {} if told == "setting" else {"X-Forwarded-Prefix": PREFIX}
    with open_here(**serve) as service, proxy(service.url, strips=strips, **headers) as url:
        for page in ("/docs", "/redoc"):
            answer = httpx.get(f"{url}{PREFIX}{page}")
            assert "script-src" in answer.headers["content-security-policy"]
            found = [link for pair in links(answer.text) for link in pair if link]
            assert len(found) >= 3
            for link in found:  # scripts, styles and the document
                assert link.startswith(f"{PREFIX}/")
                assert httpx.get(f"{url}{link}").status_code == 200, link
        assert httpx.get(f"{url}{PREFIX}/openapi.json").json()["servers"] == [{"url": PREFIX}]
        for start in (f"{url}{PREFIX}/", f"{url}{PREFIX}"):
            page = httpx.get(start).text
            assert f'<base href="{PREFIX}/">' in page
            loaded = [link for pair in links(page) for link in pair if link.startswith("dashboard/")]
            assert len(loaded) == 4
            for link in loaded:
                assert httpx.get(f"{url}{PREFIX}/{link}").status_code == 200, link
        with Client(f"{url}{PREFIX}") as client:
            assert client.forecast("AAPL", price=130.0).symbol == "AAPL"
        assert httpx.get(f"{url}{PREFIX}/forecast/all").status_code == 200
        assert httpx.get(f"{url}{PREFIX}/health/ready").status_code == 200
        missing = httpx.get(f"{url}{PREFIX}/nowhere").json()
        assert missing["instance"] == f"{PREFIX}/nowhere"
        # Who asks the service itself needs no prefix.
        assert service.get("/forecast/AAPL").status_code == 200
        assert service.get("/health/live").status_code == 200


def test_health_is_let_in_under_the_prefix_when_all_else_is_refused(open_here):
    with open_here(root_path=PREFIX, max_in_flight=1) as service:
        admission = service.server.config.loaded_app.middleware_stack
        while not hasattr(admission, "_in_work"):
            admission = getattr(admission, "app", None) or admission._app
        admission._in_work = 1
        assert service.get(f"{PREFIX}/forecast/AAPL").status_code == 503
        assert service.get(f"{PREFIX}/health/live").status_code == 200
        admission._in_work = 0


FORGED = {
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
}


@pytest.mark.parametrize("trusted", [(), ("192.0.2.1",)])
def test_what_anybody_else_forwards_is_ignored(open_here, trusted):
    with open_here(trusted_proxies=trusted) as service:
        answer = service.get("/docs", headers=FORGED)
        assert "evil" not in answer.text
        assert '<base href="/">' in service.get("/", headers=FORGED).text
        assert "servers" not in service.get("/openapi.json", headers=FORGED).json()
        assert service.get("/evil/docs", headers=FORGED).status_code == 404


def test_a_setting_counts_more_than_what_a_proxy_passes_on(open_here):
    with open_here(root_path="/tick", **NAMED) as service:
        assert '<base href="/tick/">' in service.get("/", headers=FORGED).text
        assert "evil" not in service.get("/docs", headers=FORGED).text


BAD = ["//evil.example", "/a//b", "/..", "/a/../b", "/.", "/a\"><script>", "http://x/y", "a", "/é", "/a b", "/%2e%2e",
       "/forecast", "/docs/x", "/" + 200 * "a", "/a\n"]  # fmt: skip


@pytest.mark.parametrize("prefix", BAD)
def test_a_prefix_that_cannot_be_is_refused_as_a_setting_and_ignored_as_a_header(prefix):
    assert not is_root_path(prefix)
    with pytest.raises(InputError, match=r"serve\.root_path: .* cannot be a path prefix. Write it as /tick"):
        load_settings(serve={"root_path": prefix})


def test_no_prefix_of_a_trusted_proxy_gets_onto_a_page_unless_it_can_be_one(open_here):
    with open_here(**NAMED) as service:
        for prefix in ("//evil.example", '/a"><script>', "/.."):
            sent = {"X-Forwarded-Prefix": prefix}
            assert '<base href="/">' in service.get("/", headers=sent).text
            assert prefix not in service.get("/docs", headers=sent).text
        twice = [("X-Forwarded-Prefix", "/a"), ("X-Forwarded-Prefix", "/b")]
        assert '<base href="/">' in service.get("/", headers=twice).text
        assert '<base href="/a/">' in service.get("/", headers={"X-Forwarded-Prefix": "/a/"}).text


def test_the_services_own_paths_are_known(open_here):
    with open_here(admin_token="an-admin-token-of-tests") as service:  # noqa: S106
        routes = service.server.config.loaded_app.routes
        paths = [getattr(route, "path", "") for route in [*routes, *dashboard.router.routes]]
        paths += service.get("/openapi.json").json()["paths"]
        assert {path.split("/")[1] for path in paths if path.strip("/")} == OWN_PATHS
