"""Words for people: durations, counts, and what an error says in one line."""

import re
from collections.abc import Container, Sequence
from datetime import datetime

from schemas.errors import GleanerError, ShardError

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400  # seconds

SHOWN = 20  # names, in a sentence

# A quotation mark beside a word, or that of Python's bytes; none is an apostrophe within one.
_QUOTE = re.compile(r"""(?<![^\W_])['"`]|(?<=\bb)['"]|['"`](?![^\W_])""")


def duration(seconds: float) -> str:
    """Seconds in words: to a tenth below a minute, to a second below an hour."""
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def short_duration(seconds: float) -> str:
    """Seconds for a table, in the two units that matter: `4.8 s`, `3m 05s`, `2h 10m`, `1d 01h`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR:02}h"


def counted(count: int, word: str) -> str:
    """A count with its word, in the plural unless there is one."""
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count:,} {word if count == 1 else plural}"


def listed(names: Sequence[str], count: int | None = None, most: int = SHOWN) -> str:
    """Names in, those that fit with commas between them out, and how many there are beside.

    count: how many there are in all, where `names` are the first alone.
    """
    further = (len(names) if count is None else count) - most
    return ", ".join(names[:most]) + (f" and {further:,} more" if further > 0 else "")


def first_line(error: BaseException) -> str:
    """What the error says, its class where it says nothing; one line that UTF-8 can write."""
    text = (getattr(error, "strerror", None) or str(error)).strip()
    line = (text.splitlines() or [f"{type(error).__name__} without a message"])[0]
    return line.encode(errors="backslashreplace").decode().rstrip(".")


def cause(error: BaseException) -> str:
    """What an error of a record or a file says in one line, with no value of theirs.

    What we raise names kinds, places and flags; what others say may be a value where it is quoted.
    """
    if isinstance(error, ShardError):
        return error.nameless.rstrip(".")
    line = first_line(error)
    if isinstance(error, GleanerError | UnicodeError):  # the latter name one byte or character
        return line
    plain = without_quotes(line)
    return plain if " " in plain else type(error).__name__  # a single word may be the value


def without_quotes(line: str) -> str:
    """A line without what stands between its first quotation mark and its last."""
    marks = list(_QUOTE.finditer(line))
    if not marks:
        return line
    end = line[marks[-1].end() :] if marks[1:] else ""
    return f"{line[: marks[0].start()]}'…'{end}"


def moment(time: str) -> str:
    """A time as ISO 8601 in, the same to the second as people read it out."""
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M:%S} UTC"


def aligned(rows: Sequence[Sequence[str]], names: Container[int] = (0,)) -> list[str]:
    """Rows of cells in, lines with aligned columns out: those of `names` flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if position in names else cell.rjust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
