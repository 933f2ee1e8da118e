"""The dashboard at ``/``: one page with its scripts and styles, as ``dashboard/`` builds them into the package."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from tickgraph.http.compressed import takes_gzip

FOLDER = "dashboard_assets"
INDEX = "index.html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
_BASE = b'<base href="/">'
_FOREVER = "public, max-age=31536000, immutable"  # a file's name has the hash of what is in it
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class _Asset:
    """A file of the dashboard, plain and compressed."""

    plain: bytes
    gzipped: bytes
    media_type: str


@cache
def _assets() -> dict[str, _Asset]:
    """Every file by its name; a name that is not among them is on no disk either."""
    found = {}
    for file in resources.files("tickgraph.http").joinpath(FOLDER).iterdir():
        kind = file.name.rpartition(".")[2]
        if kind in _MEDIA_TYPES:
            body = file.read_bytes()
            found[file.name] = _Asset(body, gzip.compress(body, 9, mtime=0), _MEDIA_TYPES[kind])
    return found


@router.head("/")
@router.get("/")
async def index(request: Request) -> Response:
    """Give the page; its links begin with the prefix of the proxy in front, if there is one."""
    page = _assets()[INDEX]
    base = b'<base href="%b/">' % request.scope.get("root_path", "").encode()
    return Response(
        page.plain.replace(_BASE, base, 1),
        media_type=page.media_type,
        headers={"content-security-policy": POLICY, "cache-control": "no-cache"},
    )


@router.head("/dashboard/{name}")
@router.get("/dashboard/{name}")
async def asset(request: Request, name: str) -> Response:
    """Give a script, a style sheet or a picture."""
    found = _assets().get(name)
    if found is None or name == INDEX:
        raise HTTPException(404, f"The dashboard has no file {name[:80]!r}")
    headers = {"vary": "Accept-Encoding", "cache-control": "no-cache" if name == "NOTICE.txt" else _FOREVER}
    if not takes_gzip(request):
        return Response(found.plain, media_type=found.media_type, headers=headers)
    headers["content-encoding"] = "gzip"
    return Response(found.gzipped, media_type=found.media_type, headers=headers)
