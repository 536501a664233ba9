"""Where a quoted field ends: of a row too large to be held, and of one whose quote has no end."""

import re
from collections.abc import Sequence
from itertools import accumulate

_SEPARATORS = 4  # that lines of prose hardly have as rows do: as many on each
_LINE = re.compile(r"[^\r\n]*+(?:\r\n?|\n|\Z)")


def lines_before_rows(lines: Sequence[str], width: int, separator: str, escape: str) -> int:
    """Lines that a quote made one row in; how many stand before the first that is a row out.

    0 where they are more likely text of that row. They are rows if at least half of them have
    `width` fields, as it takes a second field to tell; and where the quote at which reading failed
    stands within a field, as quotes in prose do, if no line but that one is another, and they hold
    what prose does not: a tab, or four separators. A last line without its end was cut off, and
    says nothing.
    """
    text = "".join(lines[1:])
    if width == 1 or not text:
        return 0
    sign, barred = re.escape(separator), re.escape(escape)
    escaped = f"|{barred}." if escape else ""
    to_quote = rf'(?:[^"{barred}]|""{escaped})*+"'
    closing = re.match(to_quote, text, re.DOTALL)
    is_within = closing and closing[0].rstrip('"')[-1:] not in (separator, "\n", "\r", "")
    field = rf'(?:"{to_quote}|(?:[^"{sign}\r\n{barred}]{escaped})*+)'
    row = re.compile(rf"{field}(?:{sign}{field}){{{width - 1}}}(?:\r\n?|\n|\Z)", re.DOTALL)
    fitting = others = position = 0
    first = None
    while position < len(text):
        if match := row.match(text, position):
            fitting += 1
            first = position if first is None else first
        elif match := _LINE.match(text, position):
            others += bool(match[0].strip("\r\n"))
        position = match.end() if match else len(text)
    if first is None or fitting < others:
        return 0
    if is_within and (others > 1 or (separator != "\t" and fitting * (width - 1) < _SEPARATORS)):
        return 0
    before = accumulate(map(len, lines[1:]), initial=0)
    return 1 + list(before).index(first)


class Quotes:
    """Follows a row as the csv module reads it, piece by piece: `open` while inside of quotes.

    A row ends with the first line that does not end inside of them.
    """

    def __init__(self, separator: str = ",", escape: str = "") -> None:
        # "start" of a field, "plain" in one, "quoted" in one, at a "quote" in a quoted one, or
        # behind a quote that nothing but a separator may follow: then the row is "malformed".
        self._at = "start"
        self._separator = separator
        self._escaped = re.compile(f"{re.escape(escape)}(.|$)", re.DOTALL) if escape else None
        self._is_cut = False  # between an escape and what it escapes
        self.ended = False

    @property
    def open(self) -> bool:
        return self._at == "quoted"

    def follow(self, piece: str) -> None:
        line = piece
        if self._escaped:
            piece = "x" * self._is_cut + piece[self._is_cut :]
            self._is_cut = False
            piece = self._escaped.sub(self._hide, piece)
        position = 0
        while position < len(piece) and self._at != "malformed":
            if self._at in {"start", "quote"} and piece[position] == '"':
                self._at, found = "quoted", position
            elif self._at == "quote" and piece[position] != self._separator:
                self._at, found = "malformed", position
            else:
                sought = '"' if self.open else self._separator
                found = piece.find(sought, position)
                following = "quote" if self.open else "start"
                self._at = following if found >= 0 else "quoted" if self.open else "plain"
            position = found + 1 if found >= 0 else len(piece)
        # The csv module reads a malformed row no further than its line.
        last = line if self._at == "malformed" else piece
        self.ended = not self.open and last.endswith(("\r", "\n"))

    def _hide(self, match: re.Match[str]) -> str:
        self._is_cut = not match[1]
        return "x" * len(match[1])
