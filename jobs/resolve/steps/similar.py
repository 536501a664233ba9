"""Names that are spelt much alike in one word and the same in all others."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from jobs.resolve.names import Names
from jobs.resolve.rules import Rules

_FIRST_LETTERS = 2  # of the word that differs are the same: there are few mistakes in these
_CELLS = 20_000_000  # pairs of a block whose distance is taken at once, of 4 bytes each


class _Spelling(NamedTuple):
    """A normal form: its words, the group of all its rows, and how frequent that group is."""

    words: tuple[str, ...]
    key: str
    group: int
    mentions: int


class _Block(NamedTuple):
    """What names have in common that differ at one place: all words but that one, and its ends."""

    place: int
    title: str
    before: tuple[str, ...]
    behind: tuple[str, ...]
    ends: tuple[str, str]


class _Pair(NamedTuple):
    """A rare spelling and a usual one; the best first."""

    score: float
    usual: _Spelling
    rare: _Spelling


def join_similar(names: Names, rules: Rules) -> None:
    """Join each rare spelling with the usual one that is nearest, of names that are long enough."""
    mentions: dict[int, int] = defaultdict(int)
    for row in range(len(names)):
        mentions[names.groups.find(row)] += names.mentions[row]
    for label in sorted(names.kinds):
        best: dict[str, _Pair] = {}
        for pair in _pairs(names, rules, label, mentions):
            known = best.get(pair.rare.key)
            if known is None or _rank(pair) < _rank(known):
                best[pair.rare.key] = pair
        for pair in sorted(best.values(), key=_rank):
            rare, usual = (names.rows_of(label, each.key)[0] for each in (pair.rare, pair.usual))
            names.groups.join(rare, usual, "similar")


def why_not_similar(names: Names, rules: Rules, one: int, other: int) -> str:
    """Why their spelling does not join two rows."""
    if names.labels[one] != names.labels[other]:
        return f"their labels are {names.labels[one]!r} and {names.labels[other]!r}"
    words, others = names.forms[one].words, names.forms[other].words
    place = _differing(words, others)
    if place is None:
        return "they differ in more than one word"
    if flaw := _flaw(names, rules, one, words, others, place):
        return flaw
    score = _score(words, others)
    if score < rules.similar_score:
        return f"they are alike to {score:.2f}, and {rules.similar_score:g} is asked for"
    counts = sorted(
        sum(
            names.mentions[r]
            for r in range(len(names))
            if names.groups.find(r) == names.groups.find(row)
        )
        for row in (one, other)
    )
    if counts[1] < rules.similar_ratio * counts[0]:
        return (
            f"they are alike to {score:.2f}, but neither is {rules.similar_ratio:g} times as "
            f"frequent as the other ({counts[0]:,} and {counts[1]:,} mentions)"
        )
    return names.groups.refusal(one, other) or "another spelling is nearer"


def _differing(words: Sequence[str], others: Sequence[str]) -> int | None:
    """The one place in which two names of as many words differ."""
    if len(words) != len(others):
        return None
    places = [n for n, (a, b) in enumerate(zip(words, others, strict=True)) if a != b]
    return places[0] if len(places) == 1 else None


def _flaw(
    names: Names,
    rules: Rules,
    row: int,
    words: Sequence[str],
    others: Sequence[str],
    place: int,
) -> str:
    if place not in _places(names, names.labels[row], words):
        return f"the word in which they differ, {words[place]!r}, is a first name"
    for name in (words, others):
        if not _may_differ(name[place], rules):
            return f"{name[place]!r} has a figure, or fewer than {rules.similar_letters:,} letters"
    if _ends(words[place]) != _ends(others[place]):
        return f"{words[place]!r} and {others[place]!r} begin or end otherwise"
    return ""


def _places(names: Names, label: str, words: Sequence[str]) -> range:
    """Where a word may differ: not in a person's first name."""
    return range(1 if names.kinds[label] == "person" and len(words) > 1 else 0, len(words))


def _may_differ(word: str, rules: Rules) -> bool:
    return len(word) >= rules.similar_letters and word.isalpha()


def _ends(word: str) -> tuple[str, str]:
    """What two spellings have in common: "Marina" and "Marine", "Paul" and "Pauls" are two."""
    return word[:_FIRST_LETTERS], word[-1]


def _pairs(names: Names, rules: Rules, label: str, mentions: dict[int, int]) -> Iterator[_Pair]:
    blocks: dict[_Block, list[_Spelling]] = {}
    for key, rows in names.by_key[label].items():
        words, group = names.forms[rows[0]].words, names.group_of(label, key)
        if group is None:
            continue
        spelling = _Spelling(words, key, group, mentions[group])
        for place in _places(names, label, words):
            if _may_differ(words[place], rules):
                title, rest = names.forms[rows[0]].title, (words[:place], words[place + 1 :])
                blocks.setdefault(_Block(place, title, *rest, _ends(words[place])), []).append(
                    spelling
                )
    for shared, block in blocks.items():
        if len(block) > 1:
            yield from _pairs_of(block, shared.place, rules)


def _pairs_of(block: list[_Spelling], place: int, rules: Rules) -> Iterator[_Pair]:
    """The pairs of a block that are alike."""
    words = [spelling.words[place] for spelling in block]
    longest = max(len(spelling.key) for spelling in block)
    limit = math.ceil((1 - rules.similar_score) * longest)  # or one less: `_pair` is exact
    at_once = max(_CELLS // len(block), 1)
    for start in range(0, len(block), at_once):
        distances = cdist(
            words[start : start + at_once],
            words[start:],
            scorer=Levenshtein.distance,
            score_cutoff=limit,
            dtype=np.int32,
        )
        for one, other in np.argwhere(distances <= limit).tolist():
            if one < other:
                yield from _pair(block[start + one], block[start + other], rules)


def _pair(one: _Spelling, other: _Spelling, rules: Rules) -> Iterator[_Pair]:
    rare, usual = sorted((one, other), key=lambda each: (each.mentions, each.key))
    score = _score(one.words, other.words)
    if (
        score >= rules.similar_score
        and rare.group != usual.group
        and usual.mentions >= rules.similar_ratio * rare.mentions
    ):
        yield _Pair(score, usual, rare)


def _score(words: Sequence[str], others: Sequence[str]) -> float:
    return Levenshtein.normalized_similarity(" ".join(words), " ".join(others))


def _rank(pair: _Pair) -> tuple[float, int, str, str]:
    return -pair.score, -pair.usual.mentions, pair.usual.key, pair.rare.key
