"""A process that serves S3 on a free port of this machine, until its standard input ends: moto's server.

It has a process of its own, since what it imports warns, and tests take a warning for an error.
"""

from __future__ import annotations

import logging
import sys


def main():
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
