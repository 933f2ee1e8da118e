"""What interrupted publishes left behind: committed files are placed, the others dropped. The symbol's lock is held."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from tickgraph.errors import ArtefactError, ModelNotFoundError
from tickgraph.market.universe import is_canonical
from tickgraph.registry.generation import ArtefactPaths, place, settle, staged_path
from tickgraph.registry.reading import read_metadata
from tickgraph.regular_file import other_kind

_LEFT_OVER = re.compile(r"\.([A-Z0-9&-]+)(?:\.weights\.h5|_corr\.npy|_metadata\.json)\..+")


def interrupted(root: Path) -> tuple[str, ...]:
    """Symbols for which an interrupted publish left staged or temporary files, committed or not; needs no lock."""
    found: set[str] = set()
    for kind in ("weights", "correlations", "metadata"):
        left = (_LEFT_OVER.fullmatch(path.name) for path in (root / kind).glob(".*"))
        found |= {match[1] for match in left if match}
    return tuple(sorted(filter(is_canonical, found)))


def place_last(paths: ArtefactPaths) -> None:
    """Put the files of an interrupted publish, if its commit was reached, where they belong; no folder is listed."""
    # Looked at first: reading searches for similar names where nothing is there.
    if other_kind(paths.metadata) is None and paths.metadata.exists():
        with contextlib.suppress(ArtefactError):  # damaged, or a later version's: nothing is known to be its
            checksums = read_metadata(paths)[0].checksums
            place(paths, checksums.weights, checksums.correlations)


def settle_last(paths: ArtefactPaths) -> bool:
    """Place what was committed and drop what was not; True if there was anything that could be told."""
    finals = (paths.weights, paths.correlations)
    if not any(True for path in (*finals, paths.metadata) for _ in path.parent.glob(f".{path.name}.*")):
        return False
    try:
        checksums = read_metadata(paths)[0].checksums
        sums = (checksums.weights, checksums.correlations)
        committed = {staged_path(final, sha) for final, sha in zip(finals, sums, strict=True)}
    except ModelNotFoundError:  # a first publish that was never committed
        committed = set()
    except ArtefactError:  # damaged, or a later version's: which of these it owns cannot be told
        return False
    settle(paths, committed)
    return True
