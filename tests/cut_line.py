"""A line between a host and one of its partners: TCP by an address of its own, which can be cut, silent or slow."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

_PIECE = 16 * 1024
_RESET = struct.pack("ii", 1, 0)  # closing a socket so tells the other end at once


class Line:
    """Passes bytes on to a partner.

    Parameters
    ----------
    partner
        Its address and port.
    address
        Where the line begins: an address of the host's own, such as ``127.0.0.11``.
    """

    def __init__(self, partner, address="127.0.0.1"):
        self._partner = partner
        self._open = threading.Event()  # clear: bytes wait, in both directions
        self._open.set()
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listening = None
        self.pause = 0.0  # seconds that each piece of a message takes
        self.connections = 0
        self.address, self.port = address, 0
        self.mend()

    @property
    def url(self):
        return f"http://{self.address}:{self.port}"

    def cut(self):
        """Refuse connections, and reset those that are there."""
        with self._lock:
            listening, self._listening = self._listening, None
            ends, self._ends = self._ends, set()
        if listening is not None:
            # Closing alone leaves a thread that waits for connections with the port.
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        for end in ends:
            _reset(end)
        self._open.set()

    def silence(self):
        """Accept connections and pass nothing on, as a firewall that drops packets does."""
        self._open.clear()

    def slow(self, seconds):
        """Let each piece of a message take so long."""
        self.pause = seconds

    def mend(self):
        """Pass everything on again; connections that were silent or slow go on."""
        self.pause = 0.0
        self._open.set()
        if self._listening is None:
            # While the line was cut, nobody else may have taken the port: the address is the line's own.
            listening = socket.create_server((self.address, self.port))
            self.port = listening.getsockname()[1]
            self._listening = listening
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def _accept(self, listening):
        while True:
            try:
                host, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._connect, args=(host,), daemon=True).start()

    def _connect(self, host):
        self._open.wait()
        try:
            partner = socket.create_connection(self._partner, timeout=30)
        except OSError:
            _reset(host)
            return
        partner.settimeout(None)
        for end in (host, partner):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            if self._listening is None:
                ends = set()
            else:
                ends = {host, partner}
                self._ends |= ends
        if not ends:
            _reset(host)
            _reset(partner)
            return
        back = threading.Thread(target=self._pass_on, args=(partner, host), daemon=True)
        back.start()
        self._pass_on(host, partner)
        back.join()
        with self._lock:
            self._ends -= ends
        for end in ends:
            end.close()

    def _pass_on(self, giver, taker):
        try:
            while piece := giver.recv(_PIECE):
                if self.pause:
                    time.sleep(self.pause)
                self._open.wait()
                taker.sendall(piece)
            taker.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(giver)
            _reset(taker)


def _reset(end):
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RDWR)
    end.close()
