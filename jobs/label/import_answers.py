"""Read what people answered, check it, and write it as training data."""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from jobs.label.answers import GivenAnswer, by_text, without_overlaps
from jobs.label.answers.account import told_in_words
from model.corpora import LabelledDocument, Offsets, read_labelled
from model.corpora.records import LabelledCorpus, Remark
from model.text.escaping import harmless, shortened
from pipeline.console.arguments import require_new_file, write_file
from pipeline.console.printing import account
from schemas.errors import CorpusError, UsageError

EXAMPLES = (
    "export.json --to labelled.jsonl",
    "ana.jsonl ben.jsonl --to all.jsonl",
)
SYNOPSIS = "ANSWERS ... --to FILE [FLAG ...]"

_SHOWN = 60


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the files, what is written, and how much is told."""
    add = parser.add_argument
    add("answers", nargs="+", metavar="ANSWERS", help="exports of the labelling tool")
    add("--to", required=True, metavar="FILE", help="what jobs.train takes, a new file")
    text = "of spans: codepoints, utf16 or auto (default: auto)"
    add("--offsets", choices=get_args(Offsets), default="auto", metavar="UNIT", help=text)
    add("--mistakes", type=int, default=10, metavar="N", help="how many of each kind are listed")


def run(flags: argparse.Namespace) -> int:
    """Write the answers that count, and tell what became of all; returns the exit code."""
    if flags.mistakes < 0:
        raise UsageError(f"--mistakes is {flags.mistakes}, expected at least 0")
    require_new_file("--to", flags.to)
    corpora = [_read(path, flags.offsets) for path in _distinct(flags.answers)]
    remarks = [remark for corpus in corpora for remark in corpus.remarks]
    answers, repeated = _answers(corpora)
    texts = by_text(answers)
    written = [text.written for text in texts if text.written]
    remarks += [*repeated, *_about_spans(written)]
    told = told_in_words(flags.to, corpora, texts, remarks, flags.mistakes)
    if not written:
        account(told)
        raise UsageError(f"no answer is written: people disagree on all of {len(texts):,} texts")
    write_file("--to", flags.to, "".join(map(_line, written)))
    account(told)
    return 0


def _distinct(paths: Sequence[str]) -> list[str]:
    """Each file once: answers that are read twice would agree with themselves."""
    seen: dict[str, str] = {}
    for path in paths:
        real = os.path.realpath(path)
        if real in seen:
            raise UsageError(f"{path} is given twice, once as {seen[real]}")
        seen[real] = path
    return list(paths)


def _read(path: str, offsets: Offsets) -> LabelledCorpus:
    corpus = read_labelled(path, offsets, every_answer=True)
    if not corpus.documents:
        raise CorpusError(
            f"{path} holds words with tags, and no texts with spans: export JSON or JSON lines"
        )
    return corpus


def _answers(corpora: Sequence[LabelledCorpus]) -> tuple[list[GivenAnswer], list[Remark]]:
    """The answers, each once; what the tool has no name for is named by its file."""
    answers: dict[tuple[str, str, frozenset[object]], GivenAnswer] = {}
    repeated: list[str] = []
    for corpus in corpora:
        for document in corpus.documents:
            answer = GivenAnswer(document, document.answer.annotator or Path(corpus.path).stem)
            key = (document.text, answer.annotator, answer.spans)
            if key in answers:
                repeated.append(_place(corpus.path, document))
            answers.setdefault(key, answer)
    if not repeated:
        return list(answers.values()), []
    told = f"{len(repeated):,} answers repeat another one of the same person, and count once"
    return list(answers.values()), [Remark(told, tuple(repeated))]


def _place(path: str, document: LabelledDocument) -> str:
    shown = shortened(" ".join(document.text.split()), _SHOWN)
    return f"{harmless(path)}:{document.line}: {harmless(document.doc_id)} {shown!r}"


def _about_spans(documents: Sequence[LabelledDocument]) -> Iterator[Remark]:
    """What is odd about spans that are written all the same."""
    overlapping = [
        f"{harmless(document.doc_id)}: [{span.start}, {span.end}) {harmless(span.label)} "
        f"{shortened(document.text[span.start : span.end], _SHOWN)!r}"
        for document in documents
        for span in sorted(set(document.entities) - set(without_overlaps(document.entities)))
    ]
    if overlapping:
        yield Remark(
            f"{len(overlapping):,} spans overlap one before them, and a token has one label: "
            "training will leave out one of the two",
            tuple(overlapping),
        )


def _line(document: LabelledDocument) -> str:
    """A document as `jobs.train` reads it, with its place where that is known."""
    line: dict[str, Any] = {
        "id": document.doc_id,
        "text": document.text,
        "entities": [
            {
                "start": span.start,
                "end": span.end,
                "label": span.label,
                "text": document.text[span.start : span.end],
            }
            for span in sorted(set(document.entities))
        ],
    }
    origin = document.answer.origin
    if origin:
        line |= {"source": origin.source, "start": origin.start}
    return f"{json.dumps(line, ensure_ascii=False)}\n"
