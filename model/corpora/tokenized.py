"""Labelled sentences in the tokens of extraction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, compress

from model.corpora.records import LabelledSentence
from model.text.segmentation import TokenStyle, retokenize


@dataclass(frozen=True)
class TokenizedSentences:
    """Labelled sentences cut into tokens as extraction would cut them."""

    words: Sequence[Sequence[str]]
    tags: Sequence[Sequence[str]]

    @classmethod
    def of(
        cls,
        sentences: Sequence[LabelledSentence],
        style: TokenStyle = "fine",
        *,
        characters: bool = False,
    ) -> "TokenizedSentences":
        pairs = [
            retokenize(sentence.words, sentence.tags, style, characters=characters)
            for sentence in sentences
        ]
        return cls([words for words, _ in pairs], [tags for _, tags in pairs])

    @classmethod
    def joined(cls, parts: Iterable["TokenizedSentences"]) -> "TokenizedSentences":
        """The sentences of several parts, one after the other."""
        words, tags = zip(*((part.words, part.tags) for part in parts), strict=True)
        return cls(list(chain.from_iterable(words)), list(chain.from_iterable(tags)))

    def where(self, chosen: Sequence[bool]) -> "TokenizedSentences":
        """The sentences that are chosen."""
        words, tags = (list(compress(each, chosen)) for each in (self.words, self.tags))
        return TokenizedSentences(words, tags)

    @property
    def labelled(self) -> list[LabelledSentence]:
        """Each as a sentence of its own."""
        pairs = zip(self.words, self.tags, strict=True)
        return [LabelledSentence(tuple(words), tuple(tags)) for words, tags in pairs]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def tokens(self) -> int:
        return sum(map(len, self.words))
