"""What a command says: text for people or events for machines, as --log_format chose once."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import TextIOBase
from typing import Any, TextIO

from model.text.escaping import harmless
from pipeline.console.colour import Paint, painter, plain, rendered
from pipeline.console.events import EventStream, speak_in_events
from pipeline.console.progress import ProgressReader
from pipeline.console.progress.display import Meter, event_updates, line_updates
from pipeline.console.start import chooses_json
from pipeline.console.text import first_line
from schemas.errors import JobError


@dataclass(frozen=True)
class Console:
    """Text for people: what a job did on `out`, what goes wrong or goes on on `errors`.

    Texts may hold what others wrote, as names of files and labels: of it, what does not print is
    escaped here, and nowhere before but where it would break a line of a table, or move a column.
    A reader that left, as `head` does, changes nothing; nor does a full disk change what was done.
    """

    out: TextIO | TextIOBase
    errors: TextIO | TextIOBase

    @property
    def paint(self) -> Paint:
        """What colours an account."""
        return painter(self.out)

    def about(self, **context: object) -> None:
        """What stands in every event from now on."""

    def event(self, name: str, **facts: object) -> None:
        """Tell machines something that people are told of in the account."""

    def account(self, text: str, event: Mapping[str, Any] | None = None) -> None:
        """Say what a job did, last of all: to people as a text, to machines as the event.

        Where standard output takes nothing, that is told once, and what was done stays done.
        """
        problem = self._unwritten(text, event)
        if problem:
            self.warn(f"{problem}: what was done is done, and what there is to say of it is lost")

    def answer(self, text: str) -> None:
        """Print what the command was asked for; raises JobError where nobody gets it."""
        problem = self._unwritten(text)
        if problem:
            raise JobError(problem)

    def _unwritten(self, text: str, event: Mapping[str, Any] | None = None) -> str:
        """Write to standard output; what kept it from being written, if it was not the reader."""
        try:
            self._write(text, event)
        except OSError as error:
            _lead_nowhere(self.out)
            if not isinstance(error, BrokenPipeError):
                return f"standard output cannot be written to: {first_line(error)}"
        return ""

    def _write(self, text: str, _event: Mapping[str, Any] | None) -> None:
        encoding = getattr(self.out, "encoding", None) or "utf-8"
        shown = rendered(text, self.out).encode(encoding, "backslashreplace").decode(encoding)
        print(shown, file=self.out, flush=True)

    def warn(self, text: str) -> None:
        """Say what went wrong and changes nothing of what was asked for."""
        with contextlib.suppress(OSError):
            print(f"warning: {harmless(text)}", file=self.errors, flush=True)

    def error(self, message: str, exit_code: int, trace: str = "") -> int:
        """Say in one sentence, or a trace that nobody foresaw, what ends the process."""
        text = trace.rstrip() or f"{painter(self.errors)('error:', 'bad')} {harmless(message)}"
        with contextlib.suppress(OSError):  # the exit code says it too
            print(rendered(text, self.errors), file=self.errors)
        return exit_code

    def progress(
        self, reader: ProgressReader, documents: int, waiting: str, title: str = ""
    ) -> AbstractContextManager[Callable[[], None]]:
        """Within, a function that shows on `errors` how far a run of about so many documents is.

        A line where it is a terminal, events where it takes these, else nothing, so that the log of
        a nightly run holds its account alone. waiting, title: as of `pace_in_words`.
        """
        if not self.errors.isatty() or os.environ.get("TERM") == "dumb":
            return nullcontext(lambda: None)
        return line_updates(self.errors, Meter(reader, documents), waiting, title)

    def finish(self) -> None:
        """Leave nothing unsaid when the process ends."""
        for stream in (self.out, self.errors):
            with contextlib.suppress(OSError):
                stream.flush()


@dataclass(frozen=True)
class JsonConsole(Console):
    """One JSON object a line for machines; what is printed becomes one too."""

    out: EventStream
    errors: EventStream

    @property
    def paint(self) -> Paint:
        return plain

    def about(self, **context: object) -> None:
        self.out.about(**context)

    def event(self, name: str, **facts: object) -> None:
        self.out.event(name, "info", **facts)

    def _write(self, text: str, event: Mapping[str, Any] | None) -> None:
        self.out.send(**(event or {"name": "output", "level": "info", "message": text}))

    def warn(self, text: str) -> None:
        self.errors.event("output", "warning", message=f"warning: {text}")

    def error(self, message: str, exit_code: int, trace: str = "") -> int:
        more = {"traceback": trace} if trace else {}
        self.errors.event("error", "error", exit_code=exit_code, message=message, **more)
        return exit_code

    def progress(
        self, reader: ProgressReader, documents: int, *_: str
    ) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(event_updates(self.errors, Meter(reader, documents)))

    def finish(self) -> None:
        self.out.finish()
        self.errors.finish()


def _lead_nowhere(stream: TextIO | TextIOBase) -> None:
    """Let what a stream holds and what follows it go nowhere: it would fail again, to no use."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def choose_console(arguments: Sequence[str]) -> Console:
    """The console that the arguments of the process ask for, from now on that of `console()`."""
    if chooses_json(arguments):
        speak_in_events()
    return console()


def console() -> Console:
    """The console of this process."""
    out, errors = sys.stdout, sys.stderr
    if isinstance(out, EventStream) and isinstance(errors, EventStream):
        return JsonConsole(out, errors)
    return Console(out, errors)


def account(text: str) -> None:
    """Say what a job did, last of all, on the console of this process."""
    console().account(text)


def answer(text: str) -> None:
    """Print what the command was asked for, on the console of this process."""
    console().answer(text)


def warn(text: str) -> None:
    """Say on the console of this process what went wrong and changes nothing."""
    console().warn(text)
