"""What publishing costs here: `python -m jobs.benchmark.publishing --nights 1000`.

Each night leaves a made-up run of new inputs, with so many files in each of two tables, and is
published. Each kind of target has a process and an output of its own. No file is opened: rows of
all of them count.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from jobs.benchmark.command import apart
from pipeline.console.arguments import Parser, require_file, write_file
from pipeline.console.commands import called
from pipeline.console.printing import answer
from pipeline.console.process import main
from schemas.errors import UsageError

# Publishing to these opens no file of the output.
_TARGETS = {"delta": "delta={root}", "iceberg": "iceberg=nights"}


def run(arguments: Sequence[str]) -> int:
    """Measure as the flags say, print the table, and write what was asked for."""
    flags = publishing_parser().parse(arguments)
    for name in ("nights", "files"):
        if getattr(flags, name) < 1:
            raise UsageError(f"--{name} is {getattr(flags, name)}, expected at least 1")
    require_file("--json", flags.json)

    # Beam logs at import, so it is imported once the libraries are quiet.
    from jobs.benchmark.publishing.nights import figures, measure, table

    measured = []
    for name in [flags.only] if flags.only else _TARGETS:
        with tempfile.TemporaryDirectory(prefix="gleaner-publishing-") as scratch:
            root = str(Path(scratch).resolve())
            text = _TARGETS[name].format(root=root)
            measured.append(apart(measure, name, root, text, flags.nights, flags.files))
    if flags.json:
        told = {"nights": flags.nights, "files": flags.files, **figures(measured)}
        write_file("--json", flags.json, json.dumps(told, indent=1) + "\n")
    answer("\n".join(table(measured)))
    return 0


def publishing_parser() -> Parser:
    """All flags of `jobs.benchmark.publishing`."""
    parser = Parser(
        prog=called("jobs.benchmark.publishing"),
        synopsis="[FLAG ...]",
        description="What publishing costs here after many nights: each leaves a made-up run of "
        "new inputs, and is published. Each kind of target has a process and an output of its own.",
        examples=("--nights 1000", "--nights 1 --files 100000", "--only iceberg --json f.json"),
    )
    add = parser.add_argument
    add("--nights", type=int, default=100, metavar="N", help="how many runs, one after the other")
    add("--files", type=int, default=20, metavar="N", help="of each of two tables, a night")
    add("--only", choices=sorted(_TARGETS), help="one kind of target alone")
    add("--json", metavar="FILE", help="write all figures, those of each night too")
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
