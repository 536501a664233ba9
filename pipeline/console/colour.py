"""What a terminal is given of a text: what prints, and our own colours.

Colours mean something, and are for a person on a terminal alone. Five colours are a dictionary and
an escape code; a package for it would be imported at every start.
"""

import os
import re
from collections.abc import Callable
from io import TextIOBase
from typing import TextIO

from model.text.escaping import harmless

Paint = Callable[[str, str], str]

_CODES = {"good": "32", "warning": "33", "bad": "31", "name": "1", "aside": "2"}
# Until it is printed, a colour is a character that Unicode keeps for uses within programs, and not
# its escape sequence: these stand in texts of others, and are shown as they are written there.
_MARKS = dict(zip(_CODES, "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4", strict=True))
_END = "\ufdd5"
_SEQUENCES = {
    **{_MARKS[meaning]: f"\x1b[{code}m" for meaning, code in _CODES.items()},
    _END: "\x1b[0m",
}
_KEPT = re.compile(f"([\n{''.join(_SEQUENCES)}])")


def painter(stream: TextIO | TextIOBase) -> Paint:
    """What marks a text with its meaning for `rendered`, where `stream` shows colours.

    NO_COLOR and FORCE_COLOR decide where they are set and not empty, the first before the second;
    a terminal that calls itself dumb gets no colours. Meanings: good, warning, bad, name, aside.
    """
    return _marked if _shows_colours(stream) else plain


def rendered(text: str, stream: TextIO | TextIOBase) -> str:
    """A text as `stream` is given it: lines of characters that print, in the colours marked."""
    if "\n" not in text and text.isprintable():
        return text
    sequences = _SEQUENCES if _shows_colours(stream) else {}
    parts = _KEPT.split(text)
    return "".join(
        part if part == "\n" else sequences.get(part) or harmless(part) for part in parts
    )


def plain(text: str, _meaning: str) -> str:
    """The text as it is."""
    return text


def _marked(text: str, meaning: str) -> str:
    return f"{_MARKS[meaning]}{text}{_END}"


def _shows_colours(stream: TextIO | TextIOBase) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"
