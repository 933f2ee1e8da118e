"""Object storage that a folder of artefacts is a copy of: brings copies up to date, and publishes.

The folder is an ordinary folder of models on this machine, so that everything that reads one reads it, and verifies it
by the same checksums. The rules:

- An object is asked for again once the last answer about it is older than ``poll_seconds``. One list of all objects
  answers for every object at once.
- A copy is replaced when the object was read whole and verified. An object that is damaged or foreign replaces nothing,
  and whoever asks for the artefact hears of it.
- Storage that does not answer is left alone for ``retry_seconds``. Meanwhile copies answer, and
  :attr:`Contact.away` says so.
- A publication is one write that the storage carries out only if the object is still the one that the writer read.
  The copy follows. A writer that dies at any moment leaves the former object or the new one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from copy import copy as copied
from dataclasses import dataclass
from typing import TypeVar

from tickgraph.errors import ArtefactError, StorageError
from tickgraph.object_contact import Contact
from tickgraph.object_store import Overtaken, TooLarge, Unchanged, Unreachable, Version
from tickgraph.permit import FREE, Permit
from tickgraph.registry.artefact_file import Refused
from tickgraph.registry.copy_record import CopyRecords
from tickgraph.registry.object_copies import Copy
from tickgraph.storage import HeldError

Change = TypeVar("Change")

_CHANGES = 16  # tries at a change that others overtake


@dataclass(frozen=True)
class _Answer:
    """What the storage said last of an object, when (monotonic seconds), and why it is refused."""

    version: Version | None
    moment: float
    refused: Refused | None = None


@dataclass(frozen=True)
class _Listing:
    """What the storage has in a folder, by name, and when it said so; what this process writes is put in."""

    versions: dict[str, Version]
    moment: float


class Origin:
    """Object storage behind a folder; safe for threads and processes.

    Parameters
    ----------
    contact
        With the place where the objects are.
    """

    def __init__(self, contact: Contact) -> None:
        self.place, self.contact = contact.place, contact
        self._permit = FREE
        self._records = CopyRecords(contact.place.copies)
        self._answers: dict[str, _Answer] = {}
        self._listings: dict[str, _Listing] = {}

    def under(self, permit: Permit) -> Origin:
        """Give the same origin, which publishes under a permit."""
        other = copied(self)
        other._permit = permit
        return other

    @property
    def fault(self) -> str | None:
        """Why the storage did not answer when it was asked last; None if it did."""
        return self.contact.fault

    # Reading

    def ask_anew(self) -> None:
        """Ask the storage again at the next look, however recent its last answers are."""
        self.contact.ask_anew()

    def listed(self, folder: str) -> dict[str, Version] | None:
        """Names under a folder, and their versions; the last known ones while the storage is away, None without any."""
        known = self._listings.get(folder)
        if known is not None and self.contact.is_recent(known.moment):
            return dict(known.versions)
        if not self.contact.is_left_alone:
            with suppress(Unreachable):
                moment = self.contact.monotonic()
                versions = self.contact.ask(lambda store: store.list(folder))
                known = self._listings[folder] = _Listing(versions, moment)
        return dict(known.versions) if known else None

    def refresh(self, copy: Copy, *, anew: bool = False) -> None:
        """Bring a copy up to date, if the storage answers.

        Parameters
        ----------
        copy
            Of one object.
        anew
            Read the object, even if the copy seems to be of its version.

        Raises
        ------
        ArtefactError
            The object is damaged or foreign. The copy is what it was.
        Unreachable
            The storage does not answer, and there is no copy.
        """
        if anew or not self._is_current(copy):
            self._bring(copy, anew)
        self.must_be_sound(copy)

    def must_be_sound(self, copy: Copy) -> None:
        """Raise :class:`ArtefactError` if the object was damaged or foreign when it was read last."""
        known = self._answers.get(copy.key)
        if known is not None and known.refused is not None:
            raise known.refused.error()

    def refused(self, copy: Copy) -> str | None:
        """Version of an object that is damaged or foreign; None if the last one read was not."""
        known = self._answers.get(copy.key)
        return str(known.version) if known and known.refused is not None else None

    def latest(self, copy: Copy, *, anew: bool = False) -> Version | None:
        """Bring a copy up to date now; gives its object's version, None without one. The caller is its only writer.

        Raises
        ------
        Unreachable
            The storage does not answer.
        """
        known = self._answers.get(copy.key)
        refused = known.refused if known is not None else None
        if known is not None and refused is not None:
            unless = known.version  # read again it would be refused again
        else:
            unless = None if anew else self._records.version_of(copy)
        moment = self.contact.monotonic()  # news that comes from now on makes the answer old
        try:
            stored = self.contact.ask(
                lambda store: store.get(copy.key, unless=unless, max_bytes=copy.max_bytes)
            )
        except Unchanged:
            self._note(copy, unless, refused, moment=moment)
            return unless
        except TooLarge as error:
            fault = Refused(ArtefactError, f"{self.place}/{copy.key} is damaged or foreign: {error}.")
            self._note(copy, error.version, fault, moment=moment)
            return error.version
        if stored is None:
            copy.drop()
            self._records.remove(copy)
            self._note(copy, None, moment=moment)
            return None
        try:
            self._keep(copy, stored.data, stored.version, moment)
        except ArtefactError as error:
            self._note(copy, stored.version, Refused(type(error), str(error)), moment=moment)
        return stored.version

    # Writing; the caller is the copy's only writer on this machine

    def change(self, copy: Copy, change: Callable[[], Change]) -> Change:
        """Make a change again whenever a writer on another machine overtakes it.

        Raises
        ------
        StorageError
            That happened too often.
        """
        for attempt in range(_CHANGES):
            try:
                return change()
            except Overtaken:
                # Writers that overtake each other wait for times that differ, so that one of them gets through.
                time.sleep(random.uniform(0, min(1.0, 0.01 * 2**attempt)))  # noqa: S311
        raise StorageError(
            f"Others replaced {copy.key} in {self.place} {_CHANGES} times while this process did. Run it again."
        )

    def publish(self, copy: Copy, data: bytes, replaced: Version | None) -> None:
        """Replace an object, and then its copy.

        Raises
        ------
        Overtaken
            The object is no longer the version ``replaced``. Nothing was written.
        Unreachable
            The storage does not answer: either the former object is there or the new one.
        PermitEnded
            The permit has ended. Nothing was written.
        """
        with self._permit.holding():
            version = self.contact.ask(lambda store: store.replace(copy.key, data, replaced, self._permit))
        listing, name = self._listing_of(copy)
        if listing is not None:
            listing.versions[name] = version
        self._keep(copy, data, version)

    def remove(self, copy: Copy) -> None:
        """Remove an object, and then its copy; :class:`Unreachable` if the storage does not answer."""
        self.contact.ask(lambda store: store.delete(copy.key))
        listing, name = self._listing_of(copy)
        if listing is not None:
            listing.versions.pop(name, None)
        copy.drop()
        self._records.remove(copy)
        self._note(copy, None)

    # Inside

    def _bring(self, copy: Copy, anew: bool) -> None:
        if not self.contact.is_left_alone:
            try:
                with copy.alone():
                    if not anew and self._is_current(copy):  # another thread brought it meanwhile
                        return
                    if not self.contact.is_left_alone:  # nor did it hear meanwhile that nothing answers
                        with suppress(Unreachable):
                            self.latest(copy, anew=anew)
                            return
            except HeldError:  # a publication is under way; the generation before it answers
                if not copy.is_there():
                    raise
        if not copy.is_there():
            raise Unreachable(f"{self.contact.fault} There is no copy of {copy.key} on this machine.")

    def _keep(self, copy: Copy, data: bytes, version: Version, moment: float | None = None) -> None:
        copy.take(data)
        self._records.write(copy, version)
        self._note(copy, version, moment=moment)

    def _note(
        self,
        copy: Copy,
        version: Version | None,
        refused: Refused | None = None,
        *,
        moment: float | None = None,
    ) -> None:
        moment = self.contact.monotonic() if moment is None else moment
        self._answers[copy.key] = _Answer(version, moment, refused)

    def _listing_of(self, copy: Copy) -> tuple[_Listing | None, str]:
        """The last listing of an object's folder, None without one; and the object's name in it."""
        folder, _, name = copy.key.partition("/")
        return self._listings.get(folder), name

    def _is_current(self, copy: Copy) -> bool:
        """Whether the storage said a short while ago that a copy is of the object's version."""
        known = self._answers.get(copy.key)
        if known and known.refused is None and copy.is_there() != (known.version is not None):
            return False  # somebody has deleted the copy, or put one there
        listing, name = self._listing_of(copy)
        is_newer = listing is not None and (known is None or known.moment < listing.moment)
        if listing is None or not is_newer or not self.contact.is_recent(listing.moment):
            return known is not None and self.contact.is_recent(known.moment)
        listed = listing.versions.get(name)
        if known is None:  # the copy may be of an earlier process
            held = self._records.version_of(copy)
            if held is None or listed is None or held.e_tag != listed.e_tag:
                return False
            self._answers[copy.key] = _Answer(held, listing.moment)
            return True
        return (listed.e_tag if listed else None) == (known.version.e_tag if known.version else None)
