"""Choose the texts whose labels would teach most, and read back what people answered.

python -m jobs.label select --output DIR --to FILE --format TOOL
"""

import argparse
from collections.abc import Sequence
from typing import NoReturn, Protocol

from jobs.label import import_answers, select
from pipeline.console.arguments import Parser, unknown_argument
from pipeline.console.commands import called
from pipeline.console.process import main
from schemas.errors import UsageError


class Command(Protocol):
    """A module of this package that is one command; line one of its docstring is its help."""

    __doc__: str | None

    @property
    def SYNOPSIS(self) -> str:  # noqa: N802 - a constant of the module
        """What the usage line shows of its arguments."""

    @property
    def EXAMPLES(self) -> Sequence[str]:  # noqa: N802 - as above
        """What follows its name in the examples of its help."""

    def add_flags(self, parser: argparse.ArgumentParser) -> None:
        """Add what the command takes."""

    def run(self, flags: argparse.Namespace) -> int:
        """Do it, and print what a person should know; returns the exit code."""


COMMANDS: dict[str, Command] = {"select": select, "import": import_answers}


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; returns the exit code."""
    flags, unknown = label_parser().parse_known_args(arguments)
    if unknown:
        raise UsageError(unknown_argument(unknown[0], flags.known))
    command: Command = flags.command
    return command.run(flags)


def label_parser() -> Parser:
    """The commands of `jobs.label` and their flags."""
    parser = Parser(
        called("jobs.label"),
        (__doc__ or "").splitlines()[0],
        synopsis="COMMAND [...]",
        examples=("select --help", "import --help"),
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
            name,
            description=told,
            help=told,
            examples=command.EXAMPLES,
            synopsis=command.SYNOPSIS,
        )
        command.add_flags(own)
        own.set_defaults(command=command, known=own.flags)
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
