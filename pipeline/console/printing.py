"""What a command says to the person who started it."""

import contextlib
import sys


def account(text: str) -> None:
    """Print what a job did, last of all; a reader that left, as `head` does, changes nothing."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def warn(text: str) -> None:
    """Say on stderr what went wrong and changes nothing of what was asked for."""
    with contextlib.suppress(OSError):
        print(f"warning: {text}", file=sys.stderr, flush=True)
