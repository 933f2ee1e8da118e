"""The right to publish, which ends: whoever writes under one lets the storage refuse what comes too late.

A process may stand still between a check and the write that it allows: the machine sleeps, the line is cut. So no check
alone keeps a late write out. A permit does it in one of two ways, by where the write goes:

- To a folder: :meth:`Permit.holding` holds a lock from the check to the end of the write. Nobody else can get the right
  while it is held.
- To object storage: the write carries :meth:`Permit.end` with it, and the storage refuses it after that moment.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from tickgraph.errors import StorageError


class PermitEnded(StorageError):
    """The right to publish has ended."""


class Permit(Protocol):
    """A right to publish; safe for threads."""

    def holding(self) -> AbstractContextManager[None]:
        """Keep the right while something is written; entering raises :class:`PermitEnded` without it."""
        ...

    def end(self) -> datetime | None:
        """Moment, by the clock of object storage, up to which it may carry out a write; None is without end.

        Raises
        ------
        PermitEnded
            The right is known to have ended.
        """
        ...

    def ended(self) -> PermitEnded:
        """Make the error for a write that came too late."""
        ...


class _Free:
    """The right of whoever publishes under no lease: it never ends."""

    def holding(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def end(self) -> datetime | None:
        return None

    def ended(self) -> PermitEnded:
        return PermitEnded("The right to publish has ended.")


FREE: Permit = _Free()
