"""Groups of names in, the rows of the table out: what each is called, and by which rule."""

from collections import defaultdict, deque
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from jobs.resolve.groups import Link
from jobs.resolve.names import Names
from jobs.resolve.rules import DECISION, STEPS
from schemas.tables import NAMES

# A surface must be so frequent, beside the most frequent of its group, to stand for all.
_FREQUENT = 0.1
_ORDER = {step: place for place, step in enumerate(("", DECISION, *STEPS))}


class Way(NamedTuple):
    """How a row is reached: from another row, by a link."""

    row: int
    link: Link


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
            for row, way in ways_from(best, links).items():
                if way is not None:
                    rules[row] = max(rules[way.row], way.link.step, key=_ORDER.__getitem__)
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


def ways_from(start: int, links: dict[int, list[Link]]) -> dict[int, Way | None]:
    """How each row of a group is reached from one of them, which is None's; the nearest first.

    There is one way to each.
    """
    ways: dict[int, Way | None] = {start: None}
    waiting = deque([start])
    while waiting:
        row = waiting.popleft()
        for link in links.get(row, ()):
            other = link.other if link.one == row else link.one
            if other not in ways:
                ways[other] = Way(row, link)
                waiting.append(other)
    return ways


def links_by_row(links: Sequence[Link]) -> dict[int, list[Link]]:
    """The links of each row that has any."""
    by_row: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        by_row[link.one].append(link)
        by_row[link.other].append(link)
    return by_row
