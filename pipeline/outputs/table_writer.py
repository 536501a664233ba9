"""Arrow tables in, Parquet files of a target size out, each with its checksum and its counts.

And such a file opened again.
"""

import base64
import hashlib
import io
import uuid
from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.filesystems.upload import Writer
from pipeline.outputs.layout import table_file
from pipeline.outputs.manifest.repeated_ids import merged
from schemas.records import FileResult, IdSample, RowCounts
from schemas.tables import SCHEMA_VERSION, SORTED_BY, with_dictionaries, without_dictionaries

# Query engines read row groups in parallel and skip them by their statistics: 128 Ki rows is about
# what DuckDB writes. Long texts make a row group earlier, so that memory is bounded: while one is
# encoded and packed, five times its bytes are in use.
ROW_GROUP_ROWS = 128 * 1024
ROW_GROUP_BYTES = 16_000_000

# Columns whose values hardly ever repeat: without a dictionary files are 15 % smaller. Encodings
# made for numbers do not pay: zstd packs plain offsets of entities about as well as
# DELTA_BINARY_PACKED, and BYTE_STREAM_SPLIT would save another 2 % and shut out Spark 3.5.
_WITHOUT_DICTIONARY = frozenset(
    (
        *("sentence_start", "sentence_end", "start_char", "end_char", "confidence"),
        *("record", "content_hash", "raw"),
    )
)
# But for columns that repeat in a table of their own: the record of an entity is its document's.
_WITH_DICTIONARY = frozenset({("entities", "record")})
# One document among many: row groups without it are skipped, for 1 % more bytes.
_BLOOM_FILTER = "doc_id"
_FALSE_POSITIVES = 0.01
_VERSION = b"gleaner.schema_version"
_ARROW_SCHEMA = b"ARROW:schema"  # where Arrow's readers find the schema, in base64

Create = Callable[[str], Writer]


class TableWriter:
    """Writes one table into files below `directory`, a new one whenever `target_bytes` is reached.

    Rows are gathered into row groups, each in the order of `SORTED_BY`. Names are unique, so a
    bundle that is retried never meets its first attempt. Files are opened with `create`, only once
    there are rows for them. A schema that names its version keeps it.
    """

    def __init__(
        self, table: str, schema: pa.Schema, directory: str, target_bytes: int, create: Create
    ) -> None:
        self.table = table
        metadata = schema.metadata or {}
        version = metadata.get(_VERSION, str(SCHEMA_VERSION))
        self.schema = without_dictionaries(schema).with_metadata({**metadata, _VERSION: version})
        self.held = with_dictionaries(self.schema)
        self.directory = directory
        self.target_bytes = target_bytes
        self.create = create
        self._file: _OpenFile | None = None

    def write(self, rows: pa.Table, counts: RowCounts) -> list[FileResult]:
        """Append rows; returns the file that this filled, if it did.

        counts: of these rows; they are added up by file.
        """
        if not len(rows):
            return []
        if self._file is None:
            self._file = _OpenFile(self, uuid.uuid4().hex)
        self._file.append(rows, counts)
        return self.close() if self._file.bytes >= self.target_bytes else []

    def write_empty(self) -> list[FileResult]:
        """A file without rows, so that a reader finds the table's columns.

        Its name is always the same, so that a commit that is retried makes no second one.
        """
        self._file = _OpenFile(self, "empty")
        return self.close()

    def close(self) -> list[FileResult]:
        """Finish the open file, if there is one."""
        if self._file is None:
            return []
        result = self._file.close()
        self._file = None
        return [result]


class _OpenFile:
    def __init__(self, table: TableWriter, name: str) -> None:
        self._table = table
        self._path = f"{table.directory}/{table_file(name)}"
        self._stream = _HashingStream(table.create(self._path))
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._rows = 0
        self._sources: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._totals: Counter[str] = Counter()
        self._ids: list[IdSample] = []

    @property
    def bytes(self) -> int:
        """What is written, without the rows that wait for their row group."""
        return self._stream.bytes

    def append(self, rows: pa.Table, counts: RowCounts) -> None:
        # Names stand once: written out, long sources would take many times the memory that is
        # counted here.
        rows = rows.cast(self._table.held)
        self._waiting.append(rows)
        self._waiting_rows += len(rows)
        self._waiting_bytes += rows.nbytes
        self._rows += len(rows)
        self._sources.update(counts.sources)
        self._labels.update(counts.labels)
        self._totals.update(counts.totals)
        if counts.ids.hashes:
            self._ids = [merged([*self._ids, counts.ids])]
        # No more than the file's target waits, or a small target would be overshot.
        if self._waiting_bytes >= min(ROW_GROUP_BYTES, self._table.target_bytes):
            self._write_groups(at_least=1)
        elif self._waiting_rows >= ROW_GROUP_ROWS:
            self._write_groups(at_least=ROW_GROUP_ROWS)

    def close(self) -> FileResult:
        self._write_groups(at_least=1, last=True)
        (self._writer or self._opened(documents=1)).close()
        self._stream.close()
        return FileResult(
            table=self._table.table,
            path=self._path,
            rows=self._rows,
            bytes=self._stream.bytes,
            sha256=self._stream.digest(),
            sources=dict(self._sources),
            labels=dict(self._labels),
            totals=dict(self._totals),
            ids=merged(self._ids),
        )

    def _write_groups(self, at_least: int, *, last: bool = False) -> None:
        """Write row groups of what waits, as long as there are so many rows for one."""
        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting).unify_dictionaries()
        self._waiting = []
        order = _order(rows, self._table.table)
        while len(order) >= at_least:
            group = _taken(rows, order[:ROW_GROUP_ROWS])
            order = order[ROW_GROUP_ROWS:]
            if not len(order):
                del rows  # the copy in `group` is enough
            if self._writer is None:
                alone = last and not len(order)
                self._writer = self._opened(self._most_documents(group, alone=alone))
            self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
            del group
        self._waiting_rows = self._waiting_bytes = 0
        if len(order):
            rest = _taken(rows, order)
            self._waiting = [rest]
            self._waiting_rows, self._waiting_bytes = len(rest), rest.nbytes

    def _most_documents(self, group: pa.Table, *, alone: bool) -> int:
        """About how many a row group of the file has at most; alone: no other follows the first.

        The first may be one long text, or one document of many rows, and says little of the next.
        """
        found = max(1, pc.count_distinct(group[_BLOOM_FILTER]).as_py())
        if alone:
            return found
        at_full_size = max(found * ROW_GROUP_ROWS // len(group), ROW_GROUP_ROWS // 16)
        # One or two bytes for each: in small files the guess is not to be what fills them.
        return max(found, min(at_full_size, self._table.target_bytes // 100))

    def _opened(self, documents: int) -> pq.ParquetWriter:
        """documents: how many a row group has, for the size of its Bloom filter."""
        schema = self._table.schema
        writer = pq.ParquetWriter(
            self._stream,
            self._table.held,
            compression="zstd",
            store_schema=False,  # that of the rows in memory
            use_dictionary=[
                name
                for name in schema.names
                if name not in _WITHOUT_DICTIONARY or (self._table.table, name) in _WITH_DICTIONARY
            ],
            write_statistics=True,
            write_page_index=True,
            sorting_columns=pq.SortingColumn.from_ordering(
                schema, _keys(self._table.table, schema)
            ),
            bloom_filter_options={_BLOOM_FILTER: {"ndv": documents, "fpp": _FALSE_POSITIVES}},
        )
        stored = base64.b64encode(schema.serialize())
        writer.add_key_value_metadata({**schema.metadata, _ARROW_SCHEMA: stored})
        return writer


def _keys(table: str, schema: pa.Schema) -> list[tuple[str, str]]:
    """Those columns of its order that a table has: older versions lack some."""
    return [(key, "ascending") for key in SORTED_BY[table] if key in schema.names]


def _order(rows: pa.Table, table: str) -> pa.Array:
    """The numbers of the rows, in the order of the table's files."""
    keys = _keys(table, rows.schema)
    return pc.sort_indices(pa.table({key: _rank(rows[key]) for key, _ in keys}), sort_keys=keys)


def _rank(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """What sorts as the column does; of a dictionary, no word is written out for that."""
    if not pa.types.is_dictionary(column.type):
        return column
    coded = column.combine_chunks()
    return pc.rank(coded.dictionary, tiebreaker="dense").take(coded.indices)


def _taken(rows: pa.Table, numbers: pa.Array) -> pa.Table:
    """These rows, in this order; their dictionaries have the words of no other row."""
    taken = rows.take(numbers)
    for place, field in enumerate(taken.schema):
        if pa.types.is_dictionary(field.type):
            taken = taken.set_column(place, field, _with_own_words(taken.column(place)))
    return taken


def _with_own_words(column: pa.ChunkedArray) -> pa.DictionaryArray:
    coded = column.combine_chunks()
    used = coded.indices.unique().drop_null()
    codes = pc.index_in(coded.indices, value_set=used)
    return pa.DictionaryArray.from_arrays(codes, coded.dictionary.take(used))


class _HashingStream(io.RawIOBase):
    """A stream that counts and hashes what passes through it.

    Whoever drops it does not close it: what is half written is no file yet.
    """

    def __init__(self, stream: Writer) -> None:
        super().__init__()
        self._stream = stream
        self._hash = hashlib.sha256()
        self.bytes = 0

    def __del__(self) -> None:
        """Nothing: the base's would close."""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # pyarrow gives bytes
        self._stream.write(data)
        self._hash.update(data)
        self.bytes += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()

    def digest(self) -> str:
        return self._hash.hexdigest()
