"""Two runs in, what the second found otherwise in the documents of both out.

Everything is joined by pyarrow on whole numbers, for a portion of the sources at a time.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.runs.diff.changes import Comparison, Example, Tally
from jobs.runs.outputs import Output
from pipeline.outputs.table_reader import read_batches
from schemas.manifest import Manifest

# Rows of both runs that are joined at once, about 200 bytes each; a single source may have more.
PORTION = 4_000_000

_DOCUMENT = ["source", "doc_id"]
_COLUMNS = [*_DOCUMENT, "start_char", "end_char", "label", "confidence", "text"]
_SPAN = ["document", "start_char", "end_char"]
_ENTITY = [*_SPAN, "label"]


@dataclass(frozen=True)
class _Portion:
    """The runs before and after, of which only these sources are compared; labels: all of both."""

    output: Output
    sides: tuple[Sequence[Manifest], Sequence[Manifest]]
    sources: pa.Array
    labels: pa.Array

    def rows(self, side: int, table: str, columns: Sequence[str]) -> pa.Table:
        """The rows of one side; sources and labels as their places in the arrays above."""
        coded = {"source": self.sources, "label": self.labels}
        fields = {"doc_id": pa.string(), "text": pa.string(), "confidence": pa.float32()}
        schema = pa.schema(
            [(n, pa.int32() if n in coded else fields.get(n, pa.int64())) for n in columns]
        )
        wanted = frozenset(self.sources.to_pylist())
        pieces = []
        for path in self._paths(side, table, wanted):
            for batch in read_batches(path, columns, wanted):
                rows = [
                    pc.index_in(batch[name].cast(pa.string()), value_set=coded[name])
                    if name in coded
                    else batch[name]
                    for name in columns
                ]
                piece = pa.Table.from_arrays(rows, schema=schema)
                pieces.append(piece.filter(piece["source"].is_valid()))
        return pa.concat_tables(pieces) if pieces else schema.empty_table()

    def _paths(self, side: int, table: str, wanted: frozenset[str]) -> Iterator[str]:
        for run in self.sides[side]:
            if not wanted.isdisjoint(entry["source"] for entry in run["inputs"]):
                for file in run["tables"][table]["files"]:
                    yield f"{self.output.root}/{file['path']}"


def compare(
    output: Output, before: Sequence[Manifest], after: Sequence[Manifest], examples: int
) -> Comparison:
    """The runs before and after in, each perhaps a job in parts; what changed out.

    Documents are the same where source and id are. Of each kind of change the most confident
    `examples` are kept.
    """
    tally = Tally()
    labels = sorted(
        {label for run in (*before, *after) for label in run["counts"]["entities_by_label"]}
    )
    for sources in _portions(before, after):
        portion = _Portion(
            output, (before, after), pa.array(sources), pa.array(labels, pa.string())
        )
        _compare_portion(portion, examples, tally)
    return Comparison(
        documents=tally.documents["both"],
        only_before=tally.documents["before"],
        only_after=tally.documents["after"],
        ambiguous=tally.documents["ambiguous"],
        labels=[tally.change(label) for label in labels],
        total=tally.change(None),
        moves=sorted(tally.moves.items(), key=lambda move: (-move[1], move[0])),
        examples=tally.examples,
    )


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


def _compare_portion(portion: _Portion, examples: int, tally: Tally) -> None:
    documents = _common_documents(portion, tally)
    whole = []
    for side in (0, 1):
        rows = portion.rows(side, "entities", _COLUMNS)
        whole.append(rows.append_column("row", pa.array(np.arange(len(rows)))))
    a, b = (
        rows.drop_columns("text")
        .join(documents, _DOCUMENT, join_type="inner")
        .drop_columns(_DOCUMENT)
        for rows in whole
    )
    joined = a.join(b, _ENTITY, join_type="full outer", right_suffix="_b")
    in_a, in_b = joined["row"].is_valid(), joined["row_b"].is_valid()
    lost = joined.filter(pc.invert(in_b)).select([*_ENTITY, "confidence", "row"])
    gained = joined.filter(pc.invert(in_a)).select([*_ENTITY, "confidence_b", "row_b"])
    moved = lost.join(gained, _SPAN, join_type="inner", right_suffix="_b")
    lost = lost.join(moved.select(_SPAN), _SPAN, join_type="left anti")
    gained = gained.join(moved.select(_SPAN), _SPAN, join_type="left anti")
    both = joined.filter(pc.and_(in_a, in_b))
    _count(_Changes(both, lost, gained, moved), portion.labels.to_pylist(), tally)
    if examples:
        for kind, rows, side in (("lost", lost, 0), ("gained", gained, 1), ("moved", moved, 1)):
            some = _examples(portion, rows, whole[side], "_b" if side else "", examples)
            tally.examples[kind] = nlargest(examples, [*tally.examples[kind], *some])


class _Changes(NamedTuple):
    """Entities of a portion by what became of them; those of B have names with `_b`."""

    both: pa.Table
    lost: pa.Table
    gained: pa.Table
    moved: pa.Table


def _count(found: _Changes, labels: Sequence[str], tally: Tally) -> None:
    both, lost, gained, moved = found
    for kind, column in (
        ("both", both["label"]),
        ("lost", lost["label"]),
        ("gained", gained["label"]),
        ("moved_away", moved["label"]),
        ("moved_here", moved["label_b"]),
    ):
        for pair in column.value_counts().to_pylist():
            tally.counts[kind][labels[pair["values"]]] += pair["counts"]
    for side, column in (("before", "confidence"), ("after", "confidence_b")):
        for row in both.group_by("label").aggregate([(column, "sum")]).to_pylist():
            tally.confidences[side][labels[row["label"]]] += row[f"{column}_sum"]
    for row in moved.group_by(["label", "label_b"]).aggregate([([], "count_all")]).to_pylist():
        tally.moves[labels[row["label"]], labels[row["label_b"]]] += row["count_all"]


def _common_documents(portion: _Portion, tally: Tally) -> pa.Table:
    """The documents that both runs have once, with a number each."""
    a, b = (
        portion.rows(side, "documents", _DOCUMENT)
        .group_by(_DOCUMENT)
        .aggregate([([], "count_all")])
        for side in (0, 1)
    )
    joined = a.join(b, _DOCUMENT, join_type="full outer", right_suffix="_b")
    times, times_b = (pc.fill_null(joined[name], 0) for name in ("count_all", "count_all_b"))
    repeated = pc.or_(pc.greater(times, 1), pc.greater(times_b, 1))
    once = pc.invert(repeated)
    both = pc.and_(pc.equal(times, 1), pc.equal(times_b, 1))
    for name, rows in (
        ("both", both),
        ("before", pc.and_(once, pc.equal(times_b, 0))),
        ("after", pc.and_(once, pc.equal(times, 0))),
        ("ambiguous", repeated),
    ):
        tally.documents[name] += pc.sum(rows).as_py() or 0
    found = joined.filter(both).select(_DOCUMENT)
    return found.append_column("document", pa.array(np.arange(len(found))))


def _examples(
    portion: _Portion, rows: pa.Table, whole: pa.Table, suffix: str, count: int
) -> Iterator[Example]:
    """The most confident of the rows, with their text and where they stand."""
    order = [(f"confidence{suffix}", "descending"), (f"row{suffix}", "ascending")]
    labels = portion.labels.to_pylist()
    for row in rows.sort_by(order).slice(0, count).to_pylist():
        entity = whole.slice(row[f"row{suffix}"], 1).to_pylist()[0]
        label = labels[row["label"]]
        if "label_b" in row:
            label += f" to {labels[row['label_b']]}"
        yield Example(
            entity["confidence"],
            label,
            entity["text"],
            portion.sources[entity["source"]].as_py(),
            entity["doc_id"],
            entity["start_char"],
            entity["end_char"],
        )
