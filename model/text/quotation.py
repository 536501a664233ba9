"""Quotation marks, which open or close what is said and are no part of a name."""

from collections.abc import Sequence

# Each is a token by itself.
QUOTATION_MARKS = frozenset(
    "\"'`\xb4\xab\xbb\u2039\u203a\uff02\uff07"  # straight, angle, of full width
    "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f"  # curly
    "\u3008\u3009\u300a\u300b\u300c\u300d\u300e\u300f\u301d\u301e\u301f"  # of East Asia
)
_APOSTROPHES = frozenset("'\u2019")


def without_lone_quotes(words: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """The tokens `[start, end)` without a quotation mark at an edge that has no partner in them.

    `“ New York Times` loses its first token. `“ Heart ” of Darkness` loses none, since its marks
    are a pair, and neither does `' 90s`, whose mark is an apostrophe. What is left may be nothing.
    """
    if words[start] not in QUOTATION_MARKS and words[end - 1] not in QUOTATION_MARKS:
        return start, end  # as nearly all
    if sum(word in QUOTATION_MARKS for word in words[start:end]) > 1:
        return start, end
    if words[start] not in QUOTATION_MARKS:
        return start, end - 1
    is_apostrophe = words[start] in _APOSTROPHES and words[start + 1 : end]
    if is_apostrophe and words[start + 1][0].isdigit():
        return start, end
    return start + 1, end
