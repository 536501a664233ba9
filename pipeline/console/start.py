"""What holds from the first lines of a command on: how it logs, and how it ends when asked to.

Packages import this before anything else of theirs, so it imports next to nothing.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

PROGRAM = "gleaner"
FLAG = "--log_format"
JSON = "json"

_ENDINGS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
_UNHANDLED = (signal.SIG_DFL, signal.default_int_handler)


def chooses_json(arguments: Sequence[str]) -> bool:
    """Whether the arguments ask for JSON. Errors in them are told so too: none is parsed yet."""
    chosen = ""
    for argument, after in pairwise([*arguments, ""]):
        flag, joined, value = argument.partition("=")
        if flag == FLAG:
            chosen = value if joined else after
    return chosen == JSON


def is_started_as(package: str) -> bool:
    """Whether this process was started as a command of the package, which is being imported.

    That is `python -m PACKAGE.MODULE`, for which Python has no name of a script yet, or the script
    `gleaner`. A program of somebody else that imports the package keeps its signals.
    """
    if sys.argv[:1] == ["-m"]:
        return any(argument.partition(".")[0].endswith(package) for argument in sys.orig_argv[1:])
    return os.path.basename("".join(sys.argv[:1])) == PROGRAM


def leave_on_signals() -> None:
    """Let a request to end do so at once, in one sentence: nothing was begun yet.

    What whoever started the process had ignored, as a shell does in the background, stays so.
    """
    for number in _ENDINGS:
        if signal.getsignal(number) in _UNHANDLED:
            signal.signal(number, _leave)


def raise_on_signals() -> None:
    """Let a request to end raise KeyboardInterrupt with what it is, from now on."""
    _handle_with(_interrupt)


def pass_over_signals() -> None:
    """Let a request to end change nothing from now on, while it is said what became of the work."""
    _handle_with(lambda *_: None)


def end_on_signals(code: int) -> None:
    """Let a request to end cut off what follows the work: the exit code is that of the work."""
    _handle_with(lambda *_: os._exit(code))


def _handle_with(handler: Callable[[int, object], object]) -> None:
    for number in _ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(number: int, _frame: object) -> None:
    """The first request to terminate is the last: what follows it may take its time."""
    if number == signal.SIGTERM:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt(_ENDINGS[signal.Signals(number)])


def _leave(number: int, _frame: object) -> None:
    """As a console would say it; none is imported yet, and none could be here."""
    message = _ENDINGS[signal.Signals(number)]
    line = f"error: {message}\n"
    if chooses_json(sys.argv[1:] if sys.argv[:1] != ["-m"] else sys.orig_argv):
        now = time.time()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        line = (
            f'{{"time": "{moment}.{int(now % 1 * 1000):03}Z", "level": "error", "event": "error", '
            f'"exit_code": 1, "message": "{message}"}}\n'
        )
    try:
        os.write(2, line.encode())
    finally:
        os._exit(1)
