"""What labelled data looks like before it is trained on: parts in, a record of counts out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from model.corpora.illegal_tags import IllegalTag
from model.corpora.projection import Misfit
from model.corpora.records import (
    CorpusFormat,
    Encoding,
    LabelledCorpus,
    LabelledSentence,
    Remark,
)
from model.corpora.remarks import about_encoding, about_misfits, about_tags
from model.tagger.vocabulary import normalize
from model.tags import TagScheme
from model.text.scripts import count_without_blanks
from model.text.segmentation import TokenStyle, split_word

_MISFITS = "correct their offsets, or see that what is tagged instead will do"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A labelled file: how it is written, where it breaks its rules, and what is to be told."""

    path: str
    format: CorpusFormat
    scheme: TagScheme | None
    encoding: Encoding
    documents: int
    illegal_tags: tuple[IllegalTag, ...]
    misfits: tuple[Misfit, ...]
    facts: tuple[str, ...]
    noted: tuple[Remark, ...]  # by its reader

    @classmethod
    def of(cls, corpus: LabelledCorpus, misfits: Sequence[Misfit] = ()) -> "SourceFile":
        return cls(
            path=corpus.path,
            format=corpus.format,
            scheme=corpus.scheme,
            encoding=corpus.encoding,
            documents=len(corpus.documents),
            illegal_tags=corpus.illegal_tags,
            misfits=tuple(misfits),
            facts=corpus.facts,
            noted=corpus.remarks,
        )

    @property
    def remarks(self) -> list[Remark]:
        """All that is odd about the file."""
        return [
            *self.noted,
            *about_encoding(self.path, self.encoding),
            *about_tags(self.path, self.scheme, self.illegal_tags),
            *about_misfits(self.path, self.misfits, _MISFITS),
        ]


@dataclass(frozen=True, slots=True)
class LabelledPart:
    """A part of a training run, `train`, `dev` or `test`, and where it comes from.

    `origin` is its file's path, or says in words how it was split off; then it has no `source`.
    """

    name: str
    origin: str
    source: SourceFile | None
    sentences: Sequence[LabelledSentence]


@dataclass(frozen=True, slots=True)
class SentenceLengths:
    """Quantiles of sentence lengths in tokens, each the length of a sentence that is there.

    `longest_line` is where the longest one begins in its file.
    """

    median: int = 0
    percentile_90: int = 0
    percentile_99: int = 0
    longest: int = 0
    longest_line: int | None = None


@dataclass(frozen=True, slots=True)
class PartReport:
    """The counts of one part; `tokens` are those that extraction would cut the words into.

    entities: by label, most frequent first, ties by name.
    repeated: sentences whose text stood in this part before.
    in_train: sentences whose text train has too; None for train itself.
    unknown_tokens: tokens that train lacks, all cases alike and all digits; None for train itself.
    words, cut_words: words, and those that are cut into characters since no blanks show them.
    """

    name: str
    origin: str
    source: SourceFile | None
    sentences: int
    tokens: int
    entities: Mapping[str, int]
    lengths: SentenceLengths
    repeated: int
    in_train: int | None
    unknown_tokens: int | None
    words: int = 0
    cut_words: int = 0


@dataclass(frozen=True, slots=True)
class DataReport:
    """The parts of a training run that there are, train first.

    tokens, characters: how they are cut, as `Segmentation` has it. why_tokens: what speaks for it
    where nobody asked for it.
    """

    parts: tuple[PartReport, ...]
    tokens: TokenStyle
    characters: bool = False
    why_tokens: str = ""

    @property
    def train(self) -> PartReport:
        return self.parts[0]

    @property
    def others(self) -> tuple[PartReport, ...]:
        return self.parts[1:]

    @property
    def dev(self) -> PartReport | None:
        """The part that decides which epoch is kept; None where cross-validation does."""
        return next((part for part in self.others if part.name == "dev"), None)


def report_of(
    train: LabelledPart,
    *others: LabelledPart,
    tokens: TokenStyle = "fine",
    characters: bool = False,
    why_tokens: str = "",
) -> DataReport:
    """The report on a training part and on what it is measured with, in tokens that are cut so.

    Texts are compared by their fine tokens, so `New-York` and `New - York` are the same text,
    whatever format each comes from.
    """
    train_cut = _Cut.of(train, tokens, characters)
    known = {normalize(token) for token in train_cut.tokens}
    train_texts = set(train_cut.texts)
    reports = [_part_report(train, train_cut, None, None)]
    for part in others:
        cut = _Cut.of(part, tokens, characters)
        in_train = sum(text in train_texts for text in cut.texts)
        unknown = sum(n for token, n in cut.tokens.items() if normalize(token) not in known)
        reports.append(_part_report(part, cut, in_train, unknown))
    return DataReport(tuple(reports), tokens, characters, why_tokens)


def _part_report(
    part: LabelledPart, cut: "_Cut", in_train: int | None, unknown: int | None
) -> PartReport:
    tags = Counter(chain.from_iterable(sentence.tags for sentence in part.sentences))
    begins = [(tag[2:], count) for tag, count in tags.items() if tag.startswith("B-")]
    return PartReport(
        name=part.name,
        origin=part.origin,
        source=part.source,
        sentences=len(part.sentences),
        tokens=cut.tokens.total(),
        entities=dict(sorted(begins, key=lambda item: (-item[1], item[0]))),
        lengths=_lengths(part.sentences, cut.lengths),
        repeated=len(cut.texts) - len(set(cut.texts)),
        in_train=in_train,
        unknown_tokens=unknown,
        words=sum(len(sentence.words) for sentence in part.sentences),
        cut_words=cut.cut_words,
    )


def _lengths(sentences: Sequence[LabelledSentence], lengths: Sequence[int]) -> SentenceLengths:
    if not lengths:
        return SentenceLengths()
    # inverted_cdf: the shortest length that this share of the sentences does not exceed.
    median, p90, p99 = np.quantile(lengths, [0.5, 0.9, 0.99], method="inverted_cdf").tolist()
    longest = int(np.argmax(lengths))
    return SentenceLengths(median, p90, p99, lengths[longest], sentences[longest].line)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part cut into tokens: text and length of its sentences, and how often each token occurs.

    The texts are fine tokens, whatever the style of the others.
    """

    texts: list[str]
    lengths: list[int]
    tokens: Counter[str]
    cut_words: int

    @classmethod
    def of(cls, part: LabelledPart, style: TokenStyle, characters: bool) -> "_Cut":
        fine = _sentences_cut(part, "fine", characters)
        sentences = fine if style == "fine" else _sentences_cut(part, style, characters)
        words = Counter(chain.from_iterable(sentence.words for sentence in part.sentences))
        return cls(
            texts=[" ".join(tokens) for tokens in fine],
            lengths=list(map(len, sentences)),
            tokens=Counter(chain.from_iterable(sentences)),
            cut_words=sum(n for word, n in words.items() if characters and _is_cut(word)),
        )


def _is_cut(word: str) -> bool:
    """Whether a word is several tokens only since scripts without blanks are cut so."""
    if not count_without_blanks(word):
        return False
    return len(split_word(word, characters=True)) > len(split_word(word))


def _sentences_cut(part: LabelledPart, style: TokenStyle, characters: bool) -> list[list[str]]:
    words = set(chain.from_iterable(sentence.words for sentence in part.sentences))
    pieces = {word: split_word(word, style, characters=characters) for word in words}
    return [
        list(chain.from_iterable(map(pieces.__getitem__, sentence.words)))
        for sentence in part.sentences
    ]
