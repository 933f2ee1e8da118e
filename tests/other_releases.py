"""Other releases, for tests of an upgrade: what the last one wrote, and what a later one may write.

``faults/release_0_1_0.zip`` was written by the code of 2026-11-28, before files could say more than a release knows:

- two small models, the fit of eight symbols that they are drawn to, and its state of the day;
- prices with two appends, and a run of refresh that was interrupted;
- ``answers.json``: what that release said of both models;
- the schemas by which it read its files. Most of them take no unknown field.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tickgraph.registry.metadata_file import content_checksum
from tickgraph.registry.sealed_files import seal_files, unseal_files

ADDED = {"named": [1, {"deeply": None}], "share": 0.25}


def unpack(folder):
    """Put the files of the last release into a folder."""
    with zipfile.ZipFile(Path(__file__).parent / "faults" / "release_0_1_0.zip") as archive:
        archive.extractall(folder)
    return folder


def add_fields(content):
    """What a later release of the same schema version may have added to metadata."""
    content["added"] = ADDED
    content["training_config"]["clipping"] = 1.5
    content["data_stats"]["holidays"] = 9
    content["calibration"]["weighting"] = {"half_life": 60}
    content["versions"]["tickgraph"] = "0.9.0"


def take_next_version(content):
    """What a later release may write under the next schema version."""
    add_fields(content)
    content["schema_version"] = 2
    del content["calibration"]


def publish_later(place, symbol, change, storage=None):
    """Publish a symbol's model again as a later release, in a folder or, given the storage, in its bucket."""
    name = f"{symbol}_metadata.json"
    if storage is None:
        path = place / "metadata" / name
        path.write_bytes(_changed(path.read_bytes(), change))
        return
    key = f"gnn/models/{symbol}.model.zip"
    files = unseal_files(storage.get(key))
    storage.put(key, seal_files({**files, name: _changed(files[name], change)}))


def later_header(data, **changes):
    """Bytes of a fit or a state with another header, and with an array that this release does not know."""
    files = unseal_files(data)
    files["header.json"] = json.dumps(json.loads(files["header.json"]) | changes).encode()
    return seal_files({**files, "added.npy": b"an array of a later release"})


def _changed(data, change):
    content = json.loads(data)
    change(content)
    content["checksums"]["metadata"] = content_checksum(content)
    return json.dumps(content).encode()
