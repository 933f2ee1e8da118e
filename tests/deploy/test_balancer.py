"""The balancer's file against its own program, with real services behind it."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from ready_files import COMPOSE_SHARED, DEPLOY, compose
from real_prometheus import until
from real_service import process

FILE = DEPLOY / "docker" / "haproxy.cfg"
FOUND_BY_DNS = "server-template replica 16 serve:8000 resolvers docker init-addr none"
REQUIRED = "TICKGRAPH_TESTS_NEED_HAPROXY" in os.environ  # read before conftest forgets such variables
FOREVER = 60.0


@pytest.fixture(scope="module")
def haproxy():
    found = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        said = "haproxy is not installed: apt-get install haproxy"
        pytest.fail(said) if REQUIRED else pytest.skip(said)
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def balancer(haproxy, folder, replicas):
    """The balancer with its file, but for where it listens and where its replicas are."""
    port, text = free_port(), FILE.read_text()
    named = "\n".join(f"    server replica{n} {address}" for n, address in enumerate(replicas))
    for ours, here in (("    bind :8000", f"    bind 127.0.0.1:{port}"), (f"    {FOUND_BY_DNS}", named)):
        assert text.count(ours) == 1
        text = text.replace(ours, here)
    (folder / "haproxy.cfg").write_text(text)
    started = subprocess.Popen([haproxy, "-f", str(folder / "haproxy.cfg")], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=FOREVER) as client:
            deadline = time.monotonic() + FOREVER
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("/health/ready").status_code == 200:
                        break
                assert started.poll() is None
                assert time.monotonic() < deadline
            yield client
    finally:
        started.kill()
        started.wait(60)


@contextmanager
def replica(models, prices, folder):
    """A service with a folder of its own for jobs and locks, as a container has."""
    with process(
        models,
        prices,
        TICKGRAPH_OPERATIONS_DIR=str(folder / "operations"),
        TICKGRAPH_SERVE__RUNTIME_DIR=str(folder / "runtime"),
        TICKGRAPH_SERVE__TRAIN_ON_DEMAND="false",
        TICKGRAPH_SERVE__TRUSTED_PROXIES='["127.0.0.0/8"]',
        TICKGRAPH_SERVE__ACCESS_LOG="true",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def well(trained_dir, prices_dir, tmp_path_factory):
    with replica(trained_dir, prices_dir, tmp_path_factory.mktemp("replica")) as running:
        yield running


def address(running):
    return running.url.removeprefix("http://")


def test_the_balancer_understands_its_file(haproxy):
    done = subprocess.run([haproxy, "-c", "-f", str(FILE)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_it_finds_as_many_replicas_as_the_compose_file_starts():
    words = FOUND_BY_DNS.split()
    name, port = words[3].split(":")
    serve = compose(COMPOSE_SHARED)["services"][name]
    assert serve["deploy"]["replicas"] <= int(words[2])
    assert port == "8000"
    assert f"    {FOUND_BY_DNS}\n" in FILE.read_text()


def test_no_request_is_lost_when_a_replica_is_killed(haproxy, well, trained_dir, prices_dir, tmp_path):
    with replica(trained_dir, prices_dir, tmp_path) as ill:
        with balancer(haproxy, tmp_path, [address(ill), address(well)]) as client:
            half, answers = threading.Event(), []

            def ask(_):
                answers.append(client.get("/forecast/AAPL", params={"price": 130}).status_code)
                if len(answers) >= 100:
                    half.set()

            def has_its_share():
                client.get("/forecast/AAPL")
                return any("/forecast/AAPL" in line for line in list(ill.log))

            until(has_its_share, "an answer of the replica that will be killed")
            with ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(ask, n) for n in range(400)]
                assert half.wait(FOREVER)
                ill.process.kill()
                for one in asked:
                    one.result(FOREVER)
            assert answers == [200] * 400


class Unready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path == "/health/ready" else 418)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_replica_that_is_not_ready_gets_no_request(haproxy, well, tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unready) as ill:
        threading.Thread(target=ill.serve_forever, daemon=True).start()
        try:
            with balancer(haproxy, tmp_path, [f"127.0.0.1:{ill.server_port}", address(well)]) as client:
                assert {client.get("/symbols").status_code for _ in range(20)} == {200}
        finally:
            ill.shutdown()


def test_metrics_are_each_replicas_own_and_not_the_balancers(haproxy, well, tmp_path):
    with balancer(haproxy, tmp_path, [address(well)]) as client:
        assert well.get("/metrics").status_code == 200
        assert client.get("/metrics").status_code == 404


def test_a_client_cannot_say_who_it_is_or_under_which_path_it_asks(haproxy, well, tmp_path):
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Prefix": "/elsewhere"}
    with balancer(haproxy, tmp_path, [address(well)]) as client:
        page = client.get("/", headers={**lies, "X-Request-Id": "through-the-balancer"})
    directly = well.get("/", headers={**lies, "X-Request-Id": "from-who-is-trusted"})
    assert page.status_code == directly.status_code == 200
    assert "/elsewhere" not in page.text
    assert "/elsewhere" in directly.text
    assert "203.0.113.9" not in logged(well, "through-the-balancer")
    assert "203.0.113.9" in logged(well, "from-who-is-trusted")


def logged(running, request):
    """The line of a request in the service's log."""
    return until(
        lambda: next((line for line in list(running.log) if request in line), None), "a line of the log"
    )
