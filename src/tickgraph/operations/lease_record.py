"""Who has the lease of refreshes, and the errors of who does not."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tickgraph.errors import StorageError
from tickgraph.permit import PermitEnded

LEASE_SECONDS = 60.0  # how long a host that has vanished keeps others waiting
SCHEMA = 1  # schema version of the record, which states none
RENEWALS = 3  # a lease is renewed this often within its time


class LeaseHeldError(StorageError):
    """Another refresh is running."""


class LeaseLostError(PermitEnded):
    """The lease ran out while this run was held up, or another run has it; this one must not publish any more."""


class LeaseRecord(BaseModel):
    """Who has the lease."""

    model_config = ConfigDict(frozen=True)

    host: str
    pid: int
    process: str
    """Identity of the process: the name of the lock that it holds while it lives."""
    run: str
    taken_at: AwareDatetime
    renewed_at: AwareDatetime
    expires_at: AwareDatetime

    @property
    def owner(self) -> str:
        """Who it is, in words."""
        return f"process {self.pid} on {self.host}"

    @property
    def in_words(self) -> str:
        """Who it is, and until when."""
        return f"{self.owner}, until {self.expires_at:%Y-%m-%d %H:%M:%S} UTC"

    def held(self, remedy: str) -> LeaseHeldError:
        """Make the error of a run that wants the lease, too."""
        return LeaseHeldError(
            f"Another refresh is running: {self.owner}, run {self.run}, since {self.taken_at:%Y-%m-%d %H:%M:%S} UTC; "
            f"it was renewed at {self.renewed_at:%H:%M:%S} and holds until {self.expires_at:%Y-%m-%d %H:%M:%S} UTC "
            f"unless renewed. Wait for it to end. {remedy}"
        )


def lost(run: str, why: str) -> LeaseLostError:
    """Make the error of a run that has no lease any more."""
    return LeaseLostError(
        f"The lease of run {run} was lost: {why}. This run stops before it publishes anything more; what it finished "
        "is kept, and the next run does the rest."
    )


def ran_out(held: LeaseRecord) -> str:
    """Say that a lease was not renewed in time."""
    return (
        f"it ran out on {held.expires_at:%Y-%m-%d %H:%M:%S} UTC, as this process, its machine or the storage stood "
        "still, or a clock was set"
    )
