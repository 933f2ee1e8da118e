"""Traces reach a collector."""

from __future__ import annotations

import http.server
import threading

import pytest

from real_service import process

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")


@pytest.fixture
def collector():
    received = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_is_traced_at_the_collector(trained_dir, prices_dir, tmp_path, collector, workers):
    url, received = collector
    environment = {
        "TICKGRAPH_SERVE__TRACING": "true",
        "TICKGRAPH_SERVE__RUNTIME_DIR": str(tmp_path / "runtime"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_BSP_SCHEDULE_DELAY": str(2**31),  # nothing is sent before the end
    }
    words = ("--no-on-demand", "--workers", workers)
    with process(trained_dir, prices_dir, *words, cwd=tmp_path, **environment) as running:
        for _ in range(2):  # the first, and one from memory
            assert running.get("/forecast/AAPL?price=130").status_code == 200
        running.stop()  # sends what is left
    assert {path for path, _ in received} == {"/v1/traces"}
    spans = b"".join(body for _, body in received)
    assert spans.count(b"GET /forecast/{symbol}") >= 2
    assert b"tickgraph" in spans
    assert b"/health/ready" not in spans
