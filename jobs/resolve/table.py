"""Groups of names in, the rows of the table out: what each is called, and by which rule."""

from collections import defaultdict, deque
from collections.abc import Sequence

import pyarrow as pa

from jobs.resolve.groups import Link
from jobs.resolve.names import Names
from jobs.resolve.rules import DECISION, STEPS
from schemas.tables import NAMES

# A surface must be so frequent, beside the most frequent of its group, to stand for all.
_FREQUENT = 0.1
_ORDER = {step: place for place, step in enumerate((DECISION, *STEPS))}


def names_table(names: Names) -> pa.Table:
    """The table, in the order of the names' rows; groups are numbered by their first row."""
    members: dict[int, list[int]] = defaultdict(list)
    for row in range(len(names)):
        members[names.groups.find(row)].append(row)
    canonical = ["" for _ in range(len(names))]
    numbers = [0] * len(names)
    rules = ["" for _ in range(len(names))]
    links = links_by_row(names.groups.links)
    for number, rows in enumerate(members.values()):
        best = canonical_row(names, rows)
        for row in rows:
            canonical[row], numbers[row] = names.surfaces[best], number
        if len(rows) > 1:
            for row, path in paths_from(best, links).items():
                rules[row] = last_step(path)
    columns = {
        "surface": names.surfaces,
        "label": names.labels,
        "entity_id": names.ids,
        "canonical": canonical,
        "group": numbers,
        "rule": rules,
        "mentions": names.mentions,
        "documents": names.documents,
    }
    arrays = [pa.array(columns[field.name], field.type) for field in NAMES]
    return pa.table(arrays, schema=NAMES)


def canonical_row(names: Names, rows: Sequence[int]) -> int:
    """The row whose surface stands for a group.

    Where a gazetteer knows it: the most frequent one with its id. Else the fullest of those that
    are frequent and have no signs that names do not have: most words, then most mentions.
    """
    known = [row for row in rows if names.ids[row] is not None]
    if known:
        return min(known, key=lambda row: (-names.mentions[row], row))
    clean = [row for row in rows if names.forms[row].is_clean] or rows
    least = _FREQUENT * max(names.mentions[row] for row in clean)
    frequent = [row for row in clean if names.mentions[row] >= least]
    return min(
        frequent,
        key=lambda row: (
            -sum(len(word) > 1 for word in names.forms[row].key.split()),
            names.surfaces[row].isupper(),
            -names.mentions[row],
            row,
        ),
    )


def paths_from(start: int, links: dict[int, list[Link]]) -> dict[int, tuple[Link, ...]]:
    """The links between a row and each other row of its group; there is one way to each."""
    paths: dict[int, tuple[Link, ...]] = {start: ()}
    waiting = deque([start])
    while waiting:
        row = waiting.popleft()
        for link in links.get(row, ()):
            other = link.other if link.one == row else link.one
            if other not in paths:
                paths[other] = (*paths[row], link)
                waiting.append(other)
    return paths


def last_step(path: Sequence[Link]) -> str:
    """The step that is taken last of those on a way; empty for none."""
    return max((link.step for link in path), key=_ORDER.__getitem__, default="")


def links_by_row(links: Sequence[Link]) -> dict[int, list[Link]]:
    """The links of each row that has any."""
    by_row: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        by_row[link.one].append(link)
        by_row[link.other].append(link)
    return by_row
