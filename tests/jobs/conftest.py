"""What tests of jobs on an output share: a kill at each of their steps."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.runs import outputs
from pipeline.outputs.catalog import clean
from pipeline.outputs.storage.disk import DiskStorage


class Killed(BaseException):
    """The process ends here: nothing below may catch it."""


EveryKill = Callable[[Path, Callable[[], object]], Iterator[int]]

# Whatever changes files or directories passes through one of these.
_STEPS = ("makedirs", "remove", "unlink", "rename", "replace", "rmdir", "fsync")


@pytest.fixture(autouse=True)
def _no_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads meanwhile, so no command waits for readers."""
    monkeypatch.setattr(outputs, "READERS_SECONDS", 0.0)


@pytest.fixture(scope="session")
def every_kill() -> EveryKill:
    """Does a thing to an output again and again, and kills it one step later each time.

    After each kill the output is cleaned, as the next run would do. In the last round it is done.
    """

    def rounds(output: Path, action: Callable[[], object]) -> Iterator[int]:
        before = output.with_name("before")
        shutil.copytree(output, before)
        for step in itertools.count():
            shutil.rmtree(output)
            shutil.copytree(before, output)
            killed = _killed_at(step, action)
            clean(str(output))
            yield step
            if not killed:
                return

    return rounds


def _killed_at(step: int, action: Callable[[], object]) -> bool:
    """Whether the action was still at work at that step."""
    left = itertools.count(step, -1)

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever is wrapped
            if next(left) <= 0:
                raise Killed
            return work(*arguments, **named)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for name in _STEPS:
            patch.setattr(os, name, counted(getattr(os, name)))
        patch.setattr(DiskStorage, "create", counted(DiskStorage.create))
        try:
            action()
        except Killed:
            return True
    return False
