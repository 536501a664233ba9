"""Labelled sentences in the tokens of extraction."""

from collections.abc import Sequence
from dataclasses import dataclass

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

    def __len__(self) -> int:
        return len(self.words)

    @property
    def tokens(self) -> int:
        return sum(map(len, self.words))
