"""Objects of a place on object storage: get, put, put on a condition, list, delete.

Object storage has no rename. What it has is a write that the server carries out only where an object is still the one
that the writer read, or where there is none yet (``If-Match``, ``If-None-Match``). The library is obstore, as it knows
these conditions for S3, Google Cloud Storage and Azure alike; s3fs (2026.9.0) writes with ``If-None-Match`` alone.
"""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tickgraph.errors import InputError, StorageError
from tickgraph.object_client import library, opened
from tickgraph.object_deadline import Answer, DeadlineRequests, NoAnswer, TooLate
from tickgraph.object_place import ObjectPlace
from tickgraph.object_refusals import code_of, refusal
from tickgraph.permit import FREE, Permit

MARKER = "tickgraph-conditions"
"""Object that a writer tries conditional writes on before it trusts them."""

_MARK = b"Whether this storage honours conditional writes is tried on this object.\n"
_ENCRYPTION = ("AWS_SERVER_SIDE_ENCRYPTION", "AWS_SSE_KMS_KEY_ID", "AWS_SSE_CUSTOMER_KEY_BASE64")
_GOOGLE = "https://storage.googleapis.com/"


class Unreachable(StorageError):
    """Object storage does not answer, or refuses to."""


class Overtaken(Exception):
    """Somebody else has replaced the object since it was read."""


class Unchanged(Exception):
    """The object is still the one that the reader has."""


class TooLarge(Exception):
    """An object is larger than any of ours; ``version`` is its own."""

    def __init__(self, size: int, max_bytes: int, version: Version) -> None:
        super().__init__(f"it has {size:,} bytes, and at most {max_bytes:,} were expected")
        self.version = version


@dataclass(frozen=True)
class Version:
    """What tells an object from what it was before and will be later.

    Attributes
    ----------
    e_tag
        As the server gives it, quotes included.
    number
        Google's generation; None elsewhere.
    """

    e_tag: str | None
    number: str | None = None


@dataclass(frozen=True)
class Stored:
    """An object as it was read, and when the storage had written it."""

    data: bytes
    version: Version
    written_at: datetime.datetime


class ObjectStore:
    """The objects of a place; keys are relative to its prefix. Safe for threads.

    Every method raises :class:`Unreachable` if the storage does not answer or refuses to.

    Raises
    ------
    InputError
        The library is not installed.
    """

    def __init__(self, place: ObjectPlace) -> None:
        self.place = place
        self._objects = library()
        try:
            self._client = opened(place)
        except (self._errors.BaseError, ValueError) as error:
            # Its text may hold a credential, or the path of one.
            raise InputError(
                f"{place} cannot be opened ({type(error).__name__}): a variable such as AWS_... or its file has "
                "a value that the storage's library does not take. See docs/object_storage.md."
            ) from None
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._signed = DeadlineRequests(place, self._sign)
        self._tried = threading.Lock()
        self._honours: bool = False

    def get(self, key: str, *, unless: Version | None = None, max_bytes: int) -> Stored | None:
        """Read an object; None if there is none.

        Raises
        ------
        Unchanged
            It is still the version ``unless``.
        TooLarge
            It has more than ``max_bytes``; it was not read.
        """
        options = {"if_none_match": unless.e_tag} if unless and unless.e_tag else None
        missing = self._errors.NotFoundError, FileNotFoundError
        with self._foreseen(missing):
            try:
                found = self._objects.get(self._client, self._prefix + key, options=options)
                version = _version(found.meta)
                if found.meta["size"] > max_bytes:
                    raise TooLarge(found.meta["size"], max_bytes, version)
                return Stored(bytes(found.bytes()), version, found.meta["last_modified"])
            except self._errors.NotModifiedError:
                pass
            except missing as error:
                if code_of(str(error)) is None or "NoSuchKey" in str(error):
                    return None
                raise
        raise Unchanged

    def put(self, key: str, data: bytes) -> Version:
        """Write an object, in the place of any other."""
        with self._foreseen():
            return _version(self._objects.put(self._client, self._prefix + key, data, use_multipart=False))

    def replace(self, key: str, data: bytes, replaced: Version | None, permit: Permit = FREE) -> Version:
        """Write an object if what is there is the version ``replaced``, or nothing for None.

        An error of the line can come after the server has written. So after any error the object is read back: it
        counts as written if it holds these very bytes.

        Raises
        ------
        Overtaken
            Something else is there, and stays.
        PermitEnded
            The storage carried nothing out, as the permit had ended.
        StorageError
            The storage takes no notice of conditions.
        """
        self._must_honour_conditions()
        end = permit.end()
        while True:
            try:
                return self._put_on_condition(key, data, replaced, end)
            except (Overtaken, Unreachable, TooLate) as error:
                there, version = self._read_back(key, len(data))
                if there == data and version is not None:
                    return version
                if isinstance(error, Unreachable) and version == replaced:
                    raise
                late = isinstance(error, TooLate) and version == replaced
            if not late:
                raise Overtaken
            former, end = end, permit.end()
            if end == former:  # else the line is slow, and the permit was renewed meanwhile
                raise permit.ended()

    def must_take_deadlines(self) -> None:
        """Raise :class:`InputError` where a write with a deadline would not be made as other writes are."""
        if asked := sorted(name for name in _ENCRYPTION if os.environ.get(name)):
            raise InputError(
                f"A refresh cannot ask for encryption with each write, as {', '.join(asked)} would. Set the default "
                f"encryption of the bucket of {self.place} instead, and unset the variable."
            )

    def clock(self) -> datetime.datetime:
        """What the storage's clock says, to the second: never later than it is."""
        # Every answer has a date, that there is no such object, too.
        seconds = datetime.timedelta(minutes=1)
        google = self.place.scheme == "gs"
        address = _GOOGLE if google else self._sign("HEAD", self._prefix + MARKER, seconds)
        try:
            return self._signed.clock(address)
        except NoAnswer:
            pass
        raise Unreachable(f"Cannot use {self.place}: {refusal('')}")

    def _read_back(self, key: str, size: int) -> tuple[bytes | None, Version | None]:
        try:
            found = self.get(key, max_bytes=size)
        except TooLarge as other:
            return None, other.version
        return (found.data, found.version) if found else (None, None)

    def list(self, folder: str) -> dict[str, Version]:
        """Names of the objects under a folder, and their versions."""
        prefix = f"{self._prefix}{folder}/"
        with self._foreseen():
            pages = self._objects.list(self._client, prefix)
            return {meta["path"].removeprefix(prefix): _version(meta) for page in pages for meta in page}

    def written_at(self, folder: str) -> dict[str, datetime.datetime]:
        """Names of the objects under a folder, and when the storage wrote them."""
        prefix = f"{self._prefix}{folder}/"
        with self._foreseen():
            pages = self._objects.list(self._client, prefix)
            return {
                meta["path"].removeprefix(prefix): meta["last_modified"] for page in pages for meta in page
            }

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._foreseen((FileNotFoundError,)):
            try:
                self._objects.delete(self._client, self._prefix + key)
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise

    @property
    def _errors(self) -> Any:
        from obstore import exceptions

        return exceptions

    def _put_on_condition(
        self, key: str, data: bytes, replaced: Version | None, end: datetime.datetime | None = None
    ) -> Version:
        # Google takes a condition in headers that its signature has to name, which the library does not let one do.
        if end is not None and self.place.scheme == "s3":
            return self._put_before(end, key, data, replaced)
        mode: Any = "create" if replaced is None else _mode(replaced)
        overtaken = self._errors.AlreadyExistsError, self._errors.PreconditionError
        with self._foreseen(overtaken):
            try:
                made = self._objects.put(
                    self._client, self._prefix + key, data, mode=mode, use_multipart=False
                )
            except overtaken as error:
                if "NoSuchBucket" in str(error):
                    raise
            else:
                return _version(made)
        raise Overtaken

    def _put_before(self, end: datetime.datetime, key: str, data: bytes, replaced: Version | None) -> Version:
        """Put on condition, and before a moment; :class:`TooLate` after it."""
        condition = {"If-None-Match": "*"} if replaced is None else {"If-Match": str(replaced.e_tag)}
        try:
            answer = self._signed.put(self._prefix + key, data, condition, end)
        except NoAnswer:
            answer = Answer(0, {}, "")
        if answer.status == 200:
            return Version(answer.headers.get("etag"), answer.headers.get("x-amz-version-id"))
        # 404 says that what was to be replaced has gone; 409 that another write of the object is under way.
        if answer.status in (409, 412) or "NoSuchKey" in answer.text:
            raise Overtaken
        text = f"status code: {answer.status} {answer.text}" if answer.status else ""
        raise Unreachable(f"Cannot use {self.place}: {refusal(text)}")

    def _sign(self, method: Any, key: str, expires_in: datetime.timedelta) -> str:
        with self._foreseen():
            return str(self._objects.sign(self._client, method, key, expires_in=expires_in))

    def _must_honour_conditions(self) -> None:
        """Try both conditions once: a server that ignores them would let writers undo each other's work."""
        with self._tried:
            if self._honours:
                return
            for attempt in range(2):
                try:
                    self._put_on_condition(MARKER, _MARK, None)
                except Overtaken:
                    break
                if attempt:  # it wrote twice what must not be there
                    raise self._ignorant()
            try:
                self._put_on_condition(MARKER, _MARK, Version('"0"', "1"))
            except Overtaken:
                self._honours = True
            else:
                raise self._ignorant()

    def _ignorant(self) -> StorageError:
        return StorageError(
            f"The storage behind {self.place} ignores conditional writes (If-None-Match, If-Match), so two writers "
            "would undo each other's work. Use one that honours them, such as Amazon S3, MinIO or Ceph."
        )

    @contextmanager
    def _foreseen(self, others: tuple[type[Exception], ...] = ()) -> Iterator[None]:
        """Turn the library's errors into :class:`Unreachable`; the ``others`` among them, too, where they come out."""
        try:
            yield
        except (self._errors.BaseError, *others, OSError) as error:
            text = str(error)
        else:
            return
        # Raised here and not above: the library's error would be its context, and be printed with it.
        raise Unreachable(f"Cannot use {self.place}: {refusal(text)}")


def _version(meta: Mapping[str, Any]) -> Version:
    return Version(meta.get("e_tag"), meta.get("version"))


def _mode(version: Version) -> dict[str, str]:
    return {key: value for key, value in (("e_tag", version.e_tag), ("version", version.number)) if value}
