"""Train a tagger on labelled sentences: `python -m jobs.train --train FILE --output DIR`."""

import argparse
import contextlib
import os
import shlex
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from jobs.train.data.data_report import format_mistakes
from jobs.train.data.further import Further, read_further
from jobs.train.data.parts import BrokenFilesError, Parts, check_parts, read_parts
from jobs.train.fitting import Fitted, Settings, fit, tokenized
from jobs.train.flags import configurations, training_parser
from jobs.train.lineage import training_run
from jobs.train.report.card import Recipe, rounds_in_words
from jobs.train.report.further import format_further
from jobs.train.report.terminal import format_figures, format_plan
from jobs.train.state_file import forget_training, is_interrupted, state_file_of, steps_of
from jobs.train.trained_model import TrainedModel, trained_model
from model.host.installation import TRAINING_MODULES, install_command
from model.runtime import start_tensorflow
from model.tagger.artifact import save_artifact
from model.tagger.artifact.contents import NAME_EXPECTED, is_name
from model.training.configuration import EpochLog
from model.training.word_vectors import NO_VECTORS, read_vectors
from pipeline.console.printing import account, answer
from pipeline.console.process import main
from pipeline.console.text import first_line
from pipeline.lineage.observing import open_lineage
from schemas.errors import JobError, UsageError

_TRIAL_BYTES = 4096  # the least that a disk has to have left


def run(arguments: Sequence[str]) -> int:
    """Train as the flags say, write the artifact, print its scores; returns the exit code."""
    flags = training_parser().parse(arguments)
    configurations(flags)  # a value that is off is told before anything is read
    if flags.mistakes < 0:
        raise UsageError(f"--mistakes is {flags.mistakes}, expected at least 0")
    return _check(flags) if flags.check else _train(flags, arguments)


def _check(flags: argparse.Namespace) -> int:
    try:
        parts = read_parts(flags)
        further = read_further(flags, parts)
    except BrokenFilesError as error:
        if error.is_list:
            answer(format_mistakes(error.errors, flags.mistakes))
        raise
    if told := format_further(further, flags.mistakes):
        answer(f"{told}\n")
    check_parts(parts, flags.mistakes, asked=True)
    settings = Settings.of(flags, further.size(parts.size))
    answer(f"\n{format_plan(parts, further, settings.chosen)}")
    return 0


def _train(flags: argparse.Namespace, arguments: Sequence[str]) -> int:
    if flags.output is None:
        raise UsageError("the following arguments are required: --output")
    output = Path(flags.output)
    _require_new(output)
    _name(flags, output)
    state_file = state_file_of(output)
    if is_interrupted(output) and not flags.resume:
        kept = state_file if state_file.exists() else steps_of(output)
        raise UsageError(
            f"{kept} is an interrupted training of --output {output}: "
            "go on with --resume, or remove it"
        )
    _require_packages()
    parts = read_parts(flags)
    further = read_further(flags, parts)
    if told := format_further(further, flags.mistakes):
        account(f"{told}\n")
    check_parts(parts, flags.mistakes)
    settings = Settings.of(flags, further.size(parts.size))
    account(f"\n{format_plan(parts, further, settings.chosen)}\n")
    vectors = read_vectors(flags.vectors) if flags.vectors else NO_VECTORS
    if flags.resume and not is_interrupted(output):
        account(f"nothing to resume, since there is no {state_file}: training starts")

    # TensorFlow is imported only when nothing is left that could be a mistake in the flags.
    # The parts of a step run side by side; threads within an operation would get in their way.
    start_tensorflow(threads=1, side_by_side=os.cpu_count() or 1)
    started = time.monotonic()
    minutes = settings.fitting.max_minutes
    log = EpochLog(
        directory=Path(flags.logs) if flags.logs else None,
        state_file=state_file,
        resumed=state_file if state_file.exists() else None,
        steps=steps_of(output),
        deadline=started + 60 * minutes if minutes else None,
    )
    facts = partial(
        training_run,
        name=_name(flags, output),
        output=output,
        started=datetime.now(UTC),
        flags=flags,
        parts=parts,
        further=further,
        settings=settings,
    )
    with open_lineage() as lineage:
        with lineage.run(facts) as observe:
            with _writing(output, state_file):
                fitted = fit(settings, parts, further, vectors, log)
            took = time.monotonic() - started
            trained = _judged(flags, arguments, output, parts, further, fitted)
            with _writing(output, state_file):
                identity = save_artifact(trained.artifact, output, trained.people)
                forget_training(output)
            observe(replace(trained.artifact, content_hash=identity))
        account(format_figures(trained.figures))
        if fitted.rounds:
            account(f"\n{rounds_in_words(fitted.rounds, fitted.learnt)}")
        epoch = f"epoch {fitted.tagger.kept_epoch} kept, {took:,.0f} s"
        account(f"\n{epoch}\nmodel written to {output}")
        if trained.figures.warning:
            account(f"warning: do not use it. {trained.figures.warning}")
    return 0


def _judged(
    flags: argparse.Namespace,
    arguments: Sequence[str],
    output: Path,
    parts: Parts,
    further: Further,
    fitted: Fitted,
) -> TrainedModel:
    """The tagger with its scores, and how it was made."""
    recipe = Recipe(
        name=_name(flags, output),
        command="python -m jobs.train " + shlex.join(arguments),
        data=parts.described() | further.described(),
        segmentation=parts.segmentation,
        vectors=Path(flags.vectors).name if flags.vectors else None,
        network=fitted.settings.network,
        fitting=fitted.settings.fitting,
        chosen=fitted.settings.chosen,
        rounds=fitted.rounds,
        learnt=fitted.learnt,
    )
    return trained_model(fitted.tagger, recipe, fitted.judged, tokenized(parts.test, parts))


def _name(flags: argparse.Namespace, output: Path) -> str:
    name: str = flags.name or output.name
    if not is_name(name):
        flag = "--name" if flags.name else "--output"
        raise UsageError(f"{flag} {name!r} is no model's name: {NAME_EXPECTED}")
    return name


def _require_new(output: Path) -> None:
    if output.name in ("", ".."):
        raise UsageError(f"--output {output} is no name of a new directory")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UsageError(f"--output {output} exists and is not an empty directory")
    parent = next(path for path in output.absolute().parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UsageError(f"--output {output} cannot be made: {parent} is no folder to write in")
    try:
        with tempfile.TemporaryFile(dir=parent) as trial:
            trial.write(b"\0" * _TRIAL_BYTES)
    except OSError as error:
        problem = f"cannot be written: {first_line(error)}"
        raise UsageError(f"--output {output} {problem}") from error


@contextlib.contextmanager
def _writing(output: Path, state_file: Path) -> Iterator[None]:
    """Within, an output that cannot be written ends the job with what became of the training."""
    try:
        yield
    except OSError as error:
        kept = ", --resume goes on from its last epoch" if state_file.exists() else ""
        problem = f"cannot be written: {first_line(error)}{kept}"
        raise JobError(f"--output {output} {problem}") from error


def _require_packages() -> None:
    missing = [name for name in TRAINING_MODULES if find_spec(name) is None]
    if missing:
        raise UsageError(f"training needs {', '.join(missing)}: {install_command('train')}")


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
