"""Secrets that are sent in a header of HTTP: keys and tokens."""

from __future__ import annotations


def is_sendable(secret: str) -> bool:
    """Whether a header takes a secret: ASCII that can be printed, without spaces or line ends around it."""
    return bool(secret) and secret.isascii() and secret.isprintable() and secret == secret.strip()
