"""Folded words: the LSTM's input rows of distinct words, computed once and kept.

A word's row holds all that the network knows of it before the sentence is looked at: embedding,
vector, characters and casing, projected through the LSTM's input weights for both directions. Text
repeats its words, so nearly every token is a lookup; the table is bounded, and the words that were
not seen for longest make room for new ones.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.tagger.encoding import WordEncoder
from model.tagger.vocabulary import UNKNOWN
from schemas.records import Ints

if TYPE_CHECKING:
    from model.tagger.arithmetic import Network

# Words whose characters are convolved at once, and numbers that this takes: 40 MB a tensor. The
# bundled model has 1,166 of a word, so the first bound is the one that counts there.
_PROJECTED_WORDS = 8192
_PROJECTED_NUMBERS = 10_000_000
# A longer word is remembered by its digest, or a document of a few huge words would stay in memory.
_KEPT_CHARACTERS = 64


class WordRows(NamedTuple):
    """Where words stand in the table, and whether the vocabulary has them."""

    positions: Ints  # (word,)
    known: NDArray[np.bool_]  # (word,)


class WordTable:
    """The table of a network, which fills as words are met; one thread at a time.

    stored: told of the words that get a row, and of their positions.
    """

    def __init__(
        self,
        encoder: WordEncoder,
        network: "Network",
        stored: Callable[[Sequence[str], Ints], None] | None = None,
    ) -> None:
        self.capacity = capacity = network.capacity
        self._encoder = encoder
        self.network = network
        self._stored = stored
        self._positions: dict[str, int] = {}
        self._words: list[str] = []  # by position
        self._known = np.zeros(capacity, bool)
        self._last_used = np.zeros(capacity, np.int64)
        self._uses = 0
        self._numbers = encoder.max_characters * network.filters + network.features  # of a word

    @property
    def kept(self) -> Collection[str]:
        """The words that have a row; a long one is its digest."""
        return self._positions.keys()

    def find(self, words: Sequence[str]) -> WordRows:
        """Rows of distinct words, valid until the next call; raises ValueError above capacity."""
        if len(words) > self.capacity:
            raise ValueError(f"{len(words)} distinct words, the table has {self.capacity} rows")
        keys = words
        if max(map(len, words), default=0) > _KEPT_CHARACTERS:
            keys = [word if len(word) <= _KEPT_CHARACTERS else _digest(word) for word in words]
        positions = np.fromiter(map(self._positions.get, keys, repeat(-1)), np.int32, len(keys))
        self._uses += 1
        found = positions >= 0
        self._last_used[positions[found]] = self._uses
        missing = np.flatnonzero(~found)
        if len(missing):
            positions[missing] = self._free(len(missing))
            self._last_used[positions[missing]] = self._uses
            most = max(1, min(_PROJECTED_WORDS, _PROJECTED_NUMBERS // self._numbers))
            for first in range(0, len(missing), most):
                part = missing[first : first + most].tolist()
                self._fold([words[n] for n in part], [keys[n] for n in part], positions[part])
        return WordRows(positions, self._known[positions])

    def _fold(self, words: Sequence[str], keys: Sequence[str], positions: Ints) -> None:
        encoded = self._encoder.encode(words)
        self.network.store(encoded, positions)
        self._known[positions] = encoded.word_ids != UNKNOWN
        if self._stored:
            self._stored(words, positions)
        for key, position in zip(keys, positions.tolist(), strict=True):
            self._positions[key] = position
            if position == len(self._words):
                self._words.append(key)
            else:
                self._words[position] = key

    def _free(self, count: int) -> Ints:
        """Positions that this call does not use: new ones, then those of words seen longest ago."""
        used = len(self._words)
        fresh = np.arange(used, min(used + count, self.capacity), dtype=np.int32)
        evicted = count - len(fresh)
        if not evicted:
            return fresh
        oldest = np.argpartition(self._last_used[:used], evicted - 1)[:evicted].astype(np.int32)
        for position in oldest.tolist():
            # Empty until its new row is there, so that an error in between leaves no trace.
            self._positions.pop(self._words[position], None)
            self._words[position] = ""
        return np.concatenate([fresh, oldest])


def _digest(word: str) -> str:
    # A blank is in no word, so no word equals a digest.
    return " " + hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=16).hexdigest()
