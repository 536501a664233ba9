"""Look at the runs of an output, check them, and change what counts.

python -m jobs.runs list --output DIR
"""

from collections.abc import Sequence
from typing import NoReturn

from jobs.runs import clean, expire, rollback
from jobs.runs import list as listing
from jobs.runs import show as showing
from jobs.runs.compact import command as compact
from jobs.runs.diff import command as diff
from jobs.runs.forget import command as forget
from jobs.runs.verify import command as verify
from jobs.runs.view import command as view
from pipeline.console.arguments import Command, Parser, Shown, add_commands, run_command
from pipeline.console.commands import called
from pipeline.console.process import main

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
    return run_command(runs_parser(), arguments)


def runs_parser() -> Parser:
    """The commands of `jobs.runs` and their flags."""
    parser = Parser(
        called("jobs.runs"),
        (__doc__ or "").splitlines()[0],
        synopsis="COMMAND [--output DIR] [...]",
        examples=("list --output out", "verify", "view --output out", "show --help"),
    )
    shown = {name: Shown(examples) for name, examples in EXAMPLES.items()}
    add_commands(parser, COMMANDS, shown, _add_output)
    return parser


def _add_output(parser: Parser) -> None:
    parser.add_argument("--output", default="out", metavar="DIR", help="the output of the runs")


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
