"""The labelled files of a training run, as the parts that training takes."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.train.data.data_report import format_report, tokens_in_words
from jobs.train.data.findings import impossible, pointless
from model.corpora import (
    LabelledCorpus,
    LabelledSentence,
    Offsets,
    fold_numbers,
    read_labelled,
    split_documents,
    split_sentences,
)
from model.corpora.faults import BrokenCorpusError
from model.corpora.projection import project_document
from model.corpora.statistics import DataReport, LabelledPart, SourceFile, report_of
from model.corpora.token_style import TokenChoice, cuts_characters, token_style
from model.text.languages import language_code
from model.text.segmentation import Segmentation
from model.training.automatic import DataSize
from pipeline.console.printing import account, answer
from pipeline.console.text import counted
from schemas.errors import CorpusError, UsageError

# With fewer sentences and no --dev, a tenth would be too few to judge by, and too many to miss.
CROSS_VALIDATED = 3000
FOLDS = 5
USUAL_SHARE = 0.1
_NAMES = ("train", "dev", "test")


@dataclass(frozen=True)
class Parts:
    """The labelled sentences of a training run, and the report on them.

    folds: of each sentence of train, where these are cross-validated; there is no dev then.
    """

    train: Sequence[LabelledSentence]
    dev: Sequence[LabelledSentence]
    test: Sequence[LabelledSentence]
    report: DataReport
    segmentation: Segmentation
    has_vectors: bool
    folds: Sequence[int] = ()

    @property
    def size(self) -> DataSize:
        """How much there is to learn from."""
        train = self.report.train
        return DataSize(train.sentences, len(train.entities), self.has_vectors)

    def described(self) -> dict[str, str]:
        sizes = {
            name: f"{len(part):,} sentences, {sum(len(s.words) for s in part):,} words"
            for name, part in (("train", self.train), ("dev", self.dev), ("test", self.test))
            if part
        }
        return {**sizes, "tokens": ", since ".join(filter(None, tokens_in_words(self.report)))}


class BrokenFilesError(UsageError):
    """Labelled files that cannot be read; the message is that of the first, `errors` has all."""

    def __init__(self, errors: Sequence[CorpusError]) -> None:
        self.errors = errors
        # Whether there is more to say than the message does.
        self.is_list = len(errors) > 1 or isinstance(errors[0], BrokenCorpusError)
        others = len(errors) - 1
        super().__init__(f"{errors[0]}" + (f" (and {counted(others, 'file')} more)" * (others > 0)))


def read_parts(flags: argparse.Namespace) -> Parts:
    """The parts that the flags name.

    Raises UsageError for flags at fault, BrokenFilesError for files.
    """
    language = _language(flags.language)
    share = flags.validation_split
    if not flags.dev and share is not None and not 0 < share < 1:
        raise UsageError(f"--validation_split is {share}, expected more than 0 and below 1")
    corpora = _read([flags.train, *filter(None, (flags.dev, flags.test))], flags.offsets)
    corpus = corpora[flags.train]
    choice = TokenChoice(flags.tokens)
    if flags.tokens == "auto":
        choice = token_style(corpus, language)
    characters = cuts_characters(corpus)
    segmentation = Segmentation(language=language, tokens=choice.style, characters=characters)
    file = _labelled(corpus, segmentation)
    train = file.part("train")
    folds: list[int] = []
    parts = {"train": train}
    if flags.dev:
        parts["dev"] = _labelled(corpora[flags.dev], segmentation).part("dev")
    elif share is None and len(train.sentences) < CROSS_VALIDATED:
        folds = file.folds(FOLDS, flags.seed)
    else:
        share = USUAL_SHARE if share is None else share
        sentences, dev_sentences = file.split(share, flags.seed)
        origin = f"{100 * share:.3g}% of {flags.train}, apart by text"
        parts["train"] = replace(train, sentences=sentences)
        parts["dev"] = LabelledPart("dev", origin, None, dev_sentences)
    if flags.test:
        parts["test"] = _labelled(corpora[flags.test], segmentation).part("test")
    return Parts(
        **{name: parts[name].sentences if name in parts else () for name in _NAMES},
        report=report_of(
            *parts.values(), tokens=choice.style, characters=characters, why_tokens=choice.reason
        ),
        segmentation=segmentation,
        has_vectors=bool(flags.vectors),
        folds=folds,
    )


def _language(language: str) -> str:
    try:
        return language_code(language)
    except ValueError as error:
        raise UsageError(f"--language {language or repr(language)}, {error}") from error


def check_parts(parts: Parts, listed: int, *, asked: bool = False) -> None:
    """Print the report on the parts; raises UsageError where it is pointless.

    listed: how many places of a finding are named. asked: the report is what was asked for.
    """
    (answer if asked else account)(format_report(parts.report, listed))
    reason = impossible(parts.report) or pointless(parts.report)
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

    def folds(self, count: int, seed: int) -> list[int]:
        """The fold of each sentence; there are fewer than `count` where there are few texts."""
        whole = self.documents if self.source.documents else [[each] for each in self.sentences]
        numbers = fold_numbers(whole, count, seed)
        return [
            number for number, each in zip(numbers, whole, strict=True) for _ in range(len(each))
        ]

    def split(
        self, fraction: float, seed: int
    ) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
        if self.source.documents:
            return split_documents(self.documents, fraction, seed)
        return split_sentences(self.sentences, fraction, seed)


def _read(paths: Sequence[str], offsets: Offsets) -> dict[str, LabelledCorpus]:
    corpora: dict[str, LabelledCorpus] = {}
    errors: dict[str, CorpusError] = {}
    for path in dict.fromkeys(paths):
        try:
            corpora[path] = read_labelled(path, offsets)
        except CorpusError as error:
            errors[path] = error
    if errors:
        raise BrokenFilesError(list(errors.values()))
    return corpora


def _labelled(corpus: LabelledCorpus, segmentation: Segmentation) -> _LabelledFile:
    if not corpus.documents:
        return _LabelledFile(SourceFile.of(corpus), [corpus.sentences])
    projected = [project_document(document, segmentation) for document in corpus.documents]
    misfits = [misfit for document in projected for misfit in document.misfits]
    source = SourceFile.of(corpus, misfits)
    return _LabelledFile(source, [document.sentences for document in projected])
