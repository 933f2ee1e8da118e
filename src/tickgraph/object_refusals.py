"""What object storage answers when it refuses, in words: the status and the server's code, and nothing else.

What the library says of an error holds addresses, headers and the server's text.
"""

from __future__ import annotations

import re

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,60})</Code>")
_OUT_OF_TIME = re.compile(r"timed out|TimedOut|deadline", re.IGNORECASE)
_REMEDIES = {
    "NoSuchBucket": "Make the bucket, or name another.",
    "InvalidBucketName": "Name another bucket.",
}


def code_of(text: str) -> str | None:
    """The server's code in a text, such as ``NoSuchKey``; None without one."""
    found = _CODE.search(text)
    return found[1] if found else None


def refusal(text: str) -> str:
    """Say what happened and what to do, from what the library says of an error; nothing is said of a failed line."""
    status, code = _STATUS.search(text), _CODE.search(text)
    if status is None:
        if _OUT_OF_TIME.search(text):
            return "it does not answer in time. Look at the network and the storage."
        return "it does not answer. Look at the network, the endpoint and the credentials."
    said = " ".join(part[1] for part in (status, code) if part)
    number = int(status[1])
    if code and code[1] in _REMEDIES:
        return f"it answers {said}. {_REMEDIES[code[1]]}"
    if number in (401, 403):
        return f"it refuses access ({said}). Look at the credentials in AWS_ variables and the bucket's permissions."
    return f"it answers {said}. " + (
        "Wait, or look at the storage." if number >= 500 else "Look at its settings."
    )
