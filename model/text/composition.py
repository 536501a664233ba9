"""Words in one form of writing, whichever of its equivalents a text uses."""

import unicodedata

# It says where a word may be broken, and is no part of it.
SOFT_HYPHEN = "\u00ad"


def composed(word: str) -> str:
    """A word as it is looked up: in Unicode's form NFC, without soft hyphens.

    So `Zoë` is one word, whether its last letter is one code point or two. A word of soft hyphens
    alone stays as it is.
    """
    if is_composed(word):
        return word
    return unicodedata.normalize("NFC", word.replace(SOFT_HYPHEN, "")) or word


def is_composed(text: str) -> bool:
    """Whether a text is in NFC and has no soft hyphen."""
    return text.isascii() or (SOFT_HYPHEN not in text and unicodedata.is_normalized("NFC", text))
