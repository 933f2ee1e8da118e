"""Refreshes a site as a process of its own, which ends in the middle of a step as a killed one would.

``python refresher.py FOLDER MOMENT EVENT`` refreshes in full at a moment; EVENT is where it ends, after the first.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_site import Clock, LiveSource, made_site
from tickgraph.market.sources.sample import SampleSource
from tickgraph.operations.refresh import refresh

folder, moment, where = sys.argv[1:]
clock = Clock(datetime.fromisoformat(moment))


def end(event, _):
    if event == where:
        os._exit(9)


refresh(
    made_site(Path(folder), LiveSource(SampleSource(), clock), clock),
    kind="weekly",
    due_at=clock.moment,
    on_event=end,
)
