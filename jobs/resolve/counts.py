"""What counts of the entities of a run in, how often each surface is there out.

And which longer forms of a person's name stand in one document with a shorter one.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from jobs.resolve.normal_form import NormalForm, normal_form
from jobs.resolve.rules import Rules
from jobs.resolve.vocabulary import MARRIED, kind_of
from pipeline.outputs.names import CountedRun, read_counts, remove_counts, write_counts
from pipeline.outputs.table_reader import read_batches

_VERSION = 1  # of the counts: another one is counted anew
_COLUMNS = ("source", "doc_id", "record", "text", "label", "entity_id")
# A row with a list of longer names tells of documents; one without, of a surface.
COUNTS = pa.schema(
    [
        pa.field("label", pa.string(), nullable=False),
        pa.field("surface", pa.string(), nullable=False),
        pa.field("entity_id", pa.string()),
        pa.field("longer", pa.list_(pa.string())),
        pa.field("mentions", pa.int64(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
    ]
)


class Evidence(NamedTuple):
    """Documents that have a name of a label, and these longer forms of it; all by their keys.

    Without longer forms: how many surfaces of the name documents have beside the first.
    """

    label: str
    key: str
    longer: tuple[str, ...]


def counts_digest(run: CountedRun, rules: Rules) -> str:
    """Under which name the counts of a run are kept: those of other labels are other counts."""
    told = repr((_VERSION, run.digest, sorted((k, sorted(v)) for k, v in rules.labels.items())))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def counts_of(root: str, runs: Sequence[CountedRun], rules: Rules, *, keeps: bool) -> pa.Table:
    """The counts of all runs, one after the other; only those that are not kept are counted.

    keeps: whether what is counted is kept, and what belongs to no run is removed.
    """
    tables = []
    for run in runs:
        digest = counts_digest(run, rules)
        counts = read_counts(root, digest)
        if counts is None or counts.schema.names != COUNTS.names:
            counts = count_run(run, rules)
            if keeps:
                write_counts(root, digest, counts)
        tables.append(counts.cast(COUNTS))
    if keeps:
        remove_counts(root, {counts_digest(run, rules) for run in runs})
    return pa.concat_tables(tables) if tables else COUNTS.empty_table()


def count_run(run: CountedRun, rules: Rules) -> pa.Table:
    """Count the surfaces of a run; raises JobError for a file that cannot be read."""
    rows = _rows(run)
    surfaces = _surfaces(rows)
    documents = Counter(_evidence(rows, rules))
    found = sorted(documents)
    evidence = pa.table(
        {
            "label": pa.array([e.label for e in found], pa.string()),
            "surface": pa.array([e.key for e in found], pa.string()),
            "entity_id": pa.nulls(len(found), pa.string()),
            "longer": pa.array([list(e.longer) for e in found], pa.list_(pa.string())),
            "mentions": pa.array([0] * len(found), pa.int64()),
            "documents": pa.array([documents[e] for e in found], pa.int64()),
        }
    )
    return pa.concat_tables([surfaces.cast(COUNTS), evidence.cast(COUNTS)])


class _Rows(NamedTuple):
    """Entities as numbers: document, label, text and id (-1 is none) of each, and their words."""

    document: NDArray[np.int64]
    label: NDArray[np.int64]
    text: NDArray[np.int64]
    entity_id: NDArray[np.int64]
    labels: pa.Array
    texts: pa.Array
    ids: pa.Array


def _rows(run: CountedRun) -> _Rows:
    columns: dict[str, list[Any]] = {name: [] for name in ("label", "text", "entity_id")}
    sources, records, ids = [], [], []
    wanted = pa.array(run.sources, pa.string())
    for path in run.files:
        for batch in read_batches(path, None, frozenset(run.sources)):
            source = batch.column("source").cast(pa.string())
            own = pc.is_in(source, value_set=wanted)
            if not pc.any(own).as_py():
                continue
            names = batch.schema.names
            for name, arrays in columns.items():
                column = (
                    batch.column(name).cast(pa.string())
                    if name in names
                    else pa.nulls(len(batch), pa.string())
                )
                arrays.append(column.filter(own).dictionary_encode())
            sources.append(source.filter(own).dictionary_encode())
            record = batch.column("record") if "record" in names else pa.nulls(len(batch))
            record = record.cast(pa.int64()).fill_null(-1).filter(own)
            records.append(record)
            # An id matters where older files have no record; else all are one.
            doc_id = pc.if_else(pc.equal(record, -1), batch.column("doc_id").filter(own), "")
            ids.append(doc_id.dictionary_encode())
    source, _ = _coded(sources)
    doc_id, _ = _coded(ids)
    record = _concatenated(records)
    label, labels = _coded(columns["label"])
    text, texts = _coded(columns["text"])
    entity_id, entity_ids = _coded(columns["entity_id"])
    document = _numbers(source, record, doc_id)
    return _Rows(document, label, text, entity_id, labels, texts, entity_ids)


def _coded(chunks: list[Any]) -> tuple[NDArray[np.int64], pa.Array]:
    """Dictionaries in, the number of each value (-1 for null) and the values out."""
    if not chunks:
        return np.empty(0, np.int64), pa.array([], pa.string())
    whole = pa.chunked_array(chunks).unify_dictionaries().combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    numbers = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers, whole.dictionary


def _concatenated(chunks: list[Any]) -> NDArray[np.int64]:
    arrays = [chunk.to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(arrays) if arrays else np.empty(0, np.int64)


def _numbers(*columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of several columns as one number each, the same for the same row."""
    numbers = np.zeros(len(columns[0]), np.int64)
    if not len(numbers):
        return numbers
    order = np.lexsort(columns[::-1])
    changes = np.zeros(len(order), np.bool_)
    for column in columns:
        sorted_column = column[order]
        changes[1:] |= sorted_column[1:] != sorted_column[:-1]
    numbers[order] = np.cumsum(changes)
    return numbers


def _surfaces(rows: _Rows) -> pa.Table:
    """A row for each surface, label and id, in no order that matters."""
    number = _numbers(rows.label, rows.text, rows.entity_id)
    mentions = np.bincount(number)
    _, first = np.unique(number, return_index=True)
    of_document, _ = _distinct_pairs(number, rows.document)
    documents = np.bincount(of_document, minlength=len(mentions))
    ids = pa.array(rows.entity_id[first], mask=rows.entity_id[first] < 0)
    return pa.table(
        {
            "label": rows.labels.take(pa.array(rows.label[first])),
            "surface": rows.texts.take(pa.array(rows.text[first])),
            "entity_id": rows.ids.take(ids) if len(rows.ids) else pa.nulls(len(first), pa.string()),
            "longer": pa.nulls(len(first), pa.list_(pa.string())),
            "mentions": pa.array(mentions, pa.int64()),
            "documents": pa.array(documents, pa.int64()),
        }
    )


def _evidence(rows: _Rows, rules: Rules) -> Iterator[Evidence]:
    """For each document and short form of a person's name there: its longer forms there."""
    labels = rows.labels.to_pylist()
    for number, label in enumerate(labels):
        kind = kind_of(label, rules.labels)
        if kind != "person":
            continue
        own = rows.label == number
        if not own.any():
            continue
        kinds = len(rows.ids) + 1
        surface = rows.text[own] * kinds + rows.entity_id[own] + 1  # as a row of the table
        document, surface = _distinct_pairs(rows.document[own], surface)
        used, names = np.unique(surface // kinds, return_inverse=True)
        forms = [normal_form(name, kind) for name in rows.texts.take(pa.array(used)).to_pylist()]
        together = zip(document.tolist(), names.tolist(), strict=True)
        for _, group in groupby(together, key=itemgetter(0)):
            found = [forms[name] for _, name in group]
            if len(found) > 1:
                for key, longer in longer_forms(found):
                    yield Evidence(label, key, longer)
                for key, count in Counter(form.key for form in found).items():
                    yield from repeat(Evidence(label, key, ()), count - 1)


def _distinct_pairs(
    one: NDArray[np.int64], other: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of two columns, each once and in order; `np.unique` of rows takes five times as long."""
    base = int(other.max()) + 1 if len(other) else 1
    first, second = np.divmod(np.unique(one * base + other), base)
    return first, second


def longer_forms(forms: Sequence[NormalForm]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names of a document in, each key that has longer forms there with their keys out."""
    lengths = sorted({len(form.words) for form in forms} - {0})
    by_end: dict[tuple[str, ...], set[NormalForm]] = {}  # those that begin or end with words
    for form in forms:
        if form.is_clean and form.words and (form.title or len(form.words) > 1):
            for length in lengths[: bisect_right(lengths, len(form.words))]:
                by_end.setdefault(form.words[:length], set()).add(form)
                by_end.setdefault(form.words[-length:], set()).add(form)
    longer: dict[str, set[str]] = {}
    for form in forms:
        for other in by_end.get(form.words, ()):
            if is_short_for(form, other):
                longer.setdefault(form.key, set()).add(other.key)
    for key, keys in longer.items():
        yield key, tuple(sorted(keys))


def is_short_for(short: NormalForm, long: NormalForm) -> bool:
    """Whether one name is the surname, or the first names, of the other, or it without a title.

    "Bassani" and "Elena" are short for "Elena Bassani", "Bassani" for "Ms. Bassani". A name with a
    title is so for one with the same title alone: "Mrs. Young" may be the wife of "Tom Young", and
    "Young" her husband. A letter is short for nothing.
    """
    few, many = short.words, long.words
    if short.title != long.title and (short.title or long.title in MARRIED):
        return False
    if few == many:
        return bool(long.title) and not short.title and short.key != long.key
    if len(few) >= len(many) or max(map(len, few)) == 1:
        return False
    return few in (many[-len(few) :], many[: len(few)])
