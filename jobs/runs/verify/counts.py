"""What the files of a run hold, counted in one pass, against what its manifest says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jobs.runs.recount import tally
from pipeline.outputs.manifest import SUMS, aside_of
from schemas.manifest import ASIDES, TABLE_NAMES, Manifest, TableName

_BUCKETS = 2**18
Key = tuple[str, str]  # source and doc_id


class RunCounts:
    """Rows of each table by source, entities by label, and totals of documents, as they come."""

    def __init__(self) -> None:
        self.sources: dict[str, Counter[str]] = defaultdict(Counter)
        self.labels: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()

    def add(self, table: str, rows: pa.RecordBatch) -> None:
        """Count the rows of a table; dead letters of whole shards are no records."""
        counts = tally(table, rows)
        self.sources[table].update(counts.sources)
        self.labels.update(counts.labels)
        self.totals.update(counts.totals)


class EntitiesByDocument:
    """Whether each document has as many rows in `entities` as it says, in memory that is bounded.

    A document's differences are added up in one of many sums, each entity with a weight of the
    document's own, so that two wrong documents do not hide each other.
    """

    def __init__(self) -> None:
        self._sums: NDArray[np.uint64] = np.zeros(_BUCKETS, np.uint64)

    def add(self, table: str, rows: pa.RecordBatch) -> None:
        """Take the rows of `documents`, or of `entities`."""
        counts = _entities_of(table, rows)
        hashes = np.array([hash(key) for key in counts], np.int64).astype(np.uint64)
        weights = (hashes | np.uint64(1)) * np.array([*counts.values()], np.int64).astype(np.uint64)
        np.add.at(self._sums, (hashes % np.uint64(_BUCKETS)).astype(np.intp), weights)

    @property
    def balanced(self) -> bool:
        """Whether both tables agree on every document, once all of their rows were added."""
        return not self._sums.any()

    def differing(self, tables: Iterable[tuple[str, pa.RecordBatch]]) -> dict[Key, int]:
        """The same rows once more in; by how many the documents that differ do so out."""
        differences: Counter[Key] = Counter()
        for table, rows in tables:
            for key, count in _entities_of(table, rows).items():
                if self._sums[hash(key) % 2**64 % _BUCKETS]:
                    differences[key] += count
        return {key: count for key, count in differences.items() if count}


def _entities_of(table: str, rows: pa.RecordBatch) -> Mapping[Key, int]:
    """How many entities documents say that they have; of rows of entities, these with a minus."""
    keys = zip(values(rows["source"]), values(rows["doc_id"]), strict=True)
    if table == "entities":
        return {key: -count for key, count in Counter(keys).items()}
    counts: Counter[Key] = Counter()
    for key, entities in zip(keys, rows["entities"].to_pylist(), strict=True):
        counts[key] += entities
    return counts


def values(column: pa.Array) -> list[Any]:
    """The values of a column; those that are equal are one object, where they are strings.

    Three times as fast as `to_pylist`, and what looks them up finds their hashes made.
    """
    if column.null_count:
        return list(column.to_pylist())
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if not pa.types.is_dictionary(column.type):
        return list(column.to_numpy(zero_copy_only=False).tolist())
    known = column.dictionary.to_pylist()
    return [known[place] for place in column.indices.to_numpy().tolist()]


def total_problems(manifest: Manifest) -> Iterator[str]:
    """Where the manifest contradicts itself: its totals, inputs and tables."""
    counts, inputs = manifest["counts"], manifest["inputs"]
    summed: tuple[Literal["records", TableName], ...] = ("records", *TABLE_NAMES)
    for name in summed:
        total = sum(entry[name] for entry in inputs)
        if counts[name] != total:
            yield f"counts {counts[name]:,} {_words(name)}, but its inputs {total:,}"
    for why in ASIDES:
        total = sum(entry.get(why, 0) for entry in inputs)
        if counts.get(why, 0) != total:
            yield f"counts {counts.get(why, 0):,} {_words(why)}, but its inputs {total:,}"
    for entry in inputs:
        parts = entry["documents"] + entry["dead_letters"] + aside_of(entry)
        if entry["records"] != parts:
            yield f"{entry['source']}: {entry['records']:,} records, but its parts are {parts:,}"
    if counts["files"] != len(inputs):
        yield f"counts {counts['files']:,} files, but its inputs are {len(inputs):,}"
    broken = sum(not entry["complete"] for entry in inputs)
    if counts["broken_files"] != broken:
        yield f"counts {counts['broken_files']:,} broken files, but its inputs are {broken:,}"
    sizes: tuple[Literal["rows", "bytes"], ...] = ("rows", "bytes")
    for table, written in manifest["tables"].items():
        for size in sizes:
            total = sum(file[size] for file in written["files"])
            if written[size] != total:
                yield f"counts {written[size]:,} {size} of {table}, but its files {total:,}"


def count_problems(manifest: Manifest, found: RunCounts, tables: Iterable[str]) -> Iterator[str]:
    """Where the manifest and the rows differ, in those tables whose files could all be read."""
    counts, readable = manifest["counts"], set(tables)
    for table in sorted(name for name in TABLE_NAMES if name in readable):
        rows = {entry["source"]: entry[table] for entry in manifest["inputs"]}
        for source, told, count in _differing(rows, found.sources[table]):
            said = f"the manifest says {told:,} {_words(table)}"
            yield f"{source}: {said}, but the files have {count:,}"
    if "documents" in readable:
        totals: dict[str, int] = {name: counts[name] for name in SUMS}
        for name, told, count in _differing(totals, found.totals):
            yield f"the manifest says {told:,} {_words(name)}, but the documents have {count:,}"
    if "entities" in readable:
        for label, told, count in _differing(counts["entities_by_label"], found.labels):
            yield f"the manifest says {told:,} entities {label}, but the files have {count:,}"


def _differing(told: Mapping[str, int], found: Counter[str]) -> Iterator[tuple[str, int, int]]:
    """Names for which the first has another count than the second, with both."""
    for name in sorted({*told, *found}):
        if told.get(name, 0) != found[name]:
            yield name, told.get(name, 0), found[name]


def _words(name: str) -> str:
    return name.replace("_", " ")
