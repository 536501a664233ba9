"""Colours that mean something, where a person reads them: on a terminal, and nowhere else.

Four colours are a dictionary and an escape code; a package for it would be imported at every start.
"""

import os
from collections.abc import Callable
from io import TextIOBase
from typing import TextIO

Paint = Callable[[str, str], str]

_CODES = {"good": "32", "warning": "33", "bad": "31", "name": "1", "aside": "2"}


def painter(stream: TextIO | TextIOBase) -> Paint:
    """What turns (text, meaning) into what `stream` shows: coloured, or as it is.

    NO_COLOR and FORCE_COLOR decide where they are set and not empty, the first before the second;
    a terminal that calls itself dumb gets no colours. Meanings: good, warning, bad, name, aside.
    """
    return _coloured if _shows_colours(stream) else plain


def plain(text: str, _meaning: str) -> str:
    """The text as it is."""
    return text


def _coloured(text: str, meaning: str) -> str:
    return f"\x1b[{_CODES[meaning]}m{text}\x1b[0m"


def _shows_colours(stream: TextIO | TextIOBase) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"
