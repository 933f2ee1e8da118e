"""Calls that do not come back while a test lets them hang, as reads of a network mount whose server is gone."""

from __future__ import annotations

import threading


class Hanging:
    def __init__(self):
        self._answers = threading.Event()
        self._answers.set()
        self.waiting = threading.Semaphore(0)  # released by each call that hangs

    def slow(self, real):
        def call(*words, **more):
            if not self._answers.is_set():
                self.waiting.release()
                self._answers.wait()
            return real(*words, **more)

        return call

    def hang(self):
        self._answers.clear()

    def answer(self):
        self._answers.set()
