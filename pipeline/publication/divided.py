"""The rows of runs divided by a field of their documents, such as a date: a file for each value.

Tables that are partitioned so have files of their own alone. A file says the run of its rows, as
`run_id` is no partition there, and leaves out the field, which the partition says. An empty value
is none, as everywhere in Hive's partitions.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import lru_cache, partial
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.filesystems.upload import Writer
from pipeline.outputs.layout import table_file, table_files
from pipeline.outputs.table_reader import open_table, read_row_groups
from pipeline.outputs.table_writer import TableWriter
from pipeline.publication.copies import whole_file, writing
from pipeline.publication.table import PublishedFile, PublishedTable
from pipeline.publication.wanted import RUN_ID, RUN_ID_FIELD, WantedFile
from schemas.errors import JobError
from schemas.manifest import Manifest
from schemas.records import RowCounts

_PLACE = ("source", "record")
_ROW = " row"  # a name that no field by which is published can have
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
# Each value has a file open while a file is divided.
_MOST_VALUES = 2_000
_LONGEST = 255  # characters of a folder's name, on most disks


class Divider:
    """Divides files of an output by a field that runs kept of their documents."""

    def __init__(self, root: str, runs: Mapping[str, Manifest], by: str) -> None:
        self._root = root
        self._runs = runs
        self._by = by
        self._values = lru_cache(maxsize=1)(self._read_values)  # files come run by run

    def files(self, name: str, table: PublishedTable, wanted: WantedFile) -> list[PublishedFile]:
        """The files of a table with the rows of a file that count; written where it has none."""
        begin = f"part-{_digest(f'{wanted.copy_name} {self._by}')}"
        known = table.files_named(begin)
        return known or list(self._written(name, table, wanted, begin))

    def _written(
        self, name: str, table: PublishedTable, wanted: WantedFile, begin: str
    ) -> Iterator[PublishedFile]:
        source = f"{self._root}/{wanted.path}"
        schema = self._schema(source)
        writers: dict[str | None, TableWriter] = {}
        paths: dict[str | None, str] = {}
        with writing(table.copies) as copies:
            for value, rows in self._by_value(name, wanted, source, schema):
                if value not in writers:
                    paths[value] = self._path(begin, value)
                    create = partial(_created, copies, f"{table.copies}/{paths[value]}")
                    writers[value] = TableWriter(name, schema, "", sys.maxsize, create)
                    self._require_few(writers, source)
                writers[value].write(rows, RowCounts())
            written = {value: writer.close() for value, writer in writers.items()}
        for value, results in written.items():
            for result in results:
                location = table.copy_location(paths[value])
                yield PublishedFile(location, value, result.rows, result.bytes)

    def _by_value(
        self, name: str, wanted: WantedFile, source: str, schema: pa.Schema
    ) -> Iterator[tuple[str | None, pa.Table]]:
        """The rows of a file that count, some of one value at a time."""
        for rows in read_row_groups(source):
            for part in wanted.counting_rows(rows):
                values = self._values_of(name, part, wanted.run_id)
                own = _with_run_id(part, schema, wanted.run_id)
                for value in values.unique().to_pylist():
                    is_own = pc.is_null(values) if value is None else pc.equal(values, value)
                    yield value, own.filter(is_own)

    def _schema(self, path: str) -> pa.Schema:
        with open_table(path) as opened:
            schema = opened.schema_arrow
        place = schema.get_field_index(self._by)
        return (schema.remove(place) if place >= 0 else schema).append(RUN_ID_FIELD)

    def _path(self, begin: str, value: str | None) -> str:
        """Polars takes the value from the path, the others from the table."""
        folder = f"{self._by}={_NO_VALUE if value is None else quote(value, safe='')}"
        if len(folder) > _LONGEST:
            raise JobError(
                f"{self._by} has a value of {len(value or ''):,} characters, which is too long for "
                "a partition: publish by another field"
            )
        name = table_file(begin.removeprefix("part-") + _digest(repr(value)))
        return f"{folder}/{name}"

    def _require_few(self, values: Mapping[str | None, object], source: str) -> None:
        if len(values) > _MOST_VALUES:
            raise JobError(
                f"{source} has more than {_MOST_VALUES:,} values of {self._by}: that many "
                "partitions are of no use, so publish by a field that has fewer"
            )

    def _values_of(self, name: str, rows: pa.Table, run_id: str) -> pa.ChunkedArray:
        """The value of each row; of an entity that of its document."""
        if name == "documents":
            return _column(rows, self._by)
        if self._by not in self._runs[run_id]["configuration"]["keep_fields"]:
            return pa.chunked_array([pa.nulls(len(rows), pa.string())])
        if "record" not in rows.column_names:
            raise JobError(
                f"run {run_id} is of an older version, and its entities do not say their record: "
                "extract its documents again, to have them published by a field"
            )
        numbered = rows.select(_PLACE).append_column(_ROW, pa.array(range(len(rows))))
        joined = numbered.join(self._values(run_id), list(_PLACE), join_type="left outer")
        return joined.sort_by(_ROW)[self._by]

    def _read_values(self, run_id: str) -> pa.Table:
        """The value of each document of a run, by its source and record."""
        columns = [*_PLACE, self._by]
        parts = [
            rows.set_column(2, self._by, _column(rows, self._by))
            for path in table_files(self._root, self._runs[run_id], "documents")
            for rows in read_row_groups(path, columns)
        ]
        each = pa.concat_tables(parts).group_by(_PLACE).aggregate([(self._by, "max")])
        return each.rename_columns([*_PLACE, self._by])


def _column(rows: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of text, or nulls where there is none; what is empty is null."""
    if name not in rows.column_names:
        return pa.chunked_array([pa.nulls(len(rows), pa.string())])
    return pc.if_else(pc.equal(rows[name], ""), pa.scalar(None, pa.string()), rows[name])


def _with_run_id(rows: pa.Table, schema: pa.Schema, run_id: str) -> pa.Table:
    named = rows.append_column(RUN_ID, pa.repeat(run_id, len(rows)))
    return named.select(schema.names)


def _created(copies: ExitStack, path: str, _: str) -> Writer:
    """A new file, whatever its writer calls it, which goes unless all of them are closed."""
    return copies.enter_context(whole_file(path))


def _digest(text: str) -> str:
    """Half the name of a file."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
