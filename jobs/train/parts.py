"""The labelled files of a training run, as the parts that training takes."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.train.data_report import format_report
from jobs.train.findings import pointless
from model.corpora import (
    LabelledCorpus,
    LabelledSentence,
    read_labelled,
    split_documents,
    split_sentences,
)
from model.corpora.projection import project_document
from model.corpora.statistics import DataReport, LabelledPart, SourceFile, report_of
from model.corpora.token_style import cuts_characters, token_style
from model.text.languages import language_code
from model.text.segmentation import Segmentation
from pipeline.console.printing import account, answer
from schemas.errors import UsageError


@dataclass(frozen=True)
class Parts:
    """The labelled sentences of a training run, and the report on them."""

    train: Sequence[LabelledSentence]
    dev: Sequence[LabelledSentence]
    test: Sequence[LabelledSentence]
    report: DataReport
    segmentation: Segmentation

    def described(self) -> dict[str, str]:
        return {
            name: f"{len(part):,} sentences, {sum(len(s.words) for s in part):,} words"
            for name, part in (("train", self.train), ("dev", self.dev), ("test", self.test))
            if part
        }


def read_parts(flags: argparse.Namespace) -> Parts:
    """The parts that the flags name; raises UsageError for files and flags at fault."""
    language = _language(flags.language)
    corpus = read_labelled(flags.train, allow_overlaps=True)
    style = token_style(corpus, language) if flags.tokens == "auto" else flags.tokens
    characters = cuts_characters(corpus)
    segmentation = Segmentation(language=language, tokens=style, characters=characters)
    file = _labelled(corpus, segmentation)
    train = file.part("train")
    if flags.dev:
        dev = _read(flags.dev, segmentation).part("dev")
    else:
        share = flags.validation_split
        if not 0 < share < 1:
            raise UsageError(f"--validation_split is {share}, expected more than 0 and below 1")
        sentences, dev_sentences = file.split(share, flags.seed)
        train = replace(train, sentences=sentences)
        origin = f"{100 * share:.3g}% of {flags.train}, apart by text"
        dev = LabelledPart("dev", origin, None, dev_sentences)
    parts = [train, dev]
    if flags.test:
        parts.append(_read(flags.test, segmentation).part("test"))
    return Parts(
        train=train.sentences,
        dev=dev.sentences,
        test=parts[2].sentences if flags.test else (),
        report=report_of(*parts, tokens=style, characters=characters),
        segmentation=segmentation,
    )


def _language(language: str) -> str:
    try:
        return language_code(language)
    except ValueError as error:
        raise UsageError(f"--language {language or repr(language)}, {error}") from error


def check_parts(parts: Parts, *, in_full: bool = False) -> None:
    """Print the report on the parts; raises UsageError where training on them is pointless.

    in_full: name every place of a finding, not just the first ones.
    """
    (answer if in_full else account)(format_report(parts.report, every_place=in_full))
    reason = pointless(parts.report)
    if reason:
        raise UsageError(reason)


@dataclass(frozen=True)
class _LabelledFile:
    """A file's sentences: those of each document, or all in one list where it has none."""

    source: SourceFile
    documents: Sequence[Sequence[LabelledSentence]]

    @property
    def sentences(self) -> list[LabelledSentence]:
        return [sentence for document in self.documents for sentence in document]

    def part(self, name: str) -> LabelledPart:
        return LabelledPart(name, self.source.path, self.source, self.sentences)

    def split(
        self, fraction: float, seed: int
    ) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
        if self.source.documents:
            return split_documents(self.documents, fraction, seed)
        return split_sentences(self.sentences, fraction, seed)


def _read(path: str, segmentation: Segmentation) -> _LabelledFile:
    return _labelled(read_labelled(path, allow_overlaps=True), segmentation)


def _labelled(corpus: LabelledCorpus, segmentation: Segmentation) -> _LabelledFile:
    if not corpus.documents:
        return _LabelledFile(SourceFile.of(corpus), [corpus.sentences])
    projected = [project_document(document, segmentation) for document in corpus.documents]
    misfits = [misfit for document in projected for misfit in document.misfits]
    source = SourceFile.of(corpus, misfits)
    return _LabelledFile(source, [document.sentences for document in projected])
