"""What many small files cost here: `python -m jobs.benchmark.scale --files 100000`.

Lists, plans and commits so many made-up files, each step in a process of its own, and then runs the
whole command over them. What follows from the figures: "How the job scales" in the documentation.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from jobs.benchmark.command import apart, run_command
from pipeline.console.arguments import Parser, require_file, write_file
from pipeline.console.commands import called
from pipeline.console.printing import answer
from pipeline.console.process import main
from pipeline.filesystems.model_files import open_model
from schemas.errors import UsageError


def run(arguments: Sequence[str]) -> int:
    """Measure as the flags say, print the table, and write what was asked for."""
    flags = _parser().parse(arguments)
    if flags.files < 1:
        raise UsageError(f"--files is {flags.files}, expected at least 1")
    require_file("--json", flags.json)
    open_model(flags.model)  # what is wrong with it is known at once, and not after the first steps

    # Beam logs at import, so it is imported once the libraries are quiet.
    from jobs.benchmark.scale_steps import STEPS, Measured, make_input, table

    with tempfile.TemporaryDirectory(prefix="gleaner-scale-") as scratch:
        place = Path(scratch)
        make_input(flags.files, place)
        steps = [apart(step, flags.files, place) for step in STEPS]
        done = run_command([f"--input={place}/flat", f"--model={flags.model}"], place)
    steps.append(Measured("whole command", done.seconds, done.peak_mb))
    if flags.json:
        figures = {"files": flags.files, "steps": [asdict(measured) for measured in steps]}
        write_file("--json", flags.json, json.dumps(figures, indent=1) + "\n")
    answer("\n".join(table(steps)))
    return 0


def _parser() -> Parser:
    parser = Parser(prog=called("jobs.benchmark.scale"), description=__doc__)
    add = parser.add_argument
    add("--files", type=int, default=100_000, metavar="N", help="how many input files")
    add("--model", default="gmb-en", metavar="DIR_OR_NAME", help="of the whole command")
    add("--json", metavar="FILE", help="where all figures go")
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
