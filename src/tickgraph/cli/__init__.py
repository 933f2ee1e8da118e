"""The command line: ``tickgraph``."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tickgraph.cli.app import app
from tickgraph.cli.output import complain
from tickgraph.cli.streams import make_forgiving
from tickgraph.errors import TickgraphError

INTERRUPTED = 130


def main(command: Callable[[], object] = app) -> None:
    """Run a command; its exit code tells the causes apart (see ``tickgraph --help``)."""
    make_forgiving()
    try:
        command()
    except TickgraphError as error:
        complain(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
