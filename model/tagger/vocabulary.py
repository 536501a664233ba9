"""What a model knows of words: the word and character dictionaries of its training data."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from model.text.composition import composed

PADDING, UNKNOWN = 0, 1
RESERVED = 2


def normalize(word: str) -> str:
    """The key of `word` in the word dictionary: composed, lower case, every digit a zero.

    Case and the digits themselves still reach the model through its character features.
    """
    lowered = composed(word.lower())
    if lowered.isalpha():
        return lowered
    return "".join("0" if c.isdigit() else c for c in lowered)


@dataclass(frozen=True)
class Vocabulary:
    """Normalized words and characters; a position plus two is the id (0 padding, 1 unknown)."""

    words: tuple[str, ...]
    characters: tuple[str, ...]

    @cached_property
    def word_ids(self) -> Mapping[str, int]:
        # Models of old may hold words as their texts wrote them; of two forms the first counts.
        ids = {word: i for i, word in enumerate(self.words, RESERVED)}
        return {**{composed(word): ids[word] for word in reversed(self.words)}, **ids}

    @cached_property
    def character_ids(self) -> Mapping[str, int]:
        return {character: i for i, character in enumerate(self.characters, RESERVED)}

    @classmethod
    def of(cls, words: Iterable[str], *, min_count: int = 1) -> "Vocabulary":
        """The dictionaries of running text: words seen `min_count` times, characters seen twice.

        Most frequent first, ties by code point, so that equal text gives equal ids.
        """
        forms: Counter[str] = Counter()
        for word, count in Counter(words).items():
            forms[composed(word)] += count
        counts: Counter[str] = Counter()
        characters: Counter[str] = Counter()
        for form, count in forms.items():
            counts[normalize(form)] += count
            for character in form:
                characters[character] += count
        return cls(_ranked(counts, min_count), _ranked(characters, 2))


def _ranked(counts: Counter[str], min_count: int) -> tuple[str, ...]:
    kept = (item for item in counts.items() if item[1] >= min_count)
    return tuple(key for key, _ in sorted(kept, key=lambda item: (-item[1], item[0])))
