"""Another interpreter, with packages that this one need not have: is it there, what does it say."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from schemas.errors import JobError, UsageError


def has_modules(python: str, modules: Sequence[str], flag: str) -> bool:
    """Whether the interpreter can import all of them.

    Raises UsageError where the user named, with `flag`, one that cannot.
    """
    probe = [python, "-c", f"import {', '.join(modules)}"]
    try:
        is_there = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except OSError as error:
        raise UsageError(f"{flag} {python}: {error.strerror}") from error
    if not is_there and python != sys.executable:
        raise UsageError(f"{flag} {python} cannot import {' and '.join(modules)}")
    return is_there


def answer_of(
    python: str, script: Path, arguments: Sequence[str], texts: IO[str] | None = None
) -> dict[str, Any]:
    """The JSON object that the script prints, given `texts`; raises JobError where it fails."""
    command = [python, str(script), *arguments]
    done = subprocess.run(command, stdin=texts, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise JobError(f"{script.name} failed in {python}: {last}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
