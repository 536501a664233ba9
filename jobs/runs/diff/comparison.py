"""Two runs in, what the second found otherwise in the documents of both out.

Everything is joined by pyarrow on whole numbers, for a portion of the sources at a time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from heapq import nlargest
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.runs.outputs import Output
from pipeline.outputs.layout import table_files
from pipeline.outputs.table_reader import read_batches
from schemas.manifest import Manifest

# Rows of both runs that are joined at once, about 200 bytes each; a single source may have more.
PORTION = 4_000_000

# Sources and labels stand as their places among those that are compared.
_DOCUMENT = pa.schema([("source", pa.int32()), ("doc_id", pa.string())])
_ENTITY = pa.schema(
    [
        *_DOCUMENT,
        ("start_char", pa.int64()),
        ("end_char", pa.int64()),
        ("label", pa.int32()),
        ("confidence", pa.float32()),
        ("text", pa.string()),
    ]
)
_SPAN = ["document", "start_char", "end_char"]


@dataclass(frozen=True)
class LabelChange:
    """What became of the entities of a label.

    The means are of those that both runs have with a confidence; lists find some without.

    before = both + lost + moved_away, after = both + gained + moved_here: a moved entity has the
    same span in both runs, and another label.
    """

    label: str
    both: int
    lost: int
    gained: int
    moved_away: int
    moved_here: int
    confidence_before: float | None
    confidence_after: float | None

    @property
    def before(self) -> int:
        return self.both + self.lost + self.moved_away

    @property
    def after(self) -> int:
        return self.both + self.gained + self.moved_here


class Example(NamedTuple):
    """An entity that only one run has; of a moved one, `label` names both labels."""

    confidence: float | None
    label: str
    text: str
    source: str
    doc_id: str
    start: int
    end: int

    @property
    def rank(self) -> tuple[float, str, str, str, int]:
        """The most confident first; last what lists alone found."""
        place = (self.label, self.source, self.doc_id, -self.start)
        return (-1.0 if self.confidence is None else self.confidence, *place)


@dataclass
class Comparison:
    """documents: those in both runs; ambiguous: ids that several documents of a source share.

    names: the labels of both runs; entities: how many have which label before and after, "" where
    they are not there; scored: how many have a label, and a confidence, in both runs; confidences:
    sums of these, by `before` or `after` and label.
    """

    names: Sequence[str]
    documents: int = 0
    only_before: int = 0
    only_after: int = 0
    ambiguous: int = 0
    entities: Counter[tuple[str, str]] = field(default_factory=Counter)
    scored: Counter[str] = field(default_factory=Counter)
    confidences: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(
        default_factory=lambda: {"lost": [], "gained": [], "moved": []}
    )

    @property
    def labels(self) -> list[LabelChange]:
        return [self._change(name, [name]) for name in self.names]

    @property
    def total(self) -> LabelChange:
        return self._change("all", self.names)

    @property
    def moves(self) -> list[tuple[tuple[str, str], int]]:
        """Labels before and after of entities that moved, the most frequent first."""
        moves = [(pair, n) for pair, n in self.entities.items() if all(pair) and len({*pair}) > 1]
        return sorted(moves, key=lambda move: (-move[1], move[0]))

    def _change(self, title: str, names: Sequence[str]) -> LabelChange:
        pairs = self.entities.items()
        both = sum(n for (a, b), n in pairs if a == b and a in names)
        scored = sum(self.scored[name] for name in names)
        before, after = (
            sum(self.confidences[side, name] for name in names) / scored if scored else None
            for side in ("before", "after")
        )
        return LabelChange(
            title,
            both=both,
            lost=sum(n for (a, b), n in pairs if a in names and not b),
            gained=sum(n for (a, b), n in pairs if b in names and not a),
            moved_away=sum(n for (a, b), n in pairs if a in names and b not in ("", a)),
            moved_here=sum(n for (a, b), n in pairs if b in names and a not in ("", b)),
            confidence_before=before,
            confidence_after=after,
        )

    def to_json(self) -> dict[str, Any]:
        """All of it with names."""
        *labels, total = (
            {**asdict(change), "before": change.before, "after": change.after}
            for change in (*self.labels, self.total)
        )
        return {
            "documents": self.documents,
            "only_before": self.only_before,
            "only_after": self.only_after,
            "ambiguous": self.ambiguous,
            "labels": labels,
            "total": total,
            "moves": [{"from": a, "to": b, "entities": n} for (a, b), n in self.moves],
            "examples": {
                kind: [example._asdict() for example in examples]
                for kind, examples in self.examples.items()
            },
        }


def compare(
    output: Output, before: Sequence[Manifest], after: Sequence[Manifest], examples: int
) -> Comparison:
    """The runs before and after in, each perhaps a job in parts; what changed out.

    Documents are the same where source and id are. Of each kind of change the most confident
    `examples` are kept.
    """
    labels = {name for run in (*before, *after) for name in run["counts"]["entities_by_label"]}
    comparison = Comparison(sorted(labels))
    for sources in _portions(before, after):
        places = {
            "source": pa.array(sources, pa.string()),
            "label": pa.array(comparison.names, pa.string()),
        }
        documents, entities = (
            [_rows(output.root, runs, table, schema, places) for runs in (before, after)]
            for table, schema in (("documents", _DOCUMENT), ("entities", _ENTITY))
        )
        _compare(_common(documents, comparison), entities, places, examples, comparison)
    return comparison


def _portions(before: Sequence[Manifest], after: Sequence[Manifest]) -> Iterator[list[str]]:
    """All sources, in groups that have so many entities together."""
    sizes: Counter[str] = Counter()
    for run in (*before, *after):
        for entry in run["inputs"]:
            sizes[entry["source"]] += entry["entities"] + entry["documents"]
    group: list[str] = []
    size = 0
    for source in sorted(sizes):
        if group and size + sizes[source] > PORTION:
            yield group
            group, size = [], 0
        group.append(source)
        size += sizes[source]
    if group:
        yield group


def _rows(
    root: str,
    runs: Sequence[Manifest],
    table: str,
    schema: pa.Schema,
    places: Mapping[str, pa.Array],
) -> pa.Table:
    """The rows that some runs have of these sources."""
    sources = frozenset(places["source"].to_pylist())
    pieces = [schema.empty_table()]
    for run in runs:
        if sources.isdisjoint(entry["source"] for entry in run["inputs"]):
            continue
        for path in table_files(root, run, table):
            for batch in read_batches(path, schema.names, sources):
                columns = [
                    pc.index_in(batch[name].cast(pa.string()), value_set=places[name])
                    if name in places
                    else batch[name]
                    for name in schema.names
                ]
                rows = pa.Table.from_arrays(columns, schema=schema)
                pieces.append(rows.filter(rows["source"].is_valid()))
    return pa.concat_tables(pieces)


def _common(documents: Sequence[pa.Table], comparison: Comparison) -> pa.Table:
    """The documents that both runs have once, with a number each."""
    a, b = (rows.group_by(_DOCUMENT.names).aggregate([([], "count_all")]) for rows in documents)
    joined = a.join(b, _DOCUMENT.names, join_type="full outer", right_suffix="_b")
    times, times_b = (
        pc.fill_null(joined[name], 0).to_numpy() for name in ("count_all", "count_all_b")
    )
    both = (times == 1) & (times_b == 1)
    comparison.documents += int(both.sum())
    comparison.only_before += int(((times == 1) & (times_b == 0)).sum())
    comparison.only_after += int(((times == 0) & (times_b == 1)).sum())
    comparison.ambiguous += int(((times > 1) | (times_b > 1)).sum())
    common = joined.filter(pa.array(both)).select(_DOCUMENT.names)
    return common.append_column("document", pa.array(np.arange(len(common))))


def _compare(
    documents: pa.Table,
    entities: Sequence[pa.Table],
    places: Mapping[str, pa.Array],
    examples: int,
    comparison: Comparison,
) -> None:
    """Join the entities of both runs on their spans, of which a document has none twice."""
    a, b = (
        rows.drop_columns("text")
        .append_column("row", pa.array(np.arange(len(rows))))
        .join(documents, _DOCUMENT.names, join_type="inner")
        .drop_columns(_DOCUMENT.names)
        for rows in entities
    )
    joined = a.join(b, _SPAN, join_type="full outer", right_suffix="_b")
    for pair in joined.group_by(["label", "label_b"]).aggregate([([], "count_all")]).to_pylist():
        before, after = (
            "" if pair[column] is None else comparison.names[pair[column]]
            for column in ("label", "label_b")
        )
        comparison.entities[before, after] += pair["count_all"]
    # A comparison with what is missing is null, and so are sums with it.
    scored = joined.filter(
        pc.and_(
            pc.equal(joined["label"], joined["label_b"]),
            pc.is_valid(pc.add(joined["confidence"], joined["confidence_b"])),
        )
    )
    sums = [([], "count_all"), ("confidence", "sum"), ("confidence_b", "sum")]
    for own in scored.group_by("label").aggregate(sums).to_pylist():
        name = comparison.names[own["label"]]
        comparison.scored[name] += own["count_all"]
        comparison.confidences["before", name] += own["confidence_sum"]
        comparison.confidences["after", name] += own["confidence_b_sum"]
    if examples:
        for kind, are_meant, suffix in (
            ("lost", joined["label_b"].is_null(), ""),
            ("gained", joined["label"].is_null(), "_b"),
            ("moved", pc.not_equal(joined["label"], joined["label_b"]), "_b"),
        ):
            own = entities[bool(suffix)]
            some = _examples(joined.filter(are_meant), own, suffix, places, examples)
            comparison.examples[kind] = nlargest(
                examples, [*comparison.examples[kind], *some], key=lambda one: one.rank
            )


def _examples(
    rows: pa.Table, entities: pa.Table, suffix: str, places: Mapping[str, pa.Array], count: int
) -> Iterator[Example]:
    """The most confident of the rows, with their text and where they stand."""
    order = [(f"confidence{suffix}", "descending"), (f"row{suffix}", "ascending")]
    for row in rows.sort_by(order).slice(0, count).to_pylist():
        (entity,) = entities.slice(row[f"row{suffix}"], 1).to_pylist()
        labels = [row[name] for name in ("label", "label_b") if row[name] is not None]
        yield Example(
            entity["confidence"],
            " to ".join(places["label"][label].as_py() for label in labels),
            entity["text"],
            places["source"][entity["source"]].as_py(),
            entity["doc_id"],
            entity["start_char"],
            entity["end_char"],
        )
