"""The surfaces of an output, counted, as the steps look at them and join them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from jobs.resolve.groups import Groups
from jobs.resolve.normal_form import NormalForm, normal_form
from jobs.resolve.rules import Rules
from jobs.resolve.vocabulary import Kind, kind_of

# The longer forms that documents have of a name, each with how many of them have just these; under
# none, how many surfaces of the name they have beside the first.
Longer = dict[tuple[str, ...], int]


@dataclass
class Names:
    """The rows of the table in their order, by label, surface and id, and the groups they are in.

    by_key: of each label, the rows of each normal form; longer: of each label, what documents say
    of a normal form.
    """

    surfaces: Sequence[str]
    labels: Sequence[str]
    ids: Sequence[str | None]
    mentions: Sequence[int]
    documents: Sequence[int]
    forms: Sequence[NormalForm]
    kinds: dict[str, Kind]
    longer: dict[str, dict[str, Longer]]
    groups: Groups = field(init=False)
    by_key: dict[str, dict[str, list[int]]] = field(init=False)

    def __post_init__(self) -> None:
        self.groups = Groups(self.ids, [form.gender for form in self.forms])
        self.by_key = {label: {} for label in self.kinds}
        for row, (label, form) in enumerate(zip(self.labels, self.forms, strict=True)):
            self.by_key[label].setdefault(form.key, []).append(row)

    def __len__(self) -> int:
        return len(self.surfaces)

    def labels_of(self, kind: Kind) -> Iterator[str]:
        """The labels of a kind, in their order."""
        return (label for label in sorted(self.kinds) if self.kinds[label] == kind)

    def rows_of(self, label: str, key: str) -> list[int]:
        """The rows of a normal form."""
        return self.by_key.get(label, {}).get(key, [])

    def documents_with(self, label: str, key: str) -> int:
        """How many documents have a person's normal form, in one surface or several."""
        documents = sum(self.documents[row] for row in self.rows_of(label, key))
        return documents - self.longer.get(label, {}).get(key, {}).get((), 0)

    def group_of(self, label: str, key: str) -> int | None:
        """The group of all rows of a normal form; None where they are in several, or there is none.

        A group goes by one of its rows, as `Groups.find` gives it.
        """
        roots = {self.groups.find(row) for row in self.rows_of(label, key)}
        return roots.pop() if len(roots) == 1 else None

    def rows_called(self, surface: str, label: str | None = None) -> list[int]:
        """The rows with this surface, of this label or of any."""
        return [
            row
            for row, name in enumerate(self.surfaces)
            if name == surface and label in (None, self.labels[row])
        ]


def names_of(counts: pa.Table, rules: Rules) -> Names:
    """The counts of runs in any order in, their sum out, each surface in a group of its own."""
    is_surface = pc.is_null(counts["longer"])
    rows = (
        counts.filter(is_surface)
        .group_by(["label", "surface", "entity_id"], use_threads=False)
        .aggregate([("mentions", "sum"), ("documents", "sum")])
        .sort_by([("label", "ascending"), ("surface", "ascending"), ("entity_id", "ascending")])
    )
    labels = rows["label"].to_pylist()
    surfaces = rows["surface"].to_pylist()
    kinds = {label: kind_of(label, rules.labels) for label in set(labels)}
    return Names(
        surfaces=surfaces,
        labels=labels,
        ids=rows["entity_id"].to_pylist(),
        mentions=rows["mentions_sum"].to_pylist(),
        documents=rows["documents_sum"].to_pylist(),
        forms=[normal_form(s, kinds[label]) for s, label in zip(surfaces, labels, strict=True)],
        kinds=kinds,
        longer=_longer(counts.filter(pc.invert(is_surface))),
    )


def _longer(rows: pa.Table) -> dict[str, dict[str, Longer]]:
    found: dict[str, dict[str, Longer]] = {}
    sums: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
    columns = (rows[name].to_pylist() for name in ("label", "surface", "longer", "documents"))
    for label, key, longer, documents in zip(*columns, strict=True):
        sums[label, key, tuple(longer)] += documents
    for (label, key, names), documents in sorted(sums.items()):
        found.setdefault(label, {}).setdefault(key, {})[names] = documents
    return found
