"""OpenLineage's own client, configured as it configures itself; imported where lineage is told."""

import logging
import os
import re

from openlineage.client import OpenLineageClient

from pipeline.console.text import first_line
from pipeline.lineage.environment import LineageConfig
from pipeline.lineage.events import run_event
from pipeline.lineage.records import Notice
from schemas.errors import JobError

_PACKAGE = "openlineage"
_USER = re.compile(r"(?<=://)[^/@\s]+@")  # a name and a password, in a URL


class ClientSender:
    """Sends events by the client; raises JobError where that or the server refuses.

    Some of what goes wrong the client logs, and says no more of it: `close` raises the first of it.
    """

    def __init__(self, config: LineageConfig) -> None:
        self._config = config
        self._problems = _Problems()
        self._problems.listen()
        try:
            self._client = OpenLineageClient()
            transport = (self._client.config.transport or {}).get("type")
            if not transport and not os.environ.get("OPENLINEAGE_URL"):
                # The client would print events: nobody asked for that.
                raise JobError(self._problems.first or "no transport is configured")
        except Exception:
            self._problems.leave()
            raise

    def send(self, notice: Notice) -> None:
        """Send one event; for a transport that is asynchronous: hand it over."""
        run = notice.facts()
        event = run_event(notice.state, notice.at, run, self._config, notice.error)
        try:
            self._client.emit(event)
        except Exception as error:
            raise JobError(_USER.sub("", first_line(error))) from error

    def close(self, seconds: float) -> None:
        """Let what was handed over leave, within these seconds."""
        is_done = self._client.close(seconds)
        self._problems.leave()
        if problem := self._problems.first or ("" if is_done else "events are still on their way"):
            raise JobError(_USER.sub("", problem))


class _Problems(logging.Handler):
    """The first thing that the client warned of, in the place of its lines on standard error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""
        self._logger = logging.getLogger(_PACKAGE)

    def listen(self) -> None:
        """Take what the client logs; where its level is set, the user wants to see that himself."""
        self._logger.addHandler(self)
        self._logger.setLevel(logging.WARNING)
        self._logger.propagate = bool(os.environ.get("OPENLINEAGE_CLIENT_LOGGING"))

    def leave(self) -> None:
        """Give its log back to the program that this is called in."""
        self._logger.removeHandler(self)
        self._logger.setLevel(logging.NOTSET)
        self._logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        self.first = self.first or record.getMessage().strip().partition("\n")[0]
