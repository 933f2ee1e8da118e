"""The object of a bucket that says who refreshes its models, and what was done: how it is written and read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tickgraph.errors import StorageError
from tickgraph.object_contact import Contact
from tickgraph.object_store import TooLarge
from tickgraph.operations.lease_record import SCHEMA, LeaseRecord
from tickgraph.operations.records import Kind, RefreshRun
from tickgraph.schema_version import later_in

KEY = "refresh-lease.json"
MAX_BYTES = 64 * 1024


class LeaseObject(BaseModel):
    """What ``refresh-lease.json`` says; fields of a later release are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    token: int
    """Grows with every owner."""
    holder: LeaseRecord | None = None
    """Who refreshes; null where nobody does."""
    done: dict[Kind, RefreshRun] = Field(default_factory=dict)
    """The newest run of each kind that ended well, without its symbols."""


def read_bucket_lease(contact: Contact) -> LeaseObject | None:
    """What the lease object says; None without one that can be understood.

    Raises
    ------
    StorageError
        The storage does not answer, or only a later release can read the object.
    """
    try:
        stored = contact.ask(lambda store: store.get(KEY, max_bytes=MAX_BYTES))
    except TooLarge:
        return None
    return decoded(contact, stored.data) if stored else None


def decoded(contact: Contact, data: bytes) -> LeaseObject | None:
    """What the object says; None if it is damaged or foreign; :class:`StorageError` if a later release wrote it."""
    try:
        return LeaseObject.model_validate_json(data)
    except ValidationError:
        if later := later_in(data, SCHEMA):
            raise StorageError(f"{contact.place}/{KEY} cannot be read: {later}.") from None
        return None
