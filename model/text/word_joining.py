"""Which fine tokens make one word: `U.S.`, `Mr.`, `al-Qaida`, `1,000`, `'s`.

Corpora whose annotators kept such words whole teach a model more when extraction keeps them whole
too: a word then has a vector of its own, and its neighbours are words, not dots.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
_ABBREVIATIONS = _TITLES | {
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
    # Of bytes, since Python sets one of them in a third of the time that it takes with numpy's.
    joined = bytearray(count + 1)  # (boundary,) n: between the tokens n - 1 and n
    titles = bytearray(count)
    touching = np.zeros(count + 1, np.bool_)
    touching[1:count] = ends[:-1] == starts[1:]
    form = str if text.isascii() else composed
    # Python looks at the few tokens that may tie others.
    ties = _possible_ties(text, starts, ends, touching)
    at = starts[ties]
    # What touches a tie ends where it begins, and begins behind it.
    lefts = np.where(touching[ties], starts[ties - 1], at)
    rights = np.where(touching[ties + 1], ends[np.minimum(ties + 1, count - 1)], at + 1)
    for n, left_start, start, right_end in zip(
        *(column.tolist() for column in (ties, lefts, at, rights)), strict=True
    ):
        tie = text[start]
        left, right = form(text[left_start:start]), form(text[start + 1 : right_end])
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
    is_inside = np.frombuffer(joined, np.bool_)
    first = ~is_inside[:count]
    last = ~is_inside[1:]
    groups = np.cumsum(first) - 1
    grouped = np.zeros(int(first.sum()), np.bool_)
    grouped[groups[np.frombuffer(titles, np.bool_)]] = True
    return JoinedTokens(starts[first], ends[last], grouped)


def _possible_ties(text: str, starts: Ints, ends: Ints, touching: Flags) -> Positions:
    """The tokens that `join_tokens` has to look at, (tie,): characters that touch what they tie."""
    single = np.flatnonzero(ends - starts == 1)
    kinds = _TIE_KINDS[np.minimum(_codes_at(text, starts[single]), len(_TIE_KINDS) - 1)]
    is_tie = kinds > _NO_TIE
    single, kinds = single[is_tie], kinds[is_tie]
    left, right = touching[single], touching[single + 1]
    # A dot ties what is behind it, or is that of an abbreviation; soft hyphens make that longer.
    is_short = (ends[single - 1] - starts[single - 1] <= _LONGEST_ABBREVIATION) | (
        not text.isascii()
    )
    looked_at = (
        (left & right) | ((kinds == _APOSTROPHE) & right) | ((kinds == _DOT) & left & is_short)
    )
    ties: Positions = single[looked_at]
    return ties


def _codes_at(text: str, positions: Ints) -> NDArray[np.uint32]:
    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8)[positions].astype(np.uint32)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)[positions]


_NO_TIE, _TIE, _APOSTROPHE, _DOT = range(4)
_LONGEST_ABBREVIATION = max(map(len, _ABBREVIATIONS))
_TIE_KINDS = np.zeros(0x2020, np.uint8)
for _tie in ",:&" + _HYPHENS:
    _TIE_KINDS[ord(_tie)] = _TIE
for _tie in _APOSTROPHES:
    _TIE_KINDS[ord(_tie)] = _APOSTROPHE
_TIE_KINDS[ord(".")] = _DOT


def _join_dot(joined: bytearray, n: int, left: str, right: str) -> bool:
    """Join the dot `n` where it belongs to its neighbours; returns whether it makes a title."""
    if right[:1].isdigit() and left[-1:].isdigit():
        joined[n] = joined[n + 1] = True
    elif len(left) == 1 and left.isalpha():
        # `U.` before `S.`, and the last dot of what began so.
        more = len(right) == 1 and right.isalpha()
        joined[n] = more or joined[n - 1]
        joined[n + 1] = more
    elif left.lower() in _ABBREVIATIONS:
        joined[n] = True
        return left.lower() in _TITLES
    return False


def _is_word(token: str) -> bool:
    return token[:1].isalnum()
