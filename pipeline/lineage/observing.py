"""Runs as they begin and end: START, then COMPLETE, FAIL or ABORT, as OpenLineage calls it.

    with open_lineage() as lineage, lineage.run(facts) as observe:
        ...
        observe(result)

`facts()` makes a `LineageRun` of what is known before the run, `facts(result)` of what is known
after it. Neither is called where nothing is told; else in a thread, so that what goes wrong there
is a warning at the end and nothing more.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from pipeline.console.text import cause, without_quotes
from pipeline.lineage.emitter import Emitter
from pipeline.lineage.environment import client_folders, lineage_config
from pipeline.lineage.records import LineageRun, Notice, State
from schemas.errors import STOPS

Facts = Callable[..., LineageRun]


class Observer:
    """Takes what is known of a run once it is done; called with what `facts` takes then."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.has_result = False

    def __call__(self, *result: object) -> None:
        self.facts = partial(self.facts, *result)
        self.has_result = True


class Lineage:
    """Tells of runs; of none without an emitter."""

    def __init__(self, emitter: Emitter | None = None) -> None:
        self._emitter = emitter

    @contextmanager
    def run(self, facts: Facts) -> Iterator[Observer]:
        """Within, a run: its START is told, and at the end what became of it.

        That is what was observed, whatever is raised behind it. Where nothing was, it completed, or
        was aborted by an interrupt, or failed with what is raised.
        """
        observer = Observer(facts)
        self._tell("START", facts)
        try:
            yield observer
        except BaseException as error:
            if observer.has_result:
                self._tell("COMPLETE", observer.facts)
            elif isinstance(error, STOPS):
                self._tell("ABORT", observer.facts)
            else:  # libraries quote values of documents
                self._tell("FAIL", observer.facts, without_quotes(cause(error)))
            raise
        self._tell("COMPLETE", observer.facts)

    def _tell(self, state: State, facts: Facts, error: str = "") -> None:
        if self._emitter:
            self._emitter.send(Notice(state, datetime.now(UTC), facts, error))


@contextmanager
def open_lineage() -> Iterator[Lineage]:
    """Within, what tells of runs, if that is configured; at the end it waits a moment for it."""
    config = lineage_config(os.environ, client_folders())
    emitter = Emitter(config) if config else None
    try:
        yield Lineage(emitter)
    finally:
        if emitter:
            emitter.close()
