"""A refresh in a process of its own, which stops itself at a chosen moment as a paused host would.

``python leader_process.py CASE``; CASE is JSON: places of ``models`` and ``prices`` (of object storage, or paths), the
folder ``state``, the ``moment`` of its clock, and where it stops: at ``event``, of a step and a symbol, or before
``rename``, when a file of that name is put in its place. It begins after a line of input, and prints how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from made_site import Clock, LiveSource, made_site
from tickgraph.errors import TickgraphError
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.store import PriceStore
from tickgraph.object_place import ObjectPlace
from tickgraph.operations.refresh import refresh
from tickgraph.registry.registry import ModelRegistry


def place(given):
    return ObjectPlace.model_validate(given) if isinstance(given, dict) else Path(given)


def site_of(case, clock, sample):
    """The site that a case describes."""
    return replace(
        made_site(Path(case["state"]).parent, LiveSource(sample, clock), clock),
        registry=ModelRegistry(place(case["models"]), clock),
        store=PriceStore(place(case["prices"]), clock),
        operations_dir=Path(case["state"]),
    )


def pause():
    os.kill(os.getpid(), signal.SIGSTOP)


def main():
    case = json.loads(sys.argv[1])
    clock = Clock(datetime.fromisoformat(case["moment"]))
    site = site_of(case, clock, SampleSource())
    paused = []

    def at(found):
        if found and not paused:
            paused.append(found)
            pause()

    def on_event(event, symbol):
        at([event, symbol] == case.get("event"))

    def audit(event, arguments):
        if event == "os.rename" and case.get("rename") and not paused:
            at(Path(os.fspath(arguments[1])).name == case["rename"])

    sys.addaudithook(audit)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        run = refresh(site, retrain=False, on_event=on_event)
    except TickgraphError as error:
        print(json.dumps([type(error).__name__, str(error)]), flush=True)
    else:
        print(json.dumps([run.state, run.error]), flush=True)


if __name__ == "__main__":
    main()
