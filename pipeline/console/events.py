"""What a command says as JSON for machines: one object a line, on standard output and error.

Whatever is printed becomes an event too, so that no line is anything else. `json` and forty lines
do that; a package that formats log records would cover these alone.
"""

import contextlib
import errno
import io
import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO


class EventStream(io.TextIOBase):
    """Takes text and events, and writes each as a line of JSON to the stream beneath.

    level: of what is printed. context: what stands in each event, shared with other streams.
    """

    def __init__(self, stream: TextIO, level: str, context: dict[str, Any]) -> None:
        self._stream = stream
        self._level = level
        self._context = context
        self._pending = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        """Print: what has been written up to the end of a line is one event."""
        with self._lock:
            self._pending += text
            if not self._pending.endswith("\n"):
                return len(text)
            said, self._pending = self._pending.strip("\n"), ""
        if said:
            self.event("output", self._level, message=said)
        return len(text)

    def finish(self) -> None:
        """Tell what has been printed and has no end of line yet."""
        self.write("\n")

    def event(self, name: str, level: str, **facts: object) -> None:
        """Write an event at once; a reader that left, or a closed stream, changes nothing."""
        with contextlib.suppress(OSError):
            self.send(name, level, **facts)

    def send(self, name: str, level: str, **facts: object) -> None:
        """Write an event at once; raises OSError where the stream beneath takes none."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        told = {"time": now, "level": level, "event": name, **self._context, **facts}
        line = json.dumps(told, default=str) + "\n"
        with self._lock:
            if self._stream.closed:
                raise BrokenPipeError(errno.EPIPE, "the stream is closed")
            self._stream.write(line)
            self._stream.flush()

    def about(self, **context: object) -> None:
        """What stands in every event from now on, on all streams that share the context."""
        self._context |= context

    def flush(self) -> None:
        """Nothing: events are written at once."""

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True


class _LogEvents(logging.Handler):
    """Log records of libraries, as events."""

    def __init__(self, stream: EventStream) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            facts = {"logger": record.name, "message": record.getMessage()}
            if record.exc_info:
                facts["traceback"] = logging.Formatter().formatException(record.exc_info)
            self._stream.event("log", record.levelname.lower(), **facts)
        except Exception:  # noqa: BLE001 - a message and its arguments are the library's
            self.handleError(record)


def speak_in_events() -> None:
    """From now on this process prints nothing but events, and logs as it did, but in them."""
    context: dict[str, Any] = {}
    errors = EventStream(sys.stderr, "warning", context)
    sys.stdout, sys.stderr = EventStream(sys.stdout, "info", context), errors
    logging.basicConfig(level=logging.ERROR, handlers=[_LogEvents(errors)], force=True)
    logging.captureWarnings(capture=True)
