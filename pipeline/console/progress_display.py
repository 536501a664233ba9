"""What is shown of a run's progress: one line of a terminal, events for machines, or nothing.

The line is one write of text that was cut to the terminal's width, a few times a second; a package
for it would bring threads of its own and be imported at every start.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TextIO

from pipeline.console.events import EventStream, events_on
from pipeline.console.progress import Progress, ProgressReader

_RECENT = 30.0  # seconds that rates look back; batches come in bursts
_EVENTS_EVERY = 10.0  # seconds
_COLUMNS = 80  # where a terminal does not know its own
_MOST = 99  # percent of a run that goes on; the number of documents is an estimate


class Sample(NamedTuple):
    """The progress at a time, in seconds since the run began."""

    seconds: float
    progress: Progress


@dataclass(frozen=True)
class Expected:
    """About how many documents there are, and how many files."""

    documents: int
    files: int


@dataclass(frozen=True)
class Pace:
    """How far a run is, how fast at present, and when it is done; None where that is not known."""

    seconds: float
    progress: Progress
    documents: int  # expected; never fewer than are done
    files: int
    tokens_per_second: float | None
    eta: float | None

    @property
    def percent(self) -> int:
        return min(_MOST, 100 * self.progress.documents // max(1, self.documents))


def pace_of(samples: Sequence[Sample], expected: Expected) -> Pace:
    """Samples of a run in the order of their times, the last one now, in; its pace out.

    Rates are those of the last half minute, and of no time before the first document was done.
    They hold from one report of a worker to the next, and fall where that is late.
    """
    now = samples[-1]
    documents = max(expected.documents, now.progress.documents)
    recent = [s for s in samples if s.progress.documents and now.seconds - s.seconds <= _RECENT]
    rate = eta = None
    if recent and now.progress.documents > recent[0].progress.documents:
        first = recent[0]
        last = next(s for s in recent if s.progress.documents == now.progress.documents)
        elapsed = max(last.seconds - first.seconds, (now.seconds - first.seconds) / 2)
        rate = (now.progress.tokens - first.progress.tokens) / elapsed
        done = (now.progress.documents - first.progress.documents) / elapsed
        eta = (documents - now.progress.documents) / done or None
    return Pace(now.seconds, now.progress, documents, expected.files, rate, eta)


def pace_in_words(pace: Pace, waiting: str, columns: int, title: str = "") -> str:
    """One line for a terminal of so many columns, cut where it is longer.

    waiting: what is said as long as no document is done. title: what the line begins with.
    """
    documents, _, files = pace.progress
    clock = _clock(pace.seconds)
    parts = [waiting, clock]
    if documents:
        rate = "-" if pace.tokens_per_second is None else f"{pace.tokens_per_second:,.0f}"
        parts = [
            f"{pace.percent:>2}%",
            _end_in_words(pace),
            f"{documents:,} of about {pace.documents:,} documents",
            f"{rate} tokens/s",
            f"{files:,}/{pace.files:,} files",
            clock,
        ]
    return "  ".join(filter(None, [title, *parts]))[
        : columns - 1
    ]  # in the last column some terminals go to the next line


def _end_in_words(pace: Pace) -> str:
    documents, _, files = pace.progress
    if (documents, files) == (pace.documents, pace.files):
        return "finishing"
    return "ETA -:--" if pace.eta is None else f"ETA {_clock(pace.eta)}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Display(Protocol):
    """Shows how far a run is."""

    def update(self) -> None:
        """Show it as it is now; called a few times a second."""

    def clear(self) -> None:
        """Leave the stream as it was."""


@contextlib.contextmanager
def shown_progress(
    stream: TextIO | EventStream,
    reader: ProgressReader,
    documents: int,
    waiting: str,
    title: str = "",
) -> Iterator[Display]:
    """Show on `stream` what is read of a run of about so many documents, and clear it at the end.

    A line where it is a terminal, events where it takes these, else nothing, so that the log of a
    nightly run holds its account alone. waiting, title: as of `pace_in_words`.
    """
    samples = _Samples(reader, documents)
    events = events_on(stream)
    display: Display = _Nothing()
    if events:
        display = _Events(events, samples)
    elif stream.isatty() and os.environ.get("TERM") != "dumb":
        display = _Line(stream, samples, waiting, title)
    try:
        yield display
    finally:
        display.clear()


class _Nothing:
    def update(self) -> None:
        pass

    def clear(self) -> None:
        pass


class _Samples:
    """The samples of the last half minute, taken as they are asked for."""

    def __init__(self, reader: ProgressReader, documents: int) -> None:
        self._reader = reader
        self._expected = Expected(documents, reader.expected_files)
        self._started = time.monotonic()
        self._recent: deque[Sample] = deque()

    def pace(self) -> Pace:
        self._recent.append(Sample(time.monotonic() - self._started, self._reader.read()))
        while self._recent[-1].seconds - self._recent[0].seconds > _RECENT:
            self._recent.popleft()
        return pace_of(self._recent, self._expected)


class _Line:
    def __init__(
        self, stream: TextIO | EventStream, samples: _Samples, waiting: str, title: str
    ) -> None:
        self._stream = stream
        self._samples = samples
        self._waiting = waiting
        self._title = title

    def update(self) -> None:
        pace = self._samples.pace()
        self._write(pace_in_words(pace, self._waiting, self._columns(), self._title))

    def clear(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        # A terminal that goes away, or a closed stream, is no reason to fail.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"\r{text}\x1b[K")
            self._stream.flush()

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or _COLUMNS
        except (OSError, ValueError):
            return _COLUMNS


class _Events:
    def __init__(self, stream: EventStream, samples: _Samples) -> None:
        self._stream = stream
        self._samples = samples
        self._due = time.monotonic() + _EVENTS_EVERY

    def update(self) -> None:
        pace = self._samples.pace()
        if time.monotonic() < self._due:
            return
        self._due += _EVENTS_EVERY
        self._stream.event(
            "progress",
            "info",
            seconds=round(pace.seconds, 1),
            **pace.progress._asdict(),
            expected_documents=pace.documents,
            expected_files=pace.files,
            tokens_per_second=None
            if pace.tokens_per_second is None
            else round(pace.tokens_per_second),
            eta_seconds=None if pace.eta is None else round(pace.eta),
        )

    def clear(self) -> None:
        pass
