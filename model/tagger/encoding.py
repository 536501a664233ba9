"""Words -> the numbers that the network reads. Training and extraction both come through here.

Every feature of a token is a function of its word alone, so features are computed once for each
distinct word of a batch, and tokens refer to them by position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from model.tagger.vocabulary import PADDING, UNKNOWN, Vocabulary, normalize
from model.text.composition import composed
from schemas.records import Ints


class Casing(IntEnum):
    """Shape of a word; 0 is padding."""

    LOWER = 1
    TITLE = 2
    UPPER = 3
    MIXED = 4
    NUMBER = 5
    WITH_DIGIT = 6
    OTHER = 7


CASINGS = len(Casing) + 1

# Of a word, at most: so many features of 8,192 words take 100 MB.
MOST_CHARACTERS = 64

# Distinct words that a tagger keeps ready: 160 MB at 100 units, once that many have been met.
FOLDED_WORDS = 50_000


class EncodedWords(NamedTuple):
    """Features of distinct words."""

    word_ids: Ints  # (word,)
    casing: Ints  # (word,)
    characters: Ints  # (word, character) padded right with 0


@dataclass(frozen=True)
class WordEncoder:
    """Distinct words in, their features out.

    Of a word longer than `max_characters`, the first and last halves are read: beginnings and
    endings carry the morphology.
    """

    vocabulary: Vocabulary
    max_characters: int = 20

    def encode(self, words: Sequence[str]) -> EncodedWords:
        """Features of `words`, in their order; unknown words and characters get id 1.

        Words are read as `composed` writes them.
        """
        words = list(map(composed, words))
        ids = self.vocabulary.word_ids
        word_ids = np.fromiter(
            (ids.get(normalize(word), UNKNOWN) for word in words), np.int32, len(words)
        )
        casing = np.fromiter(map(casing_of, words), np.int32, len(words))
        return EncodedWords(word_ids, casing, self._characters(words))

    def _characters(self, words: Sequence[str]) -> Ints:
        limit, ids = self.max_characters, self.vocabulary.character_ids
        longest = min(max(map(len, words), default=1), limit)
        characters = np.full((len(words), longest), PADDING, np.int32)
        head = limit // 2
        for row, word in zip(characters, words, strict=True):
            read = word if len(word) <= limit else word[:head] + word[head - limit :]
            row[: len(read)] = [ids.get(character, UNKNOWN) for character in read]
        return characters


def casing_of(word: str) -> Casing:
    """The shape of `word`."""
    if word.islower():
        return Casing.LOWER
    if word.isalpha():
        if word.isupper():
            return Casing.UPPER
        return Casing.TITLE if word.istitle() else Casing.MIXED
    if word.isdigit():
        return Casing.NUMBER
    return Casing.WITH_DIGIT if any(map(str.isdigit, word)) else Casing.OTHER
