"""Metadata edited by hand, with the checksum that belongs to it: what an older or another release may have written."""

from __future__ import annotations

import json

from tickgraph.registry.metadata_file import content_checksum


def edit(path, change, *, target=None):
    """Let ``change`` edit the content of a metadata file, seal it again, and write it to ``target`` or back."""
    content = json.loads(path.read_text())
    change(content)
    content["checksums"]["metadata"] = content_checksum(content)
    (target or path).write_text(json.dumps(content))
