"""What is shown of a run's progress: one line of a terminal, events for machines, or nothing.

The line is one write of text that was cut to the terminal's width, a few times a second; a package
for it would bring threads of its own and be imported at every start.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import TextIOBase
from typing import NamedTuple, TextIO

from pipeline.console.events import EventStream
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


def pace_of(samples: Sequence[Sample], documents: int, files: int) -> Pace:
    """Samples of a run in the order of their times, the last one now, in; its pace out.

    documents, files: about how many there are. Rates are those of the last half minute, and of no
    time before the first document was done. They hold from one report of a worker to the next, and
    fall where that is late.
    """
    now = samples[-1]
    documents = max(documents, now.progress.documents)
    recent = [s for s in samples if s.progress.documents and now.seconds - s.seconds <= _RECENT]
    rate = eta = None
    if recent and now.progress.documents > recent[0].progress.documents:
        first = recent[0]
        last = next(s for s in recent if s.progress.documents == now.progress.documents)
        elapsed = max(last.seconds - first.seconds, (now.seconds - first.seconds) / 2)
        rate = (now.progress.tokens - first.progress.tokens) / elapsed
        done = (now.progress.documents - first.progress.documents) / elapsed
        eta = (documents - now.progress.documents) / done or None
    return Pace(now.seconds, now.progress, documents, files, rate, eta)


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
    line = "  ".join(filter(None, [title, *parts]))
    return line[: columns - 1]  # in the last column some terminals go to the next line


def _end_in_words(pace: Pace) -> str:
    documents, _, files = pace.progress
    if (documents, files) == (pace.documents, pace.files):
        return "finishing"
    return "ETA -:--" if pace.eta is None else f"ETA {_clock(pace.eta)}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Meter:
    """The pace of a run of about so many documents, by what its workers report."""

    def __init__(self, reader: ProgressReader, documents: int) -> None:
        self._reader = reader
        self._documents = documents
        self._started = time.monotonic()
        self._recent: deque[Sample] = (
            deque()
        )  # of the last half minute, taken as they are asked for

    def pace(self) -> Pace:
        self._recent.append(Sample(time.monotonic() - self._started, self._reader.read()))
        while self._recent[-1].seconds - self._recent[0].seconds > _RECENT:
            self._recent.popleft()
        return pace_of(self._recent, self._documents, self._reader.expected_files)


@contextlib.contextmanager
def line_updates(
    terminal: TextIO | TextIOBase, meter: Meter, waiting: str, title: str
) -> Iterator[Callable[[], None]]:
    """What redraws the line of a terminal; it is left clean."""

    def write(text: str) -> None:
        # A terminal that goes away, or a closed stream, is no reason to fail.
        with contextlib.suppress(OSError, ValueError):
            terminal.write(f"\r{text}\x1b[K")
            terminal.flush()

    try:
        yield lambda: write(pace_in_words(meter.pace(), waiting, _columns(terminal), title))
    finally:
        write("")


def _columns(terminal: TextIO | TextIOBase) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def event_updates(stream: EventStream, meter: Meter) -> Callable[[], None]:
    """What tells an event each time ten seconds are over."""
    due = time.monotonic() + _EVENTS_EVERY

    def update() -> None:
        nonlocal due
        pace = meter.pace()
        if time.monotonic() < due:
            return
        due += _EVENTS_EVERY
        rate, eta = (None if v is None else round(v) for v in (pace.tokens_per_second, pace.eta))
        stream.event(
            "progress",
            "info",
            seconds=round(pace.seconds, 1),
            **pace.progress._asdict(),
            expected_documents=pace.documents,
            expected_files=pace.files,
            tokens_per_second=rate,
            eta_seconds=eta,
        )

    return update
