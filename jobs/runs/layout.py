"""Errors and JSON as a terminal can show them."""

import json


def cause(error: str) -> str:
    """The error of a manifest in, its sentence out: of a traceback that is the last line."""
    lines = error.strip().splitlines() or [""]
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def as_json(value: object) -> str:
    """A value as JSON of harmless characters alone, which scripts read back as they were."""
    return json.dumps(value, indent=1).replace("\x7f", "\\u007f")
