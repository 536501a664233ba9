"""The process of a command: signals, streams, and an exit code instead of a traceback."""

import atexit
import contextlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from pipeline.console.colour import rendered
from pipeline.console.events import EventStream
from pipeline.console.printing import Console, choose_console
from pipeline.console.start import (
    end_on_signals,
    leave_on_signals,
    pass_over_signals,
    raise_on_signals,
)
from schemas.errors import JobError, UsageError, exit_code_of


def main(run: Callable[[Sequence[str]], int]) -> NoReturn:
    """Run a job with the process's arguments and leave with its exit code."""
    leave_on_signals()
    # Helpers that Python starts by itself, as multiprocessing does, look for no module here either.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    _open_closed_streams()
    _keep_standard_error()
    console = choose_console(sys.argv[1:])
    quiet_libraries()
    code = _code_of(run, console)
    end_on_signals(code)
    # Taking TensorFlow and Beam's threads down in order costs a second and prints tracebacks of
    # half-destroyed modules; all files are closed by now.
    # A job server that Beam started for a run ends in one of these.
    atexit._run_exitfuncs()  # noqa: SLF001 - the only way to have them run before `_exit`
    console.finish()
    os._exit(code)


def _code_of(run: Callable[[Sequence[str]], int], console: Console) -> int:
    """Run the job; what it raises is told, and its exit code returned. Nothing is raised.

    From the end of the job on, signals raise nothing either.
    """
    try:
        try:
            raise_on_signals()
            _require_utf8(sys.argv[1:])
            return run(sys.argv[1:])
        finally:
            pass_over_signals()
    except SystemExit as left:  # argparse, once it has shown the help; others give a reason
        is_reason = isinstance(left.code, str)
        return console.error(str(left.code), 1) if is_reason else int(left.code or 0)
    except JobError as error:
        return console.error(str(error), exit_code_of(error))
    except KeyboardInterrupt as error:
        return console.error(str(error) or "interrupted", exit_code_of(error))
    except BaseException as error:  # noqa: BLE001 - told with its trace; a panic is no Exception
        return console.error(repr(error), exit_code_of(error), traceback.format_exc())


def _open_closed_streams() -> None:
    """Where a process starts without standard output or error, Python has None for them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process


def _keep_standard_error() -> None:
    """Print to a file descriptor of our own: while TensorFlow starts, number 2 leads nowhere."""
    with contextlib.suppress(OSError):
        encoding, errors = sys.stderr.encoding, sys.stderr.errors
        fd = os.dup(sys.stderr.fileno())
        sys.stderr = os.fdopen(fd, "w", buffering=1, encoding=encoding, errors=errors)


def _require_utf8(arguments: Sequence[str]) -> None:
    """Paths end up in tables and manifests, which are UTF-8; raises UsageError for any other."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"the argument {os.fsencode(argument)!r} is not UTF-8") from error


class _Rendered(logging.Formatter):
    """Log records of libraries, which may quote what others wrote."""

    def format(self, record: logging.LogRecord) -> str:
        return rendered(super().format(record), sys.stderr)


def _format_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,  # noqa: ARG001 - as Python names it
) -> str:
    text = f"{filename}:{lineno}: {category.__name__}: {message}"
    return f"{rendered(text, sys.stderr)}\n"


def quiet_libraries() -> None:
    """Keep notices about processors, missing GPUs and optional packages off the user's terminal.

    Called before Beam and TensorFlow are imported, which is when they read these.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    errors = logging.StreamHandler()
    errors.setFormatter(_Rendered("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.ERROR, handlers=[errors])
    if not isinstance(sys.stderr, EventStream):  # which takes the text as it is
        warnings.formatwarning = _format_warning
    # The end of life of tensorflow_addons is known: it is needed for training only.
    warnings.filterwarnings("ignore", module="tensorflow_addons")
