"""Words in one form of writing, whichever of its equivalents a text uses."""

import unicodedata

# It says where a word may be broken, and is no part of it.
SOFT_HYPHEN = "\u00ad"

# Composing sorts the marks of a letter in time that grows with the square of their number: 200,000
# of them take 30 s. No vocabulary has longer words.
_COMPOSED_CHARACTERS = 1000


def composed(word: str) -> str:
    """A word as it is looked up: in Unicode's form NFC, without soft hyphens.

    So `Zoë` is one word, whether its last letter is one code point or two. A word of soft hyphens
    alone stays as it is, and so does one of more than 1,000 characters.
    """
    if word.isascii() or len(word) > _COMPOSED_CHARACTERS or is_composed(word):
        return word
    return unicodedata.normalize("NFC", word.replace(SOFT_HYPHEN, "")) or word


def is_composed(text: str) -> bool:
    """Whether a text is in NFC and has no soft hyphen."""
    return text.isascii() or (SOFT_HYPHEN not in text and unicodedata.is_normalized("NFC", text))
