"""Words -> the numbers that the network reads. Training and extraction both come through here.

Every feature of a token is a function of its word alone, so features are computed once for each
distinct word of a batch, and tokens refer to them by position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
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
        limit, head = self.max_characters, self.max_characters // 2
        longest = max(map(len, words), default=1)
        if longest > limit:
            longest = limit
            words = [w if len(w) <= limit else w[:head] + w[head - limit :] for w in words]
        lengths = np.fromiter(map(len, words), np.int32, len(words))
        codes = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), np.uint32)
        ids = self._plane_ids[np.minimum(codes, len(self._plane_ids) - 1)]
        for place in np.flatnonzero(codes >= len(self._plane_ids)).tolist():
            ids[place] = self.vocabulary.character_ids.get(chr(codes[place]), UNKNOWN)
        characters = np.full((len(words), longest), PADDING, np.int32)
        characters[np.arange(longest) < lengths[:, None]] = ids
        return characters

    @cached_property
    def _plane_ids(self) -> Ints:
        """The number of each of the first 65,536 code points."""
        ids = np.full(0x10000, UNKNOWN, np.int32)
        for character, number in self.vocabulary.character_ids.items():
            if character < "\U00010000" and len(character) == 1:
                ids[ord(character)] = number
        return ids


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
