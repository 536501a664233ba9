"""Search the flags of training for those that do best: `python -m jobs.tune`.

Any flag of `jobs.train` may follow, and stays fixed for all trials. The first trial takes
training's own defaults. The same command again goes on where a search was interrupted.
"""

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from jobs.train.data.findings import pointless
from jobs.train.data.parts import read_parts
from jobs.train.flags import chosen_for, configurations, training_parser
from jobs.tune.space import DEFAULT_SPACE, Domain, Search, parse_space
from jobs.tune.trial import TRAINER
from model.host.installation import install_command
from model.training.automatic import Choice
from model.training.word_vectors import require_vectors
from pipeline.console.arguments import Parser, unknown_argument
from pipeline.console.commands import called
from pipeline.console.process import main
from schemas.errors import UsageError

# Flags of training that a search sets itself, or that make no sense for many trials.
_NOT_PASSED = ("check", "logs", "name", "resume")
# What has no part in a trial's figure.
_NO_SETTINGS = ("log_format", "mistakes", "output", "verbose", *_NOT_PASSED)


def run(arguments: Sequence[str], trainer: Sequence[str] = TRAINER) -> int:
    """Search as the flags say, print the best command; returns the exit code."""
    flags, given = tuning_parser().parse_known_args(arguments)
    _require_sensible(flags)
    training, chosen = _training_flags(given)
    space = _space(flags.search, given)
    defaults = {
        flag: chosen[flag].value if flag in chosen else getattr(training, flag) for flag in space
    }
    _, fitting = configurations(training, chosen)
    settings = {
        flag: "auto" if flag in chosen else str(value)
        for flag, value in vars(training).items()
        if flag not in space and flag not in _NO_SETTINGS
    }
    if find_spec("optuna") is None:
        raise UsageError(f"a search needs Optuna: {install_command('train', 'tune')}")
    # A line an epoch suits a log, unless it is said otherwise.
    lines = () if "verbose" in _names(given) else ("--verbose=2",)
    # Optuna is imported only when nothing is left that could be a mistake in the flags.
    from jobs.tune.search import Plan, search

    search(
        Search(settings, space, defaults, fitting.monitor, fitting.best, training.seed),
        Plan(
            (*trainer, *lines),
            given,
            Path(flags.output),
            flags.trials,
            None if flags.timeout_minutes is None else 60 * flags.timeout_minutes,
            flags.keep_trials == "all",
        ),
    )
    return 0


def tuning_parser() -> Parser:
    """The flags of `jobs.tune`; what it leaves over is for training."""
    default_space = "; ".join(f"{flag}={spec}" for flag, spec in DEFAULT_SPACE.items())
    parser = Parser(
        prog=called("jobs.tune"),
        synopsis="--train FILE --output DIR [FLAG ...]",
        description="Search the flags of training for those that do best. The first trial takes "
        "training's own. The same command again goes on where a search was interrupted.",
        examples=(
            "--train ner.csv --output study",
            "--train ner.csv --output study --trials 50 --epochs 10",
            "--train a.conll --output study --search units=64,100",
        ),
    )
    add = parser.add_argument
    add("--output", required=True, metavar="DIR", help="where the study and its trials are")
    add("--trials", type=int, default=20, metavar="N", help="how many in the end")
    add("--timeout_minutes", type=float, metavar="M", help="start no trial after that")
    text = "search this instead; may be repeated"
    add("--search", action="append", default=[], metavar="FLAG=SPEC", help=text)
    text = "keep the models of all or best (the default)"
    add("--keep_trials", choices=("all", "best"), default="best", metavar="WHICH", help=text)
    parser.add_argument_group(
        "what is searched",
        f"SPEC is A,B,C or LOW..HIGH or LOW..HIGH:log. Without --search: "
        f"{default_space}. A flag of jobs.train that is given stays as it is in all trials.",
    )
    return parser


def _require_sensible(flags: argparse.Namespace) -> None:
    if flags.trials < 1:
        raise UsageError(f"--trials is {flags.trials}, expected at least 1")
    if flags.timeout_minutes is not None and not flags.timeout_minutes > 0:
        raise UsageError(f"--timeout_minutes is {flags.timeout_minutes}, expected more than 0")


def _training_flags(given: Sequence[str]) -> tuple[argparse.Namespace, dict[str, Choice]]:
    """The flags that go to training, and what it chooses itself; raises UsageError as it would."""
    parser = training_parser()
    for name in _names(given):
        if name in _NOT_PASSED:
            raise UsageError(f"--{name} is not for a search: leave it to `jobs.train`")
    training, unknown = parser.parse_known_args([*given, "--output=x"])
    if unknown:
        raise UsageError(unknown_argument(unknown[0], [*tuning_parser().flags, *parser.flags]))
    configurations(training)
    for name in ("train", "dev", "test"):
        path = getattr(training, name)
        if path and not Path(path).is_file():
            raise UsageError(f"--{name} {path} is no file")
    if training.vectors:
        require_vectors(training.vectors)
    parts = read_parts(training)
    reason = pointless(parts.report)
    if reason:
        raise UsageError(reason)
    return training, chosen_for(training, parts.size)


def _space(specs: Sequence[str], given: Sequence[str]) -> dict[str, Domain]:
    """The flags that vary; those that are given stay out of the default space."""
    fixed = _names(given)
    parser = training_parser()

    def typed(flag: str, text: str) -> object:
        if flag in fixed:
            raise UsageError(f"--{flag} is given, and searched as well: leave one of them out")
        training = parser.parse([*given, "--output=x", f"--{flag}={text}"])
        configurations(training)
        return getattr(training, flag)

    if not specs:
        specs = [f"{flag}={spec}" for flag, spec in DEFAULT_SPACE.items() if flag not in fixed]
        if not specs:
            raise UsageError("every flag is given: name one to vary with --search")
    space = parse_space(specs, parser.flags, typed)
    if "seed" in space and "dev" not in fixed:
        raise UsageError("--search seed: it also draws the dev sentences, so give --dev")
    return space


def _names(given: Sequence[str]) -> set[str]:
    return {flag.split("=", maxsplit=1)[0][2:] for flag in given if flag.startswith("--")}


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
