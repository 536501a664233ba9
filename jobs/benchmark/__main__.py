"""How fast extraction is here: `python -m jobs.benchmark`, with any flag of `pipeline.run`.

In every round the whole command runs, then the stages by themselves on the same documents, then, if
it is there, spaCy with its entity recognizer alone. The figures are medians; ratios are taken
within a round.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from jobs.benchmark.corpus import bundled_copies
from jobs.benchmark.report import chart, table
from pipeline.console.arguments import Parser, require_file, write_file
from pipeline.console.commands import called
from pipeline.console.printing import answer
from pipeline.console.process import main
from schemas.errors import UsageError


def run(arguments: Sequence[str]) -> int:
    """Measure as the flags say, print the table, and write what was asked for."""
    flags, extraction = benchmark_parser().parse_known_args(arguments)
    if flags.repeats < 1:
        raise UsageError(f"--repeats is {flags.repeats}, expected at least 1")
    require_file("--json", flags.json)
    require_file("--chart", flags.chart, [("--json", flags.json)])
    named = {flag.partition("=")[0] for flag in extraction}
    for own in named.intersection(("--output", "--run_id")):
        raise UsageError(f"{own} is the benchmark's own: what it writes is thrown away")

    # Beam logs at import, so it is imported once the libraries are quiet.
    from jobs.benchmark.measure import Reference, measure

    reference = Reference(flags.spacy_python, flags.spacy_model, flags.spacy_characters)
    with tempfile.TemporaryDirectory(prefix="gleaner-benchmark-") as scratch:
        if "--input" not in named:
            extraction += ["--input", bundled_copies(Path(scratch))]
        figures = measure(extraction, flags.repeats, reference, Path(scratch))
    if flags.json:
        write_file("--json", flags.json, json.dumps(figures, indent=1) + "\n")
    if flags.chart:
        write_file("--chart", flags.chart, chart(figures))
    answer(table(figures))
    return 0


def benchmark_parser() -> Parser:
    """The flags of `jobs.benchmark`; what it leaves over is for `pipeline.run`."""
    parser = Parser(
        prog=called("jobs.benchmark"),
        synopsis="[FLAG ...] [flags of pipeline.run]",
        description="How fast extraction is here: the whole command, its stages by themselves, and "
        "spaCy where it is there. Figures are medians; ratios are taken within a round.",
        examples=(
            "",
            "--input docs/*.jsonl --direct_num_workers 2",
            "--repeats 5 --json speed.json",
        ),
    )
    add = parser.add_argument
    add("--repeats", type=int, default=3, metavar="N", help="rounds")
    add("--json", metavar="FILE", help="write all figures")
    add("--chart", metavar="FILE", help="write an SVG of the rates (needs matplotlib)")
    add(
        "--spacy_python",
        default=sys.executable,
        metavar="PYTHON",
        help="an interpreter that has spaCy (default: this one)",
    )
    add("--spacy_model", default="en_core_web_sm", metavar="PACKAGE", help="of spaCy's model")
    add(
        "--spacy_characters",
        type=int,
        default=3_000_000,
        metavar="N",
        help="about how much text spaCy gets",
    )
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
