"""What workers append while they run, and the one line that the terminal shows of it."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple, TextIO

_INTERVAL = 0.5  # seconds between two lines of a worker


class Progress(NamedTuple):
    """What has been tagged so far."""

    documents: int = 0
    tokens: int = 0


class ProgressLog:
    """Appends a process's counts to a file of its own, at most twice a second."""

    def __init__(self, directory: str) -> None:
        self._path = Path(directory, f"progress-{os.getpid()}.jsonl")
        self._pending = Progress()
        self._due = time.monotonic()  # the first result shows at once

    def add(self, documents: int, tokens: int) -> None:
        self._pending = Progress(self._pending.documents + documents, self._pending.tokens + tokens)
        if time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        line = json.dumps(self._pending) + "\n"
        self._pending = Progress()
        self._due = time.monotonic() + _INTERVAL
        try:
            with self._path.open("a") as stream:
                stream.write(line)
        except OSError:
            return  # nobody looks any more; progress is no reason to fail


def read_progress(directory: Path) -> Progress:
    """The counts of all processes; a line that is just being written counts next time."""
    documents = tokens = 0
    for path in directory.glob("progress-*.jsonl"):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                more_documents, more_tokens = json.loads(line)
                documents += more_documents
                tokens += more_tokens
    return Progress(documents, tokens)


class ProgressLine:
    """Shows progress on one line of a terminal, and nothing where there is no terminal."""

    def __init__(self, directory: Path, expected: int, stream: TextIO) -> None:
        self._directory = directory
        self._expected = expected
        self._stream = stream
        self._shows = stream.isatty()
        self._started = time.monotonic()

    def update(self) -> None:
        if not self._shows:
            return
        progress = read_progress(self._directory)
        rate = progress.tokens / (time.monotonic() - self._started)
        text = (
            f"{progress.documents:,} of about {max(self._expected, progress.documents):,} documents"
        )
        self._stream.write(f"\r{text}, {rate:,.0f} tokens/s\x1b[K")
        self._stream.flush()

    def clear(self) -> None:
        if self._shows:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
