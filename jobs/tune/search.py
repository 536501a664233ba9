"""The search: trials one after the other, until there are enough."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.train.state_file import forget_training
from jobs.tune.report import best_command, importance_table, progress, table
from jobs.tune.space import Search
from jobs.tune.study import FILE, Study, Trial, same_flags
from jobs.tune.trial import train
from pipeline.console.printing import account
from pipeline.console.text import first_line
from pipeline.outputs.lock import locked
from schemas.errors import JobError, UsageError

_HOPELESS = 3  # trials that fail alike before any succeeds


@dataclass(frozen=True)
class Plan:
    """How a search is carried out; nothing here changes what its trials are.

    trainer: the command that trains, before its flags. given: the flags that all trials get.
    trials: how many there are in the end. seconds: after which no more is started, or None.
    """

    trainer: Sequence[str]
    given: Sequence[str]
    output: Path
    trials: int
    seconds: float | None
    keep_all: bool


def search(searched: Search, plan: Plan) -> None:
    """Bring the study in the plan's directory to its number of trials, and print what it found.

    Raises UsageError where the directory holds something else, OutputBusyError where it is in use,
    JobError where training fails again and again, the directory cannot be written, or the search is
    interrupted.
    """
    _require_place(plan.output)
    in_use = f"--output {plan.output} is in use by another search, or a training that one left"
    with _writing(plan.output), locked(str(plan.output), in_use) as lock:
        study = Study(plan.output / FILE, searched)
        interrupted = False
        try:
            _try_out(study, searched, plan, lock)
        except KeyboardInterrupt:
            interrupted = True
        finished = study.finished
        if study.best() is not None:
            account(_report(study, len(finished), searched.monitor, plan))
    if interrupted:
        raise JobError(
            f"interrupted after {len(finished)} of {plan.trials} trials: "
            "the same command goes on from there"
        )
    if study.best() is None:
        why = f": {finished[-1].outcome.error}" if finished else ", there was no time for one"
        raise JobError(f"none of {len(finished)} trials gave a model{why}")


@contextlib.contextmanager
def _writing(output: Path) -> Iterator[None]:
    """Within, a study or a log that cannot be written ends the search in one sentence."""
    try:
        yield
    except OSError as error:
        raise JobError(f"--output {output} cannot be written: {first_line(error)}") from error


def _try_out(study: Study, searched: Search, plan: Plan, lock: int) -> None:
    deadline = None if plan.seconds is None else time.monotonic() + plan.seconds
    finished = study.finished
    if finished:
        account(f"the search goes on: {len(finished)} of {plan.trials} trials are done")
    while len(finished) < plan.trials and (deadline is None or time.monotonic() < deadline):
        texts = study.ask()
        known = same_flags(finished, texts)
        if known:  # the same seed would give the same model again
            outcome = replace(known.outcome, seconds=0.0)
        else:
            directory = _model(plan.output, len(finished) + 1)
            flags = [*plan.given, *(f"--{flag}={text}" for flag, text in texts.items())]
            command = [*plan.trainer, *flags, f"--output={directory}"]
            outcome = train(command, directory, searched.monitor, lock)
        study.tell(outcome)
        finished = study.finished
        best = study.best()
        _tidy(plan, finished, best)
        account(progress(finished, best, plan.trials, searched.monitor))
        _require_hope(finished)


def _report(study: Study, finished: int, monitor: str, plan: Plan) -> str:
    ranked = study.ranked()
    importances = study.importances()
    parts = [
        table(ranked, finished, monitor),
        *([importance_table(importances)] if importances else []),
        f"the best model is in {_model(plan.output, ranked[0].number)}, and to train it again:",
        best_command(plan.given, ranked[0], plan.output / "best"),
    ]
    return "\n" + "\n\n".join(parts)


def _require_place(output: Path) -> None:
    free = not output.exists() or (output.is_dir() and not any(output.iterdir()))
    if not free and not (output / FILE).is_file():
        raise UsageError(f"--output {output} exists and holds no search")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output {output} cannot be made: {error.strerror}") from error
    if not os.access(output, os.W_OK):
        raise UsageError(f"--output {output} is no folder to write in")


def _model(output: Path, number: int) -> Path:
    return output / "trials" / f"{number:04d}"


def _tidy(plan: Plan, finished: Sequence[Trial], best: Trial | None) -> None:
    """Remove what failed trials left, and unless all are kept, every model but the best."""
    for trial in finished:
        failed = trial.outcome.error is not None
        if failed or not (plan.keep_all or trial == best):
            model = _model(plan.output, trial.number)
            shutil.rmtree(model, ignore_errors=True)
            forget_training(model)


def _require_hope(finished: Sequence[Trial]) -> None:
    errors = [trial.outcome.error for trial in finished]
    if all(errors) and len(errors) >= _HOPELESS and len(set(errors[-_HOPELESS:])) == 1:
        raise JobError(f"{_HOPELESS} trials, none with a model, failed alike: {errors[-1]}")
