"""Places on object storage: ``s3://bucket/prefix`` or ``gs://bucket/prefix``, and how such a place is reached.

A place holds no secret: credentials come from the environment of whoever opens it. So it can be sent to another
process, and printed.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, field_validator

from tickgraph.errors import InputError

SCHEMES = ("s3", "gs")

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_PART = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,127}")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._/-]*)?")

Seconds = Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)]


class StorageSettings(BaseModel):
    """How object storage is reached, and where copies of what it holds are kept.

    Attributes
    ----------
    endpoint
        Address of a server that speaks S3, such as ``https://minio.example.com``; None is ``AWS_ENDPOINT_URL``, or
        Amazon.
    region
        None is ``AWS_REGION`` or ``AWS_DEFAULT_REGION``, or else ``us-east-1``.
    cache_dir
        Folder of the copies on this machine; None is the user's cache folder.
    timeout_seconds
        How long one request may take.
    retries
        How often a request is tried again after an error of the server or the line.
    poll_seconds
        How old an answer about what is published may be before the storage is asked again.
    retry_seconds
        How long storage that does not answer is left alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = None
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,40}$")
    cache_dir: Path | None = None
    timeout_seconds: Seconds = 5.0
    retries: int = Field(default=2, ge=0, le=10)
    poll_seconds: float = Field(default=10.0, ge=0, le=86_400, allow_inf_nan=False)
    retry_seconds: Seconds = 5.0

    @field_validator("endpoint")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None and not _ENDPOINT.fullmatch(address):  # one with a password is refused, too
            raise ValueError("it must be an address such as https://minio.example.com, without a password")
        return address


class ObjectPlace(BaseModel):
    """A bucket of object storage, or a prefix in one.

    Attributes
    ----------
    scheme, bucket, prefix
        ``s3`` or ``gs``; the bucket's name; parts joined by slashes, or nothing.
    access
        How it is reached.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: str
    bucket: str
    prefix: str = ""
    access: StorageSettings = StorageSettings()

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def absolute(self) -> ObjectPlace:
        """Give itself: it is the same wherever a process works."""
        return self

    @property
    def endpoint(self) -> str | None:
        """Address of the server that speaks S3; None is Amazon's."""
        found = os.environ
        return self.access.endpoint or found.get("AWS_ENDPOINT_URL_S3") or found.get("AWS_ENDPOINT_URL")

    @property
    def copies(self) -> Path:
        """Folder of this machine's copies of what is there."""
        folder = self.access.cache_dir or Path(platformdirs.user_cache_dir("tickgraph"))
        identity = hashlib.sha256(f"{self.endpoint or ''} {self}".encode()).hexdigest()[:8]
        readable = "-".join((self.scheme, self.bucket, *self.prefix.split("/"))).strip("-")[:80]
        return folder / f"{readable}-{identity}"


Place = Path | ObjectPlace


def local_folder(place: Place) -> Path:
    """Folder on this machine that belongs to a place: itself, or that of its copies."""
    return place.copies if isinstance(place, ObjectPlace) else place


def read_place(text: Any, access: StorageSettings) -> Any:
    """Read a place: a URL of object storage, a ``file://`` URL or a path; anything else is given back.

    Raises
    ------
    InputError
        A URL that is neither; its text is not repeated, as it may hold a password.
    """
    match = _URL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return text
    scheme = match[1].lower()
    if scheme == "file":
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise InputError("A file:// URL names a folder of this machine: file:///srv/models.")
        return Path(unquote(parts.path))
    if scheme not in SCHEMES:
        raise InputError("A place is a folder, or a URL that begins with s3://, gs:// or file://.")
    bucket, _, prefix = match[2].partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket) or not all(map(_PART.fullmatch, prefix.split("/") if prefix else ())):
        raise InputError(
            f"A URL of object storage is {scheme}://BUCKET or {scheme}://BUCKET/PREFIX, of letters, digits and ._-= "
            "alone. Credentials do not belong into it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return ObjectPlace(scheme=scheme, bucket=bucket, prefix=prefix, access=access)
