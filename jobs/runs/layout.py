"""Text of others, errors and JSON, as a terminal can show them."""

import json

from model.text.escaping import harmless
from pipeline.console.printing import answer


def cause(error: str) -> str:
    """The error of a manifest in, its sentence out: of a traceback that is the last line."""
    lines = error.strip().splitlines() or [""]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def as_json(value: object) -> str:
    """A value as JSON of harmless characters alone, which scripts read back as they were."""
    return json.dumps(value, indent=1).replace("\x7f", "\\u007f")


def say(lines: str) -> None:
    """Print lines that may hold text of others, as harmless characters, as what was asked for."""
    answer("\n".join(map(harmless, lines.split("\n"))))
