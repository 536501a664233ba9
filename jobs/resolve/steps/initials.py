"""Names of people whose first names are initials, and the one full name that these fit."""

from collections.abc import Sequence

from jobs.resolve.names import Names
from jobs.resolve.rules import Rules

_LEAST = 2  # words of a full name


def join_initials(names: Names, _rules: Rules) -> None:
    """Join "E. Bassani" with "Elena Bassani", where no other name fits; the fuller ones first."""
    for label in names.labels_of("person"):
        blocks: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        for words in _words_of(names, label):
            blocks.setdefault((words[-1], words[0][0]), []).append(words)
        for block in blocks.values():
            if len(block) > 1:
                _join_block(names, label, block)


def why_no_initials(names: Names, _rules: Rules, one: int, other: int) -> str:
    """Why no initials join two rows."""
    label = names.labels[one]
    if label != names.labels[other] or names.kinds[label] != "person":
        return "they are not both names of people under one label"
    short, full = sorted((names.forms[one].words, names.forms[other].words), key=_fullness)[::-1]
    if not abbreviates(short, full):
        return "neither has initials that fit the other's first names"
    others = _fitting(names, label, short, _words_of(names, label))
    if len(others) > 1:
        return f"{' '.join(short)!r} fits {len(others)} names, so it is not known which it is"
    return names.groups.refusal(one, other)


def abbreviates(short: Sequence[str], full: Sequence[str]) -> bool:
    """Whether a name is another one with initials for some first names, or without middle ones.

    Middle names may be missing where the first one is an initial, or they are initials themselves.
    """
    if short == full or min(len(short), len(full)) < _LEAST or short[-1] != full[-1]:
        return False
    if len(short[-1]) == 1:  # an initial too, of a name that was cut off
        return False
    if not _fits(short[0], full[0]):
        return False
    own, others = short[1:-1], full[1:-1]
    if own:
        return len(own) == len(others) and all(map(_fits, own, others))
    return len(short[0]) == 1 < len(full[0]) or all(len(word) == 1 for word in others)


def _fits(word: str, full: str) -> bool:
    return word == full or (len(word) == 1 and full.startswith(word))


def _fullness(words: Sequence[str]) -> tuple[int, Sequence[str]]:
    """An order in which a name comes before those that abbreviate it."""
    return -sum(map(len, words[:-1])), words


def _words_of(names: Names, label: str) -> list[tuple[str, ...]]:
    """The normal forms of a label that have first names, and no title of their own."""
    forms = ((key, names.forms[rows[0]]) for key, rows in names.by_key[label].items())
    return [
        form.words
        for key, form in forms
        if len(form.words) >= _LEAST and form.is_clean and key == " ".join(form.words)
    ]


def _join_block(names: Names, label: str, block: list[tuple[str, ...]]) -> None:
    if not any(len(word) == 1 for words in block for word in words[:-1]):
        return
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for words in block:
        by_first.setdefault(words[0], []).append(words)
    for short in sorted(block, key=_fullness):
        group = names.group_of(label, " ".join(short))
        # What begins with a whole word abbreviates only what begins with the same one.
        others = block if len(short[0]) == 1 else by_first[short[0]]
        fitting = _fitting(names, label, short, others)
        if group is not None and len(fitting) == 1 and group not in fitting:
            full = fitting[next(iter(fitting))]
            names.groups.join(_row(names, label, short), _row(names, label, full), "initials")


def _fitting(
    names: Names, label: str, short: Sequence[str], others: Sequence[tuple[str, ...]]
) -> dict[int, tuple[str, ...]]:
    """The groups with a name that another one abbreviates, each with the first of these names."""
    fitting: dict[int, tuple[str, ...]] = {}
    for full in sorted(words for words in others if abbreviates(short, words)):
        for row in names.rows_of(label, " ".join(full)):
            fitting.setdefault(names.groups.find(row), full)
    return fitting


def _row(names: Names, label: str, words: Sequence[str]) -> int:
    """The most frequent row of a normal form."""
    rows = names.rows_of(label, " ".join(words))
    return max(rows, key=lambda row: (names.mentions[row], -row))
