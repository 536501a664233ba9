"""What workers append while they run, and what is known of the whole from that."""

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_INTERVAL = 0.5  # seconds between two lines of a worker


class Progress(NamedTuple):
    """What has been done so far; a file is done when all its shards have been read."""

    documents: int = 0
    tokens: int = 0
    files: int = 0


class ProgressLog:
    """Appends what a process has done to a file of its own, at most twice a second.

    A line: documents and tokens that were tagged, and the sources of the shards that were read.
    """

    def __init__(self, directory: str) -> None:
        self._path = Path(directory, f"progress-{os.getpid()}.jsonl")
        self._documents = self._tokens = 0
        self._sources: list[str] = []
        self._due = time.monotonic()  # the first result shows at once

    def add(self, documents: int = 0, tokens: int = 0, sources: Iterable[str] = ()) -> None:
        self._documents += documents
        self._tokens += tokens
        self._sources += sources
        if time.monotonic() >= self._due:
            self.flush()

    def flush(self) -> None:
        line = json.dumps([self._documents, self._tokens, *self._sources]) + "\n"
        self._documents = self._tokens = 0
        self._sources = []
        self._due = time.monotonic() + _INTERVAL
        # In one piece, since several stages write; nobody looks any more is no reason to fail.
        with contextlib.suppress(OSError), self._path.open("ab", buffering=0) as stream:
            stream.write(line.encode())


class ProgressReader:
    """Adds up what all processes append to a directory. Each line is read once.

    sources: those of all shards that are to be read.
    """

    def __init__(self, directory: Path, sources: Iterable[str]) -> None:
        self._directory = directory
        self._unread = Counter(sources)
        self.expected_files = len(self._unread)
        self._offsets: dict[Path, int] = {}
        self._progress = Progress()

    def read(self) -> Progress:
        """The counts as they are now; a line that is just being written counts next time."""
        documents, tokens, files = self._progress
        for more_documents, more_tokens, *sources in self._new_lines():
            documents += more_documents
            tokens += more_tokens
            for source in sources:
                self._unread[source] -= 1
                files += self._unread[source] == 0
        self._progress = Progress(documents, tokens, files)
        return self._progress

    def _new_lines(self) -> Iterator[Any]:
        for path in self._directory.glob("progress-*.jsonl"):
            with path.open("rb") as stream:
                stream.seek(self._offsets.get(path, 0))
                for line in stream:
                    if not line.endswith(b"\n"):
                        break  # what comes next would be its rest
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    yield json.loads(line)
