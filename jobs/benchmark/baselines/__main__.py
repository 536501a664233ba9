"""F1 and speed beside other taggers: `python -m jobs.benchmark.baselines --train F --data F`.

python-crfsuite and spaCy's own network are trained on the same sentences, each by an interpreter
that has it. Then all tag the same sentences, whose tokens are given, on one core, in rounds.
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from jobs.benchmark.baselines.measure import Baseline, compare, prepare
from jobs.benchmark.baselines.report import chart, table
from jobs.benchmark.other_python import has_modules
from model.corpora import read_labelled
from model.corpora.tokenized import TokenizedSentences
from model.host.system import processor_name
from model.tagger.arithmetic import start_arithmetic
from model.text.segmentation import Segmentation
from pipeline.console.arguments import Parser, require_file, write_file
from pipeline.console.commands import called
from pipeline.console.printing import answer
from pipeline.console.process import main
from pipeline.filesystems.model_files import open_model
from schemas.errors import UsageError


def run(arguments: Sequence[str]) -> int:
    """Train what is not trained yet, measure, print the table, and write what was asked for."""
    flags = baselines_parser().parse(arguments)
    if flags.repeats < 1:
        raise UsageError(f"--repeats is {flags.repeats}, expected at least 1")
    taken = [("--train", flags.train), ("--data", flags.data)]
    require_file("--json", flags.json, taken)
    require_file("--chart", flags.chart, [("--json", flags.json), *taken])
    artifact = open_model(flags.model)
    train, data = (
        _sentences(path, flag, artifact.segmentation)
        for path, flag in ((flags.train, "--train"), (flags.data, "--data"))
    )
    language = artifact.segmentation.language
    baselines = []
    if has_modules(flags.crf_python, ("pycrfsuite",), "--crf_python"):
        baselines.append(Baseline("crfsuite_tagger", flags.crf_python))
    if has_modules(flags.spacy_python, ("spacy",), "--spacy_python"):
        baselines.append(Baseline("spacy_tagger", flags.spacy_python, (language,)))

    start_arithmetic(threads=1, side_by_side=os.cpu_count() or 1)
    with tempfile.TemporaryDirectory(prefix="gleaner-baselines-") as scratch:
        folder = prepare(train.labelled, data, language, Path(flags.trained or scratch))
        measured = compare(artifact, baselines, data, folder, flags.repeats)
    if flags.json:
        figures = {
            "processor": processor_name(),
            "repeats": flags.repeats,
            "train": {"sentences": len(train), "tokens": train.tokens},
            "data": {"sentences": len(data), "tokens": data.tokens},
            "taggers": [asdict(each) for each in measured],
        }
        write_file("--json", flags.json, json.dumps(figures, indent=1) + "\n")
    if flags.chart:
        write_file("--chart", flags.chart, chart(measured))
    rounds = f"median of {flags.repeats}" if flags.repeats > 1 else "one round"
    answer(
        f"{len(train):,} sentences to train on, {len(data):,} to tag ({data.tokens:,} tokens)\n"
        f"one core of {processor_name()}; {rounds}\n\n{table(measured)}"
    )
    return 0


def _sentences(path: str, flag: str, segmentation: Segmentation) -> TokenizedSentences:
    """The file's sentences in the tokens of the model; UsageError where it has no sentences."""
    sentences = read_labelled(path).sentences
    if not sentences:
        raise UsageError(f"{flag} {path} holds no labelled tokens, which all taggers are given")
    return TokenizedSentences.of(sentences, segmentation.tokens, characters=segmentation.characters)


def baselines_parser() -> Parser:
    """All flags of `jobs.benchmark.baselines`."""
    parser = Parser(
        prog=called("jobs.benchmark.baselines"),
        synopsis="--train FILE --data FILE [FLAG ...]",
        description="F1 and speed of a model beside other taggers with the same labels: "
        "python-crfsuite and spaCy's own network, where they are there, are trained; all tag the "
        "same sentences on one core.",
        examples=(
            "--train a.csv --data b.csv --model mine",
            "--train a.csv --data b.csv --trained kept",
        ),
    )
    add = parser.add_argument
    add("--train", required=True, metavar="FILE", help="labelled tokens that all learn from")
    add("--data", required=True, metavar="FILE", help="labelled tokens that all are scored on")
    add("--model", default="gmb-en", metavar="DIR_OR_NAME", help="trained on --train before")
    here, has = sys.executable, "an interpreter that has {} (default: this one)"
    add("--crf_python", default=here, metavar="PYTHON", help=has.format("python-crfsuite"))
    add("--spacy_python", default=here, metavar="PYTHON", help=has.format("spaCy"))
    add("--trained", metavar="DIR", help="keeps what was trained, for the next time")
    add("--repeats", type=int, default=3, metavar="N", help="rounds")
    add("--json", metavar="FILE", help="write all figures")
    add("--chart", metavar="FILE", help="write an SVG of F1 by speed (needs matplotlib)")
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
