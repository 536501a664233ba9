"""What many small files cost here: `python -m jobs.benchmark.scale --files 100000`.

Lists, plans and commits so many made-up files, each step in a process of its own, and then runs the
whole command over them. What follows from the figures: "How the job scales" in the documentation.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from model.runtime import forgo_keras
from pipeline.console.arguments import Parser, require_file
from pipeline.console.printing import account
from pipeline.console.process import main
from schemas.errors import UsageError

if TYPE_CHECKING:
    from jobs.benchmark.scale_steps import Measured


def run(arguments: Sequence[str]) -> int:
    """Measure as the flags say, print the table, and write what was asked for."""
    flags = _parser().parse(arguments)
    if flags.files < 1:
        raise UsageError(f"--files is {flags.files}, expected at least 1")
    require_file("--json", flags.json)

    # Beam logs at import, so it is imported once the libraries are quiet.
    from jobs.benchmark.command import run_command
    from jobs.benchmark.scale_steps import STEPS, Measured, make_input, measure_apart

    with tempfile.TemporaryDirectory(prefix="gleaner-scale-") as scratch:
        place = Path(scratch)
        make_input(flags.files, place)
        found = [measure_apart(step, flags.files, place) for step in STEPS]
        done = run_command([f"--input={place}/flat", f"--model={flags.model}"], place)
    found.append(Measured("whole command", done.seconds, done.peak_mb))
    account("\n".join(table(found)))
    if flags.json:
        told = {"files": flags.files, "steps": [asdict(measured) for measured in found]}
        Path(flags.json).write_text(json.dumps(told, indent=1) + "\n")
    return 0


def table(found: Sequence["Measured"]) -> list[str]:
    """The steps as a person reads them, a line each."""
    lines = [f"{'step':18}{'seconds':>9}{'peak MB':>9}  made"]
    for measured in found:
        peak = f"{measured.peak_mb:,.0f}" if measured.peak_mb else "-"
        made = ", ".join(f"{name} {size:,} bytes" for name, size in measured.made.items())
        lines.append(f"{measured.step:18}{measured.seconds:9.2f}{peak:>9}  {made}".rstrip())
    return lines


def _parser() -> Parser:
    parser = Parser(prog="python -m jobs.benchmark.scale", description=__doc__)
    add = parser.add_argument
    add("--files", type=int, default=100_000, metavar="N", help="how many input files")
    add("--model", default="gmb-en", metavar="DIR_OR_NAME", help="of the whole command")
    add("--json", metavar="FILE", help="where all figures go")
    return parser


if __name__ == "__main__":
    forgo_keras()  # the processes that are started inherit it
    main(run)
