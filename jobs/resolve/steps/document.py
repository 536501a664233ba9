"""Short names of people, and the one longer form that their documents agree on."""

from collections.abc import Iterator
from typing import NamedTuple

from jobs.resolve.names import Names
from jobs.resolve.rules import Rules


class _Agreement(NamedTuple):
    """Of how many documents with a name how many have longer forms, and how many just this one.

    group: of the longer form, by one of its rows; longer: its normal form; has_more_words: whether
    it has not only a title; begins: whether the name is how that one begins, as first names are.
    """

    documents: int
    with_longer: int
    agreeing: int
    group: int
    longer: str
    has_more_words: bool
    begins: bool

    def least(self, rules: Rules) -> float:
        """Of the documents with the name, the share that must have a longer form."""
        return rules.document_first_names if self.begins else rules.document_coverage


def join_in_documents(names: Names, rules: Rules) -> None:
    """Join "Bassani" with "Ms. Bassani", and these with "Elena Bassani"; the longer ones first."""
    for label in names.labels_of("person"):
        for key in sorted(names.longer.get(label, ()), key=lambda key: _order(names, label, key)):
            found = _agreement(names, label, key)
            if found and _is_enough(found, rules):
                row, other = _row(names, label, key), _row(names, label, found.longer)
                names.groups.join(row, other, "document")


def why_no_document(names: Names, rules: Rules, one: int, other: int) -> str:
    """Why no documents join two rows."""
    if names.labels[one] != names.labels[other] or names.kinds[names.labels[one]] != "person":
        return "they are not both names of people under one label"
    told = []
    for short, long in ((one, other), (other, one)):
        label, key = names.labels[short], names.forms[short].key
        counts = names.longer.get(label, {}).get(key, {})
        if not any(names.forms[long].key in longer for longer in counts):
            continue
        found = _agreement(names, label, key)
        name = f"{names.surfaces[short]!r}"
        if found is None:
            told.append(f"{name} is in several groups, or in one with all its longer forms already")
        elif _is_enough(found, rules):
            told.append(
                f"documents agree on {found.longer!r} for {name}"
                if names.groups.find(long) != names.groups.find(found.group)
                else names.groups.refusal(short, long)
            )
        else:
            told.append(_in_words(name, found, rules))
    return "; ".join(told) or "no document has both, one as a short form of the other"


def _in_words(name: str, found: _Agreement, rules: Rules) -> str:
    return (
        f"{found.documents:,} documents have {name}, {found.with_longer:,} of them with a longer "
        f"form (at least {found.least(rules):.0%} are asked for), and {found.agreeing:,} of "
        f"these agree on {found.longer!r} ({rules.document_share:.0%}"
        + (f", and at least {rules.document_least:,})" if found.has_more_words else ")")
    )


def _is_enough(found: _Agreement, rules: Rules) -> bool:
    return (
        found.agreeing >= rules.document_share * found.with_longer
        and found.with_longer >= found.least(rules) * found.documents
        and (found.agreeing >= rules.document_least or not found.has_more_words)
    )


def _order(names: Names, label: str, key: str) -> tuple[bool, int, str]:
    form = names.forms[names.rows_of(label, key)[0]]
    return not form.title, -len(form.words), key


def _agreement(names: Names, label: str, key: str) -> _Agreement | None:
    """What documents say of a name; None where it is in several groups, or they say nothing."""
    own = names.group_of(label, key)
    if own is None:
        return None
    total, agreeing, longer_of = 0, dict[int, int](), dict[int, str]()
    for keys, documents in names.longer[label][key].items():
        groups = {group: name for group, name in _groups(names, label, keys) if group != own}
        if not groups:
            continue
        total += documents
        if len(groups) == 1:
            group, name = groups.popitem()
            agreeing[group] = agreeing.get(group, 0) + documents
            longer_of[group] = min(name, longer_of.get(group, name))
    if not agreeing:
        return None
    best = min(agreeing, key=lambda group: (-agreeing[group], longer_of[group]))
    documents = names.documents_with(label, key)
    longer = longer_of[best]
    words, others = (_words(names, label, each) for each in (key, longer))
    has_more_words = len(words) < len(others)
    begins = has_more_words and words != others[-len(words) :]
    return _Agreement(documents, total, agreeing[best], best, longer, has_more_words, begins)


def _words(names: Names, label: str, key: str) -> tuple[str, ...]:
    return names.forms[names.rows_of(label, key)[0]].words


def _groups(names: Names, label: str, longer: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for key in longer:
        for row in names.rows_of(label, key):
            yield names.groups.find(row), key


def _row(names: Names, label: str, key: str) -> int:
    """The most frequent row of a normal form."""
    return max(names.rows_of(label, key), key=lambda row: (names.mentions[row], -row))
