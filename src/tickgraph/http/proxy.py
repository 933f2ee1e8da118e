"""Reverse proxies: the path under which they offer the service, and what they say of a request."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tickgraph.serve_settings import is_root_path


class BehindProxies(ProxyHeadersMiddleware):
    """Put each request under the prefix of its proxy, and believe trusted proxies about their clients.

    A proxy may strip the prefix from a path, or leave it there. Here the path gets the prefix either way, as ASGI
    wants, and ``root_path`` is the prefix. So every link that is made from ``root_path`` is right.

    ``X-Forwarded-For``, ``X-Forwarded-Proto`` and ``X-Forwarded-Prefix`` count only if a trusted address sent them.
    No answer holds the service's host, so ``X-Forwarded-Host`` has no effect.

    Parameters
    ----------
    app
        What answers.
    root_path
        The prefix, such as ``/tick``; empty takes the one that a trusted proxy names.
    trusted
        Addresses of the proxies, as uvicorn takes them: addresses, networks, or ``*``.
    """

    def __init__(self, app: ASGIApp, root_path: str, trusted: Sequence[str]) -> None:
        super().__init__(app, list(trusted))  # type: ignore[arg-type]
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Serve one request."""
        if scope["type"] == "http":
            # Before the client's address takes the place of the proxy's.
            prefix = self._root_path or self._named(scope)
            if prefix:
                scope = _under(prefix, scope)
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]

    def _named(self, scope: Scope) -> str:
        """Prefix that a trusted proxy names; empty if it names none, or none that a path can have."""
        client = scope.get("client")
        if not client or client[0] not in self.trusted_hosts:
            return ""
        given = [value for name, value in scope["headers"] if name == b"x-forwarded-prefix"]
        prefix = given[0].decode("latin-1").rstrip("/") if len(given) == 1 else ""
        return prefix if is_root_path(prefix) else ""


def local_path(scope: Scope) -> str:
    """Path of a request within the service, without the prefix."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _under(prefix: str, scope: Scope) -> Scope:
    path, raw = scope["path"], scope.get("raw_path")
    if path == prefix or path.startswith(f"{prefix}/"):  # the proxy has left it there
        path, raw = path.removeprefix(prefix) or "/", raw and (raw.removeprefix(prefix.encode()) or b"/")
    return {
        **scope,
        "root_path": prefix,
        "path": prefix + path,
        "raw_path": raw if raw is None else prefix.encode() + raw,
    }
