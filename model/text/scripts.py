"""Scripts that put no blanks between words: Chinese, Japanese, Thai, Lao, Khmer and Burmese."""

import re

# Blocks of Unicode; what is no letter in them is not meant.
_BLOCKS = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Burmese
    ("\u1780", "\u17ff"),  # Khmer
    ("\u3005", "\u3007"),  # Han: iteration mark, zero
    ("\u3021", "\u312f"),  # Hiragana, Katakana, Bopomofo
    ("\u31a0", "\u31ff"),  # more of these
    ("\u3400", "\u4dbf"),  # Han
    ("\u4e00", "\u9fff"),
    ("\ua9e0", "\ua9fe"),  # Burmese
    ("\uaa60", "\uaa7f"),
    ("\uf900", "\ufaff"),  # Han
    ("\uff66", "\uff9f"),  # Katakana of half width
    ("\U0001aff0", "\U0001b16f"),  # Kana
    ("\U00020000", "\U0003ffff"),  # Han
)
_CLASS = "".join(f"{first}-{last}" for first, last in _BLOCKS)
_INSIDE = re.compile(f"[{_CLASS}]")
_RUN = re.compile(f"[{_CLASS}]+")


def has_no_blanks(character: str) -> bool:
    """Whether a character is a letter of a script that puts no blanks between words."""
    return bool(_INSIDE.match(character)) and character.isalnum() and not character.isdigit()


def count_without_blanks(text: str) -> int:
    """How many characters of a text belong to these scripts, marks and digits of theirs too."""
    return 0 if text.isascii() else sum(len(run) for run in _RUN.findall(text))
