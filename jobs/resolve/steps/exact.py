"""Names that are the same: by their id, or in all but how they are written."""

from collections.abc import Iterator, Sequence

from jobs.resolve.names import Names
from jobs.resolve.rules import Rules


def join_ids(names: Names, _rules: Rules) -> None:
    """Join what a gazetteer gave one id, of any label."""
    rows_of: dict[str, list[int]] = {}
    for row, entity_id in enumerate(names.ids):
        if entity_id is not None:
            rows_of.setdefault(entity_id, []).append(row)
    for rows in rows_of.values():
        _join(names, rows, "gazetteer")


def why_no_id(names: Names, _rules: Rules, one: int, other: int) -> str:
    """Why no id joins two rows."""
    ids = names.ids[one], names.ids[other]
    if None in ids:
        return "neither has an id" if ids == (None, None) else "only one of them has an id"
    if ids[0] == ids[1]:
        return names.groups.refusal(one, other)
    return f"they have the ids {ids[0]!r} and {ids[1]!r}"


def join_normal_forms(names: Names, _rules: Rules) -> None:
    """Join what has one normal form, where nothing that was left out of it differs.

    Where titles or legal forms differ, a name without any goes with none of them.
    """
    for keys in names.by_key.values():
        for rows in keys.values():
            if len(rows) > 1:
                for part in _alike(names, rows):
                    _join(names, part, "normal_form")


def why_no_normal_form(names: Names, _rules: Rules, one: int, other: int) -> str:
    """Why no normal form joins two rows."""
    if names.labels[one] != names.labels[other]:
        return f"their labels are {names.labels[one]!r} and {names.labels[other]!r}"
    keys = names.forms[one].key, names.forms[other].key
    if keys[0] != keys[1]:
        return f"their normal forms are {keys[0]!r} and {keys[1]!r}"
    if refusal := names.groups.refusal(one, other):
        return refusal
    return (
        f"both are {keys[0]!r}, but others of that name have other ids, titles or legal forms, "
        "so it is not known with which of them this one goes"
    )


def _alike(names: Names, rows: Sequence[int]) -> Iterator[list[int]]:
    """Rows of one normal form in, those that go together out: by their ids, then qualifiers."""
    for same_id in _divided(rows, [names.groups.id_of(row) or "" for row in rows]):
        yield from _divided(same_id, [names.forms[row].qualifier for row in same_id])


def _divided(rows: Sequence[int], values: Sequence[str]) -> Iterator[list[int]]:
    """All rows, if no two values differ beside the empty one; else those of each value."""
    if len({*values} - {""}) <= 1:
        yield [*rows]
        return
    rows_of: dict[str, list[int]] = {}
    for row, value in zip(rows, values, strict=True):
        rows_of.setdefault(value, []).append(row)
    for value in sorted(rows_of):
        yield rows_of[value]


def _join(names: Names, rows: Sequence[int], step: str) -> None:
    """Join rows with the most frequent of them, or where that is refused with the next."""
    heads: list[int] = []
    for row in sorted(rows, key=lambda row: (-names.mentions[row], row)):
        if not any(names.groups.join(head, row, step) for head in heads):
            heads.append(row)
