"""The sending of events: beside the run, in a thread, and never in its way.

A run is no slower and no different for it, whatever the server does. The thread starts with the
first event, which is after workers were forked, and lives while there is something to send: where
it is alive, workers are started anew (`pipeline.runners.worker_pool`), since a fork would inherit
locks that nobody releases.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from model.host.installation import install_command
from pipeline.console.printing import warn
from pipeline.console.text import counted, first_line
from pipeline.lineage.environment import LineageConfig
from pipeline.lineage.records import Notice

# Seconds that the end of a command waits in all for what is not sent yet.
PATIENCE = 2.0

_MOST_WAITING = 100  # events; of a job in parts whose server does not answer


class Sender(Protocol):
    """What the client is to the thread. Each method takes its time, and raises what it likes."""

    def send(self, notice: Notice) -> None:
        """Hand an event over."""

    def close(self, seconds: float) -> None:
        """Let what was handed over leave, within these seconds."""


def open_sender(config: LineageConfig) -> Sender:
    """The client, which is imported here; raises ModuleNotFoundError where it is not installed."""
    from pipeline.lineage.client import ClientSender

    return ClientSender(config)


class Emitter:
    """Takes events at once and sends them one after the other; says at its end what was not sent.

    Of whatever goes wrong, `close` makes one warning.
    """

    def __init__(
        self,
        config: LineageConfig,
        opened: Callable[[LineageConfig], Sender] = open_sender,
        patience: float = PATIENCE,
    ) -> None:
        self._config = config
        self._opened = opened
        self._patience = patience
        self._lock = threading.Lock()
        self._waiting: deque[Notice | None] = deque()
        self._thread: threading.Thread | None = None
        self._sender: Sender | None = None
        self._told = 0
        self._sent = 0
        self._problem = ""
        self._is_missing = False
        self._is_late = False

    def send(self, notice: Notice) -> None:
        """Take an event, to be sent when it is its turn."""
        self._told += 1
        self._take(notice)

    def close(self) -> None:
        """Wait for what is not sent, but not longer than `patience`; warn where something is left.

        An interrupt ends the waiting, and nothing else.
        """
        if not self._told:
            return
        with suppress(KeyboardInterrupt):
            thread = self._take(None)
            if thread:
                thread.join(self._patience)
                self._is_late = thread.is_alive()
        if problem := self._in_words():
            warn(problem)

    def _take(self, notice: Notice | None) -> threading.Thread | None:
        """Put something into the queue; None: the end."""
        with self._lock:
            if notice and len(self._waiting) >= _MOST_WAITING:
                return self._thread
            self._waiting.append(notice)
            if not self._thread:
                thread = threading.Thread(target=self._work, name="lineage", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the system has no more of them
                    self._problem = self._problem or first_line(error)
                    return None
                self._thread = thread
            return self._thread

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                notice = self._waiting.popleft()
            try:
                self._handle(notice)
            except BaseException as error:  # noqa: BLE001 - it ends in a warning, whatever it is
                self._note(error)

    def _handle(self, notice: Notice | None) -> None:
        if self._is_missing:
            return
        if not self._sender:
            self._sender = self._opened(self._config)
        if notice:
            self._sender.send(notice)
            self._sent += 1
        else:
            self._sender.close(self._patience)

    def _note(self, error: BaseException) -> None:
        name = getattr(error, "name", None) or ""
        if isinstance(error, ModuleNotFoundError) and name.startswith("openlineage"):
            self._is_missing = True
        self._problem = self._problem or first_line(error)

    def _in_words(self) -> str:
        """What is to be warned of; nothing where all is well."""
        if self._is_missing:
            return (
                "OpenLineage is configured and its client is not installed, so that no lineage is "
                f"told: {install_command('lineage')}"
            )
        why = self._problem or (f"no answer within {self._patience:g} s" if self._is_late else "")
        if unsent := self._told - self._sent:
            told = counted(self._told, "event")
            return f"OpenLineage: {unsent:,} of {told} not sent: {why or 'interrupted'}"
        return f"OpenLineage: {why}" if why else ""
