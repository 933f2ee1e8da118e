"""What a service shares with others through Redis: claims, news, counters."""

from __future__ import annotations

from collections.abc import Callable, Collection

from tickgraph.http.request_counters import RequestCounters
from tickgraph.shared.claims import Claims
from tickgraph.shared.contact import SharedContact
from tickgraph.shared.listener import Listener
from tickgraph.shared.news import Kind
from tickgraph.shared.shared_settings import SharedSettings


class Host:
    """What a service shares with others; without Redis nothing, and each part works by itself.

    Parameters
    ----------
    shared
        Redis, with the space; None shares nothing.
    on_news
        Called in a thread of its own with the kinds of news.

    Attributes
    ----------
    claims
        On trainings; None shares none.
    counters
        Of requests by client.
    """

    def __init__(self, shared: SharedSettings | None, on_news: Callable[[Collection[Kind]], None]) -> None:
        self._contact = SharedContact(shared) if shared is not None else None
        self._listener = Listener(self._contact, on_news) if self._contact is not None else None
        self.claims = Claims(self._contact) if self._contact is not None else None
        self.counters = RequestCounters(self._contact)

    @property
    def away(self) -> str | None:
        """Why this host works by itself; None while Redis answers, or where there is none."""
        return self._contact.away if self._contact is not None else None

    def start(self) -> None:
        """Listen to news."""
        if self._listener is not None:
            self._listener.start()

    def stop(self) -> None:
        """Listen no more, and leave Redis; what was claimed has been given back."""
        if self._listener is not None:
            self._listener.stop()
        if self._contact is not None:
            self._contact.close()
