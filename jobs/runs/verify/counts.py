"""What the files of a run hold, counted in one pass, against what its manifest says."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.runs.verify.files import values
from pipeline.outputs.manifest import SUMS
from schemas.manifest import TABLE_NAMES, Manifest

_BUCKETS = 2**18
Key = tuple[str, str]  # source and doc_id


@dataclass
class RunCounts:
    """Rows by source and label, and totals, of the rows that were added."""

    documents: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    entities: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)

    def add(self, table: str, rows: pa.RecordBatch) -> None:
        """Count the rows of a table; dead letters of whole shards are no records."""
        sources = rows.column("source")
        if table == "dead_letters":
            sources = sources.filter(rows.column("record").is_valid())
        getattr(self, table).update(counted(sources))
        if table == "entities":
            self.labels.update(counted(rows.column("label")))
        if table == "documents":
            self.sums.update({name: pc.sum(rows.column(name)).as_py() or 0 for name in SUMS})


def counted(column: pa.Array) -> dict[str, int]:
    """How often each value of a column stands there."""
    found = pc.value_counts(column)
    told = found.field("values")
    return dict(zip(told.to_pylist(), found.field("counts").to_pylist(), strict=True))


class EntitiesByDocument:
    """Whether each document has as many rows in `entities` as it says, in memory that is bounded.

    A document's differences are added up in one of many sums, each entity with a weight of the
    document's own, so that two wrong documents do not hide each other.
    """

    def __init__(self) -> None:
        self._sums: NDArray[np.uint64] = np.zeros(_BUCKETS, np.uint64)

    def add(self, table: str, rows: pa.RecordBatch) -> None:
        """Take the rows of `documents`, or of `entities`."""
        keys, counts = _entities_of(table, rows)
        hashes = np.array([hash(key) for key in keys], np.int64).astype(np.uint64)
        weights = (hashes | np.uint64(1)) * np.array(counts, np.int64).astype(np.uint64)
        np.add.at(self._sums, (hashes % np.uint64(_BUCKETS)).astype(np.intp), weights)

    @property
    def balanced(self) -> bool:
        """Whether both tables agree on every document, once all of their rows were added."""
        return not self._sums.any()

    def differing(self, tables: Iterable[tuple[str, pa.RecordBatch]]) -> dict[Key, int]:
        """The same rows once more in; by how many the documents that differ do so out."""
        differences: Counter[Key] = Counter()
        for table, rows in tables:
            for key, count in zip(*_entities_of(table, rows), strict=True):
                if self._sums[hash(key) % 2**64 % _BUCKETS]:
                    differences[key] += count
        return {key: count for key, count in differences.items() if count}


def _entities_of(table: str, rows: pa.RecordBatch) -> tuple[list[Key], list[int]]:
    """How many entities documents say that they have; of rows of entities, these with a minus."""
    keys = list(zip(values(rows.column("source")), values(rows.column("doc_id")), strict=True))
    if table == "documents":
        return keys, rows.column("entities").to_pylist()
    times = Counter(keys)
    return list(times), [-count for count in times.values()]


def total_problems(manifest: Manifest) -> Iterator[str]:
    """Where the manifest contradicts itself: its totals, inputs and tables."""
    counts, inputs = manifest["counts"], manifest["inputs"]
    total = sum(entry["records"] for entry in inputs)
    if counts["records"] != total:
        yield f"counts {counts['records']:,} records, but its inputs {total:,}"
    for name in TABLE_NAMES:
        total = sum(entry[name] for entry in inputs)
        if counts[name] != total:
            yield f"counts {counts[name]:,} {_words(name)}, but its inputs {total:,}"
    files, broken = len(inputs), sum(not entry["complete"] for entry in inputs)
    if counts["files"] != files:
        yield f"counts {counts['files']:,} files, but its inputs are {files:,}"
    if counts["broken_files"] != broken:
        yield f"counts {counts['broken_files']:,} broken files, but its inputs are {broken:,}"
    sizes: tuple[Literal["rows", "bytes"], ...] = ("rows", "bytes")
    for table, entry in manifest["tables"].items():
        for size in sizes:
            total = sum(file[size] for file in entry["files"])
            if entry[size] != total:
                yield f"counts {entry[size]:,} {size} of {table}, but its files {total:,}"


def count_problems(manifest: Manifest, found: RunCounts, tables: Iterable[str]) -> Iterator[str]:
    """Where the manifest and the rows differ, in those tables whose files could all be read."""
    told, readable = manifest["counts"], set(tables)
    for table in sorted(name for name in TABLE_NAMES if name in readable):
        rows: Counter[str] = getattr(found, table)
        wanted = {entry["source"]: entry[table] for entry in manifest["inputs"]}
        for source in sorted({*rows, *wanted}):
            if rows[source] != wanted.get(source, 0):
                yield (
                    f"{source}: the manifest says {wanted.get(source, 0):,} {_words(table)}, but "
                    f"the files have {rows[source]:,}"
                )
    if "documents" in readable:
        for name in SUMS:
            if found.sums[name] != told[name]:
                yield (
                    f"the manifest says {told[name]:,} {_words(name)}, but the documents have "
                    f"{found.sums[name]:,}"
                )
    if "entities" in readable:
        labels = told["entities_by_label"]
        for label in sorted({*labels, *found.labels}):
            if found.labels[label] != labels.get(label, 0):
                yield (
                    f"the manifest says {labels.get(label, 0):,} entities {label}, but the files "
                    f"have {found.labels[label]:,}"
                )


def _words(name: str) -> str:
    return name.replace("_", " ")
