"""Look at the runs of an output, check them, and change what counts.

python -m jobs.runs list --output DIR
"""

import argparse
from collections.abc import Sequence
from typing import NoReturn, Protocol

from jobs.runs import clean, expire, rollback
from jobs.runs import list as listing
from jobs.runs import show as showing
from jobs.runs.compact import command as compact
from jobs.runs.diff import command as diff
from jobs.runs.forget import command as forget
from jobs.runs.verify import command as verify
from jobs.runs.view import command as view
from pipeline.console.arguments import Parser, unknown_argument
from pipeline.console.commands import called
from pipeline.console.process import main
from schemas.errors import UsageError


class Command(Protocol):
    """A module of this package that is one command; line one of its docstring is its help.

    It imports what needs Beam in `run`: a mistyped flag answers at once, and Beam logs at import,
    so that comes once the libraries are quiet.
    """

    __doc__: str | None

    def add_flags(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes beside `--output`."""

    def run(self, flags: argparse.Namespace) -> int:
        """Do it, and print what a person should know; returns the exit code."""


COMMANDS: dict[str, Command] = {
    "list": listing,
    "show": showing,
    "verify": verify,
    "diff": diff,
    "view": view,
    "rollback": rollback,
    "forget": forget,
    "compact": compact,
    "expire": expire,
    "clean": clean,
}

# What follows the command's name in examples that its help shows.
EXAMPLES: dict[str, Sequence[str]] = {
    "list": ("", "--output s3://bucket/out --json"),
    "show": ("r1", "nightly-7 --json"),
    "verify": ("", "r1 r2 --output out"),
    "diff": ("r1 r2", "r1 r2 --examples 20"),
    "view": ("", "--output /srv/entities"),
    "rollback": ("r2 --dry_run", "r2"),
    "forget": ("--doc_id letter-0001 --dry_run", "--source /data/letters.jsonl"),
    "compact": ("--dry_run", "--older_than 7"),
    "expire": ("--older_than 90 --dry_run", "--older_than 90 --keep 10"),
    "clean": ("--dry_run", "--output s3://bucket/out --older_than 0.5"),
}


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; returns the exit code."""
    flags, unknown = runs_parser().parse_known_args(arguments)
    if unknown:
        raise UsageError(unknown_argument(unknown[0], flags.known))
    command: Command = flags.command
    return command.run(flags)


def runs_parser() -> Parser:
    """The commands of `jobs.runs` and their flags."""
    parser = Parser(
        called("jobs.runs"),
        (__doc__ or "").splitlines()[0],
        synopsis="COMMAND [--output DIR] [...]",
        examples=("list --output out", "verify", "view --output out", "show --help"),
    )
    commands = parser.add_subparsers(
        title="commands",
        required=True,
        metavar="COMMAND",
        prog=parser.prog,
        parser_class=Parser,
    )
    for name, command in COMMANDS.items():
        told = (command.__doc__ or "").splitlines()[0]
        own = commands.add_parser(
            name, description=told, help=told, examples=EXAMPLES.get(name, ())
        )
        own.add_argument("--output", default="out", metavar="DIR", help="the output of the runs")
        command.add_flags(own)
        own.set_defaults(command=command, known=own.flags)
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
