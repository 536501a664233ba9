"""Values laid out for a terminal: tables, durations, text of others."""

import json
import sys
from collections.abc import Sequence

from model.text.escaping import harmless
from pipeline.console.printing import account


def table(rows: Sequence[Sequence[str]], numbers: frozenset[int] = frozenset()) -> list[str]:
    """Rows of cells in, lines with aligned columns out; those of `numbers` are set to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if position in numbers else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def number(count: int, word: str) -> str:
    """A count with its word, which is a plural without its s for one."""
    return f"{count:,} {word if count != 1 else word.removesuffix('s')}"


def cause(error: str) -> str:
    """The error of a manifest in, its sentence out: of a traceback that is the last line."""
    lines = error.strip().splitlines() or [""]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def as_json(value: object) -> str:
    """A value as JSON of harmless characters alone, which scripts read back as they were."""
    return json.dumps(value, indent=1).replace("\x7f", "\\u007f")


def say(lines: str) -> None:
    """Print lines that may hold text of others, as characters that the terminal can show."""
    encoding = sys.stdout.encoding or "utf-8"
    shown = "\n".join(map(harmless, lines.split("\n")))
    account(shown.encode(encoding, "backslashreplace").decode(encoding))
