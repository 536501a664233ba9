"""Look at the runs of an output, check them, and change what counts.

python -m jobs.runs list --output DIR
"""

import argparse
from collections.abc import Sequence
from typing import Protocol

from jobs.runs import expire, listing, rollback, showing
from jobs.runs.compact import command as compact
from jobs.runs.diff import command as diff
from jobs.runs.forget import command as forget
from jobs.runs.verify import command as verify
from jobs.runs.view import command as view
from pipeline.command_line import Parser, main, unknown_argument
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
}


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; returns the exit code."""
    flags, unknown = _parser().parse_known_args(arguments)
    if unknown:
        raise UsageError(unknown_argument(unknown[0], flags.known))
    command: Command = flags.command
    return command.run(flags)


def _parser() -> Parser:
    parser = Parser("python -m jobs.runs", (__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for name, command in COMMANDS.items():
        told = (command.__doc__ or "").splitlines()[0]
        own = commands.add_parser(name, description=told, help=told)
        own.add_argument("--output", default="out", metavar="DIR", help="the output of the runs")
        command.add_flags(own)
        own.set_defaults(command=command, known=own.flags)
    return parser


if __name__ == "__main__":
    main(run)
