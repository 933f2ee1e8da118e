"""Object storage for tests: a real S3 server, and before it a proxy that counts requests and breaks them as told.

moto's server looks at the condition of a write and then writes, and two threads can come between: of 40 rounds in which
eight writers raced, 2 had two winners. So the proxy lets one write through at a time. S3 itself is atomic there.

moto's server takes a signature that has ended. So the proxy refuses it, as S3 does: by its own clock, which tests set.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from tickgraph.object_place import StorageSettings, read_place

BUCKET = "models-of-tests"
SECRET = "a-secret-access-key-that-stays-one"  # noqa: S105
KEY_ID = "AKIATICKGRAPHTESTS00"


class Broken:
    """What becomes of a request: a status answers it, none cuts the line, before or after the server had it."""

    def __init__(self, status=None, *, after=False, body=b"", wait=None, cut=0.0, slowly=0.0):
        self.status, self.after, self.body, self.wait = status, after, body, wait
        self.cut = cut  # share of the answer after which the line is cut
        self.slowly = slowly  # seconds between the tenths of an answer

    @property
    def is_plain(self):
        """Whether the request never reaches the server."""
        return not (self.after or self.cut or self.slowly or self.wait is not None)


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that has given up is nothing to report."""


class Storage:
    """The server behind its proxy.

    ``fault`` is called with method and path, and gives a :class:`Broken` or None. ``ahead`` is how far the storage's
    clock is ahead of the machine's.
    """

    def __init__(self):
        script = Path(__file__).with_name("s3_process.py")
        self._process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        lines = iter(self._process.stdout.readline, "")
        self._port = int(next(line for line in lines if line.strip().isdigit()))
        self.fault = None
        self.ahead = timedelta(0)
        self.ignores_conditions = False
        self.requests: list[tuple[str, str]] = []
        self._writing = threading.Lock()
        handler = type("Handler", (_Handler,), {"storage": self})
        self._proxy = _Proxy(("127.0.0.1", 0), handler)
        threading.Thread(
            target=self._proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        self.endpoint = f"http://127.0.0.1:{self._proxy.server_address[1]}"
        self.reset()

    def reset(self):
        """Begin a test: an empty bucket, no fault."""
        self.fault, self.ignores_conditions, self.ahead = None, False, timedelta(0)
        self._ask("POST", "/moto-api/reset", b"")
        assert self._ask("PUT", f"/{BUCKET}", b"")[0] == 200
        self.requests.clear()

    def stop(self):
        self._proxy.shutdown()
        self._proxy.server_close()
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def place(self, folder, prefix="gnn", **access):
        """A place on it, whose copies are in a folder; every look asks it, unless told otherwise."""
        usual = {"timeout_seconds": 30, "retries": 0, "poll_seconds": 0, "retry_seconds": 1e-9}
        settings = StorageSettings(endpoint=self.endpoint, cache_dir=folder, **usual | access)
        return read_place(f"s3://{BUCKET}/{prefix}", settings)

    def put(self, key, data):
        """Write an object, as somebody else may."""
        assert self._ask("PUT", f"/{BUCKET}/{key}", data)[0] == 200

    def get(self, key):
        return self._ask("GET", f"/{BUCKET}/{key}", b"")[2]

    def delete(self, key):
        self._ask("DELETE", f"/{BUCKET}/{key}", b"")

    def stored(self):
        text = self._ask("GET", f"/{BUCKET}?list-type=2", b"")[2].decode()
        return [part.split("</Key>")[0] for part in text.split("<Key>")[1:]]

    def now(self):
        return datetime.now(UTC) + self.ahead

    def refusal(self, path):
        """Why S3 refuses a signed address: text of its answer, None if it does not.

        Its documentation: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
        """
        signed = parse_qs(urlsplit(path).query)
        if "X-Amz-Expires" not in signed:
            return None
        made = datetime.strptime(signed["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ends = made + timedelta(seconds=int(signed["X-Amz-Expires"][0]))
        if ends - made > timedelta(days=7):
            return "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"  # noqa: E501
        if made > self.now() + timedelta(minutes=15):
            return "Request is not yet valid"
        return "Request has expired" if self.now() > ends else None

    def counted(self):
        """Requests since the last call, by method; a list is a GET of the bucket."""
        kinds = Counter("LIST" if "list-type" in path else method for method, path in self.requests)
        self.requests.clear()
        return dict(kinds)

    def _ask(self, method, path, body, headers=None):
        headers = headers or {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/us-east-1/s3/aws4"
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    storage: ClassVar[Storage]
    timeout = 30

    def log_message(self, *words):
        pass

    def date_time_string(self, timestamp=None):
        return format_datetime(self.storage.now(), usegmt=True)

    def _serve(self):
        storage = self.storage
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        storage.requests.append((self.command, self.path))
        broken = storage.fault(self.command, self.path) if storage.fault else None
        if broken is not None and broken.wait is not None:
            broken.wait.wait(20)
        if broken is not None and broken.is_plain:
            self._break(broken)
            return
        if why := storage.refusal(self.path):
            text = f"<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>"
            self._break(Broken(403, body=text.encode()))
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        headers["Host"] = self.headers["Host"]
        if storage.ignores_conditions:
            headers = {name: value for name, value in headers.items() if not name.lower().startswith("if-")}
        if self.command in ("PUT", "POST", "DELETE"):
            with storage._writing:
                status, answered, content = storage._ask(self.command, self.path, body, headers)
        else:
            status, answered, content = storage._ask(self.command, self.path, body, headers)
        if broken is not None and broken.after:
            self._break(broken)
            return
        self.send_response(status)
        for name, value in answered:
            if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if broken is not None and broken.slowly:
            piece = len(content) // 10 + 1
            for start in range(0, len(content), piece):
                threading.Event().wait(broken.slowly)
                self.wfile.write(content[start : start + piece])
                self.wfile.flush()
            return
        if broken is not None and broken.cut:
            self.wfile.write(content[: int(len(content) * broken.cut)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        if self.command != "HEAD":
            self.wfile.write(content)

    def _break(self, broken):
        if broken.status is None:
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(broken.status)
        self.send_header("Content-Length", str(len(broken.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(broken.body)

    do_GET = do_PUT = do_DELETE = do_POST = do_HEAD = _serve  # noqa: N815
