"""Who refreshes: the lease of the folder of operations, and for models in a bucket that of the bucket, too."""

from __future__ import annotations

import re
from pathlib import Path

from tickgraph.errors import StorageError
from tickgraph.object_store import Unreachable
from tickgraph.operations.bucket_lease import BucketLease
from tickgraph.operations.lease import Lease, lease_in_words
from tickgraph.operations.lease_object import read_bucket_lease
from tickgraph.operations.records import RefreshRun, RunLog
from tickgraph.operations.site import Site
from tickgraph.registry.registry import ModelRegistry

_RUN = re.compile(r"[0-9]{1,32}-[0-9a-f]{8}")


def leader_of(site: Site, run: str) -> Lease | BucketLease:
    """Give the lease that a run over a site needs; it is not taken yet."""
    near = Lease(site.operations_dir, run, site.now)
    contact = site.registry.contact
    return near if contact is None else BucketLease(near, contact)


def leader_in_words(registry: ModelRegistry, operations_dir: Path) -> str | None:
    """Who refreshes now; None if nobody does. A bucket that does not answer is not asked again so soon."""
    contact = registry.contact
    if contact is not None and not contact.is_left_alone:
        try:
            lease = read_bucket_lease(contact)
        except Unreachable:  # that is told elsewhere
            lease = None
        except StorageError as error:
            return str(error)
        if lease is not None and lease.holder is not None:
            return lease.holder.in_words
    return lease_in_words(operations_dir)


def adopt_what_others_did(site: Site) -> tuple[RefreshRun, ...]:
    """Record the newest runs of other machines that ended well in this machine's folder of operations, too.

    So what is due is seen to, whichever machine did it. Gives the runs that were not known here.

    Raises
    ------
    StorageError
        The bucket does not answer, or the record cannot be written.
    """
    contact = site.registry.contact
    lease = read_bucket_lease(contact) if contact is not None else None
    if lease is None:
        return ()
    log = RunLog(site.operations_dir)
    known = {run.id for run in log.newest_first()}
    # An identity is a file's name, and the bucket may have been written by anyone.
    others = tuple(run for run in lease.done.values() if run.id not in known and _RUN.fullmatch(run.id))
    for run in others:
        log.write(run)
    return others
