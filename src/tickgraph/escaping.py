r"""Text from outside, made safe to print: what would steer a terminal or forge a line is written as ``\x1b``."""

from __future__ import annotations

import re

# Controls (C0, DEL, C1), line and paragraph ends, marks of writing direction, invisible characters, lone surrogates.
_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def escaped(text: str, keep: str = "") -> str:
    r"""Write every character that steers a terminal by its number: ``\x1b``, ``\u2028``.

    Parameters
    ----------
    text
        From anywhere: a URL, a header, a file, an error's message.
    keep
        Characters that may stay, such as line ends in a text of several lines.
    """

    def written(found: re.Match[str]) -> str:
        character = found[0]
        if character in keep:
            return character
        number = ord(character)
        if number < 0x100:
            return f"\\x{number:02x}"
        return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"

    return _STEERING.sub(written, text)
