"""Which fine tokens make one word: `U.S.`, `Mr.`, `al-Qaida`, `1,000`, `'s`.

Corpora whose annotators kept such words whole teach a model more when extraction keeps them whole
too: a word then has a vector of its own, and its neighbours are words, not dots.
"""

from typing import NamedTuple

import numpy as np

from model.text.composition import composed
from schemas.records import Flags, Ints, Positions

_HYPHENS = "-\u2010\u2011"
_APOSTROPHES = "'\u2019"
_CLITICS = frozenset({"s", "d", "m", "ll", "re", "ve"})
# Their dot ends no sentence, since a name follows.
_TITLES = frozenset(
    (
        *("capt", "col", "dr", "gen", "gov", "hon", "lt", "messrs", "mr", "mrs", "ms", "msgr"),
        *("prof", "rep", "rev", "sen", "sgt", "st"),
    )
)
# Their dot belongs to them, wherever they stand.
ABBREVIATIONS = _TITLES | {
    *("aug", "dec", "feb", "jan", "nov", "oct", "sept"),
    *("bros", "co", "corp", "inc", "jr", "ltd", "sr", "vs"),
}


class JoinedTokens(NamedTuple):
    """Tokens, and which of them is a title, behind which no sentence begins."""

    starts: Ints  # (token,)
    ends: Ints  # (token,)
    titles: Flags  # (token,)


def join_tokens(text: str, starts: Ints, ends: Ints) -> JoinedTokens:
    """Fine tokens of `text` in, the words that they make out; only tokens that touch are joined.

    Joined are: what a hyphen, an apostrophe or `&` ties together, digits around `.`, `,` or `:`,
    single letters with their dots, the dot of common abbreviations, and a clitic with its
    apostrophe, apart from its word.
    """
    count = len(starts)
    form = str if text.isascii() else composed
    # Python looks at the few tokens that may tie others.
    ties, lefts, rights = _possible_ties(text, starts, ends)
    if not len(ties):
        return JoinedTokens(starts, ends, np.zeros(count, np.bool_))
    # Of bytes, since Python sets one of them in a third of the time that it takes with numpy's.
    joined = bytearray(count + 1)  # (boundary,) n: between the tokens n - 1 and n
    titles = bytearray(count)
    for n, left_start, start, right_end in zip(
        *(column.tolist() for column in (ties, lefts, starts[ties], rights)), strict=True
    ):
        tie, left = text[start], form(text[left_start:start])
        if tie == "." and left.isalpha() and len(left) > 1 and left.lower() not in ABBREVIATIONS:
            continue  # as most of them, which end sentences
        right = form(text[start + 1 : right_end])
        if tie == ".":
            if left:
                titles[n - 1] = _join_dot(joined, n, left, right)
        elif tie in _APOSTROPHES:
            if right.lower() in _CLITICS:
                joined[n + 1] = not left or _is_word(left)
            elif _is_word(left) and _is_word(right):
                joined[n] = joined[n + 1] = True
        elif left and _is_word(right) and (_is_word(left) or joined[n - 1]):
            if tie in ",:":
                joined[n] = joined[n + 1] = left[-1].isdigit() and right[0].isdigit()
            else:
                joined[n] = joined[n + 1] = True
    is_apart = ~np.frombuffer(joined, np.bool_)
    first, last = is_apart[:count], is_apart[1:]
    grouped = np.zeros(np.count_nonzero(first), np.bool_)
    if any(titles):
        groups = np.cumsum(first) - 1
        grouped[groups[np.frombuffer(titles, np.bool_)]] = True
    return JoinedTokens(starts[first], ends[last], grouped)


def _possible_ties(text: str, starts: Ints, ends: Ints) -> tuple[Positions, Ints, Ints]:
    """The tokens that `join_tokens` has to look at, one character each, and what touches them.

    Where the token to the left begins and the one to the right ends; where a tie touches none, it
    begins or ends itself there. All are of shape (tie,).
    """
    padded = text + " "  # what is before the first character is the last one
    if text.isascii():
        classes = np.frombuffer(padded.encode().translate(_ASCII_CLASSES), np.uint8)
    else:
        codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), np.uint32)
        classes = _CLASSES[np.minimum(codes, len(_CLASSES) - 1)]
    own = classes[starts]
    ties = np.flatnonzero(own >= _FIRST_TIE)
    at = starts[ties]
    ties = ties[_IS_POSSIBLE[classes[at - 1], own[ties], classes[at + 1]]]
    at, before, behind = starts[ties], ties - 1, np.minimum(ties + 1, len(starts) - 1)
    return (
        ties,
        np.where(ends[before] == at, starts[before], at),
        np.where(starts[behind] == at + 1, ends[behind], at + 1),
    )


# What a character is to a tie beside it; of others than ASCII's it is not known, since they may be
# soft hyphens or combine with it. Ties are classes of their own.
_SPACE, _OTHER, _LETTER, _DIGIT, _UNKNOWN, _TIE, _BETWEEN_DIGITS, _APOSTROPHE, _DOT = range(9)
_FIRST_TIE = _TIE


def _class_of(character: str) -> int:
    for ties, kind in (
        (_HYPHENS + "&", _TIE),
        (",:", _BETWEEN_DIGITS),
        (_APOSTROPHES, _APOSTROPHE),
        (".", _DOT),
    ):
        if character in ties:
            return kind
    if not character.isascii():
        return _UNKNOWN
    if character.isspace():
        return _SPACE
    if character.isdigit():
        return _DIGIT
    return _LETTER if character.isalpha() else _OTHER


_CLASSES = np.array([_class_of(chr(code)) for code in range(0x2020)], np.uint8)
_ASCII_CLASSES = _CLASSES[:256].tobytes()


def _is_possible(left: int, tie: int, right: int) -> bool:
    """Whether a tie between characters of these classes may tie anything."""
    before_word, before_digit = right in (_LETTER, _DIGIT, _UNKNOWN), right in (_DIGIT, _UNKNOWN)
    behind_digit, behind_letter = left in (_DIGIT, _UNKNOWN), left in (_LETTER, _UNKNOWN)
    if tie == _DOT:
        return behind_letter or (behind_digit and before_digit)
    if tie == _BETWEEN_DIGITS:
        return behind_digit and before_digit
    return before_word and (tie == _APOSTROPHE or left != _SPACE)


_IS_POSSIBLE = np.array(
    [[[_is_possible(a, tie, b) for b in range(9)] for tie in range(9)] for a in range(9)]
)


def _join_dot(joined: bytearray, n: int, left: str, right: str) -> bool:
    """Join the dot `n` where it belongs to its neighbours; returns whether it makes a title."""
    if right[:1].isdigit() and left[-1:].isdigit():
        joined[n] = joined[n + 1] = True
    elif len(left) == 1 and left.isalpha():
        # `U.` before `S.`, and the last dot of what began so.
        more = len(right) == 1 and right.isalpha()
        joined[n] = more or joined[n - 1]
        joined[n + 1] = more
    elif left.lower() in ABBREVIATIONS:
        joined[n] = True
        return left.lower() in _TITLES
    return False


def _is_word(token: str) -> bool:
    return token[:1].isalnum()
