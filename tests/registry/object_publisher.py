"""A process that forks children which publish on object storage and die at a chosen step; see publisher.py.

Each line of its input is the number of a step. The child dies there: before or after a request to the storage, or at a
call that touches the disk. The answer is how the child ended: ``died`` or ``done``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import publisher

from tickgraph.model.weights import weight_shapes
from tickgraph.object_place import ObjectPlace
from tickgraph.registry.registry import ModelRegistry

DIED = 9


def die_at(step):
    """End this process at the n-th step: the two sides of each request, and each call that touches a model's file."""
    from tickgraph import object_store

    count = 0

    def a_step():
        nonlocal count
        count += 1
        if count == step:
            os._exit(DIED)

    class Steps:
        def __init__(self, library):
            self._library = library

        def __getattr__(self, name):
            def call(*words, **options):
                a_step()
                try:
                    return getattr(self._library, name)(*words, **options)
                finally:
                    a_step()

            return call

    library = object_store.library()
    object_store.library = lambda: Steps(library)

    def watch(event, arguments):
        if event in ("os.rename", "os.remove", "open", "os.mkdir") and "AAPL" in str(arguments[0]):
            a_step()

    sys.addaudithook(watch)


def child(place, template, number, step):
    if step:
        die_at(step)
    registry = ModelRegistry(place)
    registry.publish(*publisher.generation(template, number))


def main():
    folder, *places = sys.argv[1:]
    template = ModelRegistry(Path(folder)).load(publisher.SYMBOL, weight_shapes)
    print("ready", flush=True)
    for line in sys.stdin:
        number, step, which = map(int, line.split())
        pid = os.fork()
        if pid == 0:
            try:
                child(ObjectPlace.model_validate_json(places[which]), template, number, step)
            except BaseException as error:  # noqa: BLE001
                print(f"error: {error!r}", flush=True)
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print({DIED: "died", 0: "done"}.get(code, f"ended with {code}"), flush=True)


if __name__ == "__main__":
    main()
