"""Score a model on labelled data: `python -m jobs.evaluate --model DIR_OR_NAME --data FILE`.

Labelled tokens are scored by tokens; documents with gold spans are read as raw text and
scored by code points, through the code that extraction runs. Scores are strict and by the MUC
kinds; the most frequent mistakes are listed, each with a sentence. Beside the scores stands how
many tokens a second one core tags.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, get_args

from jobs.evaluate.gold import scored_corpus
from jobs.evaluate.page import html_page
from jobs.evaluate.report import evaluation
from jobs.evaluate.terminal import format_evaluation
from model.corpora import LabelledCorpus, Offsets, read_labelled
from model.corpora.tokenized import TokenizedSentences
from model.evaluation.entity_scores import EntityScores
from model.evaluation.mistakes import ComparedText
from model.evaluation.scoring import (
    character_spans,
    gold_spans,
    score_documents,
    score_sentences,
)
from model.evaluation.speed import Speed, reading_speed, tagging_speed
from model.tagger.arithmetic import start_arithmetic
from model.tagger.tagger import Tagger
from pipeline.console.arguments import Parser, require_file, write_file
from pipeline.console.commands import called
from pipeline.console.printing import answer
from pipeline.console.process import main
from pipeline.filesystems.model_files import open_model
from schemas.errors import UsageError


def run(arguments: Sequence[str]) -> int:
    """Print scores and mistakes, and write them where asked; returns the exit code."""
    flags = evaluation_parser().parse(arguments)
    if flags.mistakes < 0:
        raise UsageError(f"--mistakes is {flags.mistakes}, expected at least 0")
    artifact = open_model(flags.model)
    taken = [("--data", flags.data), *_files_of(flags.model)]
    require_file("--json", flags.json, taken)
    require_file("--html", flags.html, [("--json", flags.json), *taken])
    corpus, warnings = scored_corpus(read_labelled(flags.data, flags.offsets), artifact)

    # TensorFlow is imported only when nothing is left that could be a mistake in the flags.
    # With threads as training has them, so that the speed is that of the model card.
    start_arithmetic(threads=1, side_by_side=os.cpu_count() or 1)
    scores, texts, speed = _compare(Tagger(artifact), corpus)
    found = evaluation(artifact.identity, corpus, scores, texts, warnings, flags.mistakes, speed)
    if flags.json:
        write_file("--json", flags.json, json.dumps(found.to_json(), indent=2) + "\n")
    if flags.html:
        write_file("--html", flags.html, html_page(found))
    answer(format_evaluation(found, shutil.get_terminal_size((100, 24)).columns, flags.mistakes))
    return 0


def _files_of(model: str) -> list[tuple[str, str]]:
    """The files of a model that is a folder, each with the flag that names it."""
    checksums = Path(model, "checksums.json")
    names = json.loads(checksums.read_text("utf-8")) if checksums.is_file() else ()
    return [("--model", str(checksums.with_name(name))) for name in (checksums.name, *names)]


def _compare(
    tagger: Tagger, corpus: LabelledCorpus
) -> tuple[EntityScores, list[ComparedText], Speed | None]:
    """The strict scores, every sentence or document with its gold and what was predicted, speed."""
    segmentation = tagger.artifact.segmentation
    if corpus.documents:
        scores, tagged = score_documents(tagger, corpus.documents)
        gold = [list(document.entities) for document in corpus.documents]
        speed = reading_speed(tagger, [document.text for document in corpus.documents])
    else:
        cut = TokenizedSentences.of(
            corpus.sentences, segmentation.tokens, characters=segmentation.characters
        )
        scores, tagged = score_sentences(tagger, cut.words, cut.tags)
        gold = list(gold_spans(cut.words, cut.tags))
        speed = tagging_speed(tagger, cut.words)
    lines = [d.line for d in corpus.documents] or [s.line for s in corpus.sentences]
    texts = [
        ComparedText(
            text=found.document.text,
            gold=spans,
            predicted=character_spans(found),
            confidence=found.confidence.tolist(),
            line=line,
            doc_id=found.document.doc_id if corpus.documents else None,
            segmentation=segmentation if corpus.documents else None,
        )
        for line, spans, found in zip(lines, gold, tagged, strict=True)
    ]
    return scores, texts, speed


def evaluation_parser() -> Parser:
    """All flags of `jobs.evaluate`."""
    parser = Parser(
        prog=called("jobs.evaluate"),
        description="Score a model on labelled data, strictly and by the MUC kinds, and list the "
        "most frequent mistakes. Documents with spans are read as raw text, as extraction does.",
        examples=(
            "--model gmb-en --data test.conll",
            "--model models/mine --data gold.jsonl --html mine.html",
        ),
    )
    add = parser.add_argument
    add("--model", required=True, metavar="DIR_OR_NAME", help="directory, URL or bundled name")
    add("--data", required=True, metavar="FILE", help="labelled: csv, CoNLL, JSON, Parquet")
    text = "of spans: codepoints, utf16 or auto (default: auto)"
    add("--offsets", choices=get_args(Offsets), default="auto", metavar="UNIT", help=text)
    add("--json", metavar="FILE", help="write everything as JSON")
    add("--html", metavar="FILE", help="write everything as one page to read")
    add("--mistakes", type=int, default=10, metavar="N", help="how many mistakes are listed")
    return parser


def command() -> NoReturn:
    """Run this command with the arguments of the process."""
    main(run)


if __name__ == "__main__":
    command()
