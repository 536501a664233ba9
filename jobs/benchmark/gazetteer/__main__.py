"""What a gazetteer costs here: `python -m jobs.benchmark.gazetteer --terms 100000`.

In every round the whole command runs without a list and then with each list, over the same input.
Ratios are taken within a round, and medians of all. Up to a tenth of the terms stand in the texts.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NoReturn

from jobs.benchmark.command import WatchedRun, run_command
from jobs.benchmark.corpus import bundled_copies, documents_of, plan_corpus
from jobs.benchmark.gazetteer.made_terms import write_terms
from pipeline.configuration.extraction import parse_extraction
from pipeline.console.arguments import Parser, require_file, write_file
from pipeline.console.commands import called
from pipeline.console.printing import answer
from pipeline.console.process import main
from schemas.errors import UsageError


def run(arguments: Sequence[str]) -> int:
    """Measure as the flags say, print the table, and write what was asked for."""
    flags, extraction = gazetteer_parser().parse_known_args(arguments)
    if flags.repeats < 1 or min(flags.terms) < 1:
        raise UsageError("--repeats and --terms: expected at least 1")
    require_file("--json", flags.json)
    named = {flag.partition("=")[0] for flag in extraction}
    for own in named.intersection(("--output", "--run_id", "--gazetteer")):
        raise UsageError(f"{own} is the benchmark's own")

    with tempfile.TemporaryDirectory(prefix="gleaner-benchmark-") as directory:
        scratch = Path(directory)
        if "--input" not in named:
            extraction += ["--input", bundled_copies(scratch)]
        config = parse_extraction(extraction)
        shards = plan_corpus(config.inputs, config.read)
        lists = {count: scratch / f"terms-{count}.csv" for count in flags.terms}
        for count, path in lists.items():
            write_terms(path, count, documents_of(shards, config.read))
        rounds: list[dict[int, WatchedRun]] = []
        for _ in range(flags.repeats):
            runs = {0: run_command(extraction, scratch)}
            for count, path in lists.items():
                runs[count] = run_command([*extraction, f"--gazetteer={path}"], scratch)
            rounds.append(runs)
    figures = [_figures(rounds, count) for count in (0, *lists)]
    if flags.json:
        write_file("--json", flags.json, json.dumps(figures, indent=1) + "\n")
    answer("\n".join(map(_line, figures)))
    return 0


def _figures(rounds: Sequence[dict[int, WatchedRun]], count: int) -> dict[str, float | int]:
    """Medians over the rounds; peak_mb: of the largest process."""
    listed = rounds[0][count].manifest.get("gazetteer")
    return {
        "terms": count,
        "found": listed["fired"] if listed else 0,
        "entities": rounds[0][count].manifest["counts"]["entities"],
        "seconds": median(runs[count].seconds for runs in rounds),
        "ratio": median(runs[count].seconds / runs[0].seconds for runs in rounds),
        "peak_mb": median(runs[count].peak_mb or 0 for runs in rounds),
    }


def _line(figures: dict[str, float | int]) -> str:
    return (
        f"{figures['terms']:>9,} terms  {figures['seconds']:6.2f} s  {figures['ratio']:.2f} times  "
        f"{figures['peak_mb']:6,.0f} MB  {figures['found']:,} found, "
        f"{figures['entities']:,} entities"
    )


def gazetteer_parser() -> Parser:
    """The flags of `jobs.benchmark.gazetteer`; what it leaves over is for `pipeline.run`."""
    parser = Parser(
        prog=called("jobs.benchmark.gazetteer"),
        synopsis="[FLAG ...] [flags of pipeline.run]",
        description="What a gazetteer costs here: the whole command without a list, and with made "
        "ones of so many terms, up to a tenth of which stand in the texts.",
        examples=("", "--terms 100000 2000000 --input docs/*.jsonl"),
    )
    add = parser.add_argument
    add("--terms", type=int, nargs="+", default=[10, 100_000], metavar="N", help="of each list")
    add("--repeats", type=int, default=3, metavar="N", help="rounds")
    add("--json", metavar="FILE", help="write all figures")
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
