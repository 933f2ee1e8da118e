"""Run the application under uvicorn: in one process, or in several that share files, and Redis if there is one."""

from __future__ import annotations

import errno
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from tickgraph.errors import InputError
from tickgraph.http import shared_metrics, tracing
from tickgraph.http.application import create_app
from tickgraph.http.connection import GuardedProtocol
from tickgraph.http.guards import guards
from tickgraph.http.logs import configure
from tickgraph.settings import Settings, load_settings

FLAGS_VARIABLE = "TICKGRAPH_SERVE_FLAGS"  # carries the command line's settings to worker processes
BACKLOG = 1_024
# A worker process that gives no sign for so long is replaced. None can give one while it is still importing.
WORKER_SECONDS = 30
LEAVE_SECONDS = 5.0  # for a process whose service has stopped: a call that hangs must not hold it up


def run(settings: Settings, flags: str = "{}", introduce: Callable[[], None] = lambda: None) -> None:
    """Serve until a signal; requests in work are finished first.

    Parameters
    ----------
    settings
        Those of the service.
    flags
        JSON of the settings on the command line; worker processes read the other settings themselves.
    introduce
        Called once the address is the service's own.
    """
    # A worker process that its application ends is started again, so a bad limit or a missing extra is refused here.
    guards(settings.serve.api_keys, settings.serve.rate_limit)
    if settings.serve.tracing:
        tracing.must_be_installed()
    sockets = [listen(settings.serve.host, settings.serve.port, introduce)]
    # uvicorn raises a signal again once it has stopped in order. That end is a success, and training processes end as
    # after any other.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, "SIGHUP") and settings.serve.workers == 1:  # uvicorn restarts several by it
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    if settings.serve.workers == 1:
        os.environ.pop(shared_metrics.VARIABLE, None)  # one process shares its metrics with none
        try:
            uvicorn.Server(configuration(_application(settings), settings)).run(sockets)
        finally:
            _leave_within(LEAVE_SECONDS)
        return
    os.environ[FLAGS_VARIABLE] = flags
    configure(settings.serve.log_format)
    with shared_metrics.folder_of_a_service(settings.runtime_dir.absolute()):
        try:
            Supervisor(configuration("tickgraph.http.server:from_environment", settings), sockets).run()
        finally:
            _leave_within(LEAVE_SECONDS)


class Supervisor(Multiprocess):
    """uvicorn's supervisor, which also kills a process that does not stop in its time."""

    def join_all(self) -> None:
        """Wait for every process to stop: as long as requests and training may take, and a little more."""
        deadline = time.monotonic() + 2 * (self.config.timeout_graceful_shutdown or 0) + 4 * LEAVE_SECONDS
        for one in self.processes:
            one.process.join(max(0.0, deadline - time.monotonic()))
            if one.process.is_alive():
                one.process.kill()
                one.process.join(LEAVE_SECONDS)


def _leave_within(seconds: float) -> None:
    """End the process after so long, even if a library waits for a thread or a process that hangs."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


def listen(host: str, port: int, introduce: Callable[[], None] = lambda: None) -> socket.socket:
    """Open the service's socket, introduce the service, and say on stderr where it is.

    Raises
    ------
    InputError
        The address is not this machine's, or the port is taken or needs more rights.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:
        raise InputError(f"Cannot listen on {host}:{port}: {_why(error)}") from error
    opened.set_inheritable(True)
    introduce()
    address = f"[{host}]" if family == socket.AF_INET6 else host
    sys.stderr.write(f"listening on http://{address}:{opened.getsockname()[1]}\n")
    sys.stderr.flush()
    return opened


def _why(error: OSError | UnicodeError) -> str:
    """Say why an address cannot be listened on, and what to do."""
    match error.errno if isinstance(error, OSError) else None:
        case errno.EADDRINUSE:
            return "another program does. Stop it, or choose another port, such as --port 8001."
        case errno.EACCES:
            return "ports below 1024 need more rights. Choose another, such as --port 8001."
        case _:
            said = error.strerror if isinstance(error, OSError) else error
            return f"{said or error}. Choose another address with --host and --port."


def from_environment() -> FastAPI:
    """Application of a worker process; it ends in order when the process that started it has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    return _application(load_settings(**json.loads(os.environ[FLAGS_VARIABLE])))


def _end_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def _application(settings: Settings) -> FastAPI:
    configure(settings.serve.log_format)
    GuardedProtocol.header_seconds = settings.serve.header_seconds
    return create_app(settings)


def configuration(app: FastAPI | str, settings: Settings) -> uvicorn.Config:
    """Configure uvicorn for an application, or for the name of a function that makes one."""
    serve = settings.serve
    return uvicorn.Config(
        app,
        workers=serve.workers,
        factory=isinstance(app, str),
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=serve.keep_alive_seconds,
        timeout_graceful_shutdown=serve.drain_seconds,
        timeout_worker_healthcheck=WORKER_SECONDS,
        server_header=False,
        proxy_headers=False,  # see proxy.py
        access_log=False,
        log_config=None,
    )
