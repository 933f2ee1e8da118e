"""Answers that are worth compressing: large ones, for clients that take gzip."""

from __future__ import annotations

import gzip

from fastapi import Request
from fastapi.responses import Response

SMALLEST = 2_000
"""Bytes; what is smaller fits into two packets anyway."""
LEVEL = 5


def takes_gzip(request: Request) -> bool:
    """Whether the client says that it can undo gzip."""
    offers = request.headers.get("accept-encoding", "").lower().split(",")
    for offer in offers:
        coding, _, weight = offer.strip().partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def compressed(request: Request, body: bytes) -> Response:
    """Answer with JSON, compressed if that pays; it takes a few milliseconds a megabyte, so call it in a thread."""
    response = Response(media_type="application/json", headers={"vary": "Accept-Encoding"})
    if len(body) >= SMALLEST and takes_gzip(request):
        body = gzip.compress(body, LEVEL, mtime=0)
        response.headers["content-encoding"] = "gzip"
    response.body = body
    response.headers["content-length"] = str(len(body))
    return response
