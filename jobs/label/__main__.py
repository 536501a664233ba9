"""Choose the texts whose labels would teach most, and read back what people answered.

python -m jobs.label select --output DIR --to FILE --format TOOL
"""

from collections.abc import Sequence
from typing import NoReturn

from jobs.label import import_answers, select
from pipeline.console.arguments import Command, Parser, Shown, add_commands, run_command
from pipeline.console.commands import called
from pipeline.console.process import main

COMMANDS: dict[str, Command] = {"select": select, "import": import_answers}
SHOWN = {
    "select": Shown(select.EXAMPLES, select.SYNOPSIS),
    "import": Shown(import_answers.EXAMPLES, import_answers.SYNOPSIS),
}


def run(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; returns the exit code."""
    return run_command(label_parser(), arguments)


def label_parser() -> Parser:
    """The commands of `jobs.label` and their flags."""
    parser = Parser(
        called("jobs.label"),
        (__doc__ or "").splitlines()[0],
        synopsis="COMMAND [...]",
        examples=("select --help", "import --help"),
    )
    add_commands(parser, COMMANDS, SHOWN)
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
