"""What all command lines share: one sentence and an exit code instead of a traceback.

Nothing here imports Beam or TensorFlow, so that `--help` and a mistyped flag answer at once.
"""

import argparse
import atexit
import contextlib
import difflib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from schemas.errors import JobError, UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, names the nearest flag, and never abbreviates."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The parsed flags; raises UsageError for whatever is not one."""
        namespace, unknown = self.parse_known_args(arguments)
        if unknown:
            raise UsageError(unknown_argument(unknown[0], self.flags))
        return namespace

    @property
    def flags(self) -> list[str]:
        """Every flag that this parser takes."""
        return list(self._option_string_actions)


def unknown_argument(argument: str, known: Iterable[str]) -> str:
    """The sentence for an argument that no flag takes."""
    flag = argument.split("=", maxsplit=1)[0]
    if not flag.startswith("-"):
        return f"{argument!r} belongs to no flag"
    nearest = difflib.get_close_matches(flag, list(known), 1)
    return f"unknown flag {flag}" + (f", did you mean {nearest[0]}?" if nearest else "")


def main(run: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run a job with the process's arguments and leave with its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    quiet_libraries()
    try:
        _require_utf8(sys.argv[1:])
        code = run(sys.argv[1:])
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt as error:
        print(f"error: {str(error) or 'interrupted'}", file=sys.stderr)
        code = 1
    # Taking TensorFlow and Beam's threads down in order costs a second and prints tracebacks of
    # half-destroyed modules; all files are closed by now.
    sys.stderr.flush()
    # A job server that Beam started for a run ends in one of these.
    atexit._run_exitfuncs()  # noqa: SLF001 - the only way to have them run before `_exit`
    os._exit(code)


def _require_utf8(arguments: Sequence[str]) -> None:
    """Paths end up in tables and manifests, which are UTF-8; raises UsageError for any other."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"the argument {os.fsencode(argument)!r} is not UTF-8") from error


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """Let a request to terminate do what Ctrl-C does, once: what follows it may take its time."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt("terminated")


def require_file(flag: str, path: str | None) -> None:
    """Raise UsageError where `flag` names a file that cannot be written; None is no file."""
    if path and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        raise UsageError(f"{flag} {path} cannot be written: not a file in a folder")


def account(text: str) -> None:
    """Print what a job did, last of all; a reader that left, as `head` does, changes nothing."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def warn(text: str) -> None:
    """Say on stderr what went wrong and changes nothing of what was asked for."""
    print(f"warning: {text}", file=sys.stderr, flush=True)


def quiet_libraries() -> None:
    """Keep notices about processors, missing GPUs and optional packages off the user's terminal.

    Called before Beam and TensorFlow are imported, which is when they read these.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    # The end of life of tensorflow_addons is known: it is needed for training only.
    warnings.filterwarnings("ignore", module="tensorflow_addons")
