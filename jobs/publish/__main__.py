"""Publish what counts of an output: `python -m jobs.publish --output DIR delta=FOLDER`.

Without a target, to all to which the output was published before. Run again, or after it was
stopped, it does what is missing: the tables end as what counts, whatever they were.
"""

from collections.abc import Sequence
from typing import NoReturn

from jobs.runs.outputs import find_output
from pipeline.console.arguments import Parser
from pipeline.console.commands import called
from pipeline.console.printing import account, answer
from pipeline.console.process import main
from pipeline.outputs.catalog import require_writable
from pipeline.publication.publish import publish_all, publishing_alone, required_targets
from pipeline.publication.targets import (
    EXPECTED,
    forget_target,
    read_publications,
    remembered_names,
)
from schemas.errors import UsageError

EXAMPLES = ("delta=out", "--output s3://bucket/out iceberg=lake/gleaner", "")


def run(arguments: Sequence[str]) -> int:
    """Publish to the targets that the arguments name; returns the exit code."""
    flags = publish_parser().parse(arguments)
    root = find_output(flags.output).root
    if flags.list:
        if flags.stop or flags.targets:
            raise UsageError("--list takes no target, and no --stop")
        known = read_publications(root)
        answer("\n".join(known.targets if known else ()) or "no targets")
        return 0
    if flags.stop:
        if flags.targets:
            raise UsageError(f"--stop takes one target alone, without {' '.join(flags.targets)}")
        with publishing_alone(root):
            stopped = forget_target(root, flags.stop)
        account(f"{root} is published to {stopped} no more; the tables are as they were")
        return 0
    names = flags.targets or remembered_names(root)
    if not names:
        raise UsageError(f"{root} was never published: name a target, {EXPECTED}")
    require_writable(root)
    publish_all(root, required_targets(root, names))
    return 0


def publish_parser() -> Parser:
    """The flags of `jobs.publish`."""
    parser = Parser(
        prog=called("jobs.publish"),
        synopsis="[--output DIR] [TARGET ...]",
        description="Publish what counts of an output as tables of Delta Lake or Apache Iceberg.",
        examples=EXAMPLES,
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="delta=FOLDER, iceberg=NAMESPACE or iceberg=CATALOG/NAMESPACE (default: as before)",
    )
    parser.add_argument("--list", action="store_true", help="the targets of before, one a line")
    parser.add_argument("--output", default="out", metavar="DIR", help="the output of the runs")
    parser.add_argument(
        "--stop", metavar="TARGET", help="publish there no more; the tables stay as they are"
    )
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
