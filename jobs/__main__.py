"""Every command of gleaner, with a line each: `python -m jobs`, or the script `gleaner`."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

from pipeline.console.arguments import Parser
from pipeline.console.commands import COMMANDS, called
from pipeline.console.printing import answer
from pipeline.console.process import main
from schemas.errors import UsageError


def command() -> NoReturn:
    """Run the command that the first argument names, as if it had been started itself."""
    named = COMMANDS.get("".join(sys.argv[1:2]))
    if named is None:
        main(run)
    del sys.argv[1]
    spec = find_spec(named.module)
    is_package = spec is not None and spec.submodule_search_locations is not None
    start: Callable[[], NoReturn] = import_module(
        f"{named.module}.__main__" if is_package else named.module
    ).command
    start()


def run(arguments: Sequence[str]) -> int:
    """List the commands; returns the exit code."""
    parser = jobs_parser()
    name = parser.parse(arguments).name
    if name:
        raise UsageError(f"the command comes first: {parser.prog} {name} ...")
    answer(parser.format_help().removesuffix("\n"))
    return 0


def jobs_parser() -> Parser:
    """The commands, of which each has a parser of its own where it is run."""
    parser = Parser(
        prog=called("jobs"),
        description="Named entities from document collections, into Parquet.",
        synopsis="COMMAND [FLAG ...]",
        examples=("run --input docs --output out", "runs list --output out", "train --help"),
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="name", prog=parser.prog, parser_class=Parser
    )
    for name, known in COMMANDS.items():
        commands.add_parser(name, description=known.text, help=known.text)
    return parser


if __name__ == "__main__":
    command()
