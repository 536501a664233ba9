"""The rows of runs divided by a field of their documents, such as a date: a file for each value.

Tables that are partitioned so have files of their own alone. A file says the run of its rows, as
`run_id` is no partition there, and leaves out the field, which the partition says. An empty value
is none, as everywhere in Hive's partitions, and so is what they call none in paths.
"""

import hashlib
import resource
import sys
from collections.abc import Collection, Iterator, Mapping
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
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.records import RowCounts

_PLACE = ("source", "record")
_ROW = " row"  # a name that no field by which is published can have
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_MOST_VALUES = 2_000
_MOST_OPEN = 256  # files at a time; the limit is 256 on some systems, and 1,024 on most
_LONGEST = 255  # characters of a folder's name, on most disks


class Divider:
    """Divides files of an output by a field that runs kept of their documents."""

    def __init__(self, root: str, runs: Mapping[str, Manifest], by: str) -> None:
        self._root = root
        self._runs = runs
        self._by = by
        self._values = lru_cache(maxsize=1)(self._read_values)  # files come run by run
        self._found: dict[tuple[str, str], list[str | None]] = {}

    def require(self, name: str, table: PublishedTable, wanted: WantedFile) -> None:
        """Raise UsageError where a file that a table lacks cannot be divided; writes nothing."""
        begin = self._begin(wanted)
        if not table.files_named(begin):
            self._found[name, begin] = self._distinct(name, wanted)

    def files(self, name: str, table: PublishedTable, wanted: WantedFile) -> list[PublishedFile]:
        """The files of a table with the rows of a file that count; written where it has none.

        What it lacks went through `require`.
        """
        begin = self._begin(wanted)
        return table.files_named(begin) or list(self._written(name, table, wanted, begin))

    def _begin(self, wanted: WantedFile) -> str:
        """How the names of its files begin."""
        return f"part-{_digest(f'{wanted.copy_name} {self._by}')}"

    def _distinct(self, name: str, wanted: WantedFile) -> list[str | None]:
        """The values in a file's rows that count, of which each can be a partition."""
        source = f"{self._root}/{wanted.path}"
        found: dict[str | None, None] = {}
        for rows in read_row_groups(
            source, [*_PLACE, *([self._by] if name == "documents" else [])]
        ):
            for part in wanted.counting_rows(rows):
                found |= dict.fromkeys(
                    self._values_of(name, part, wanted.run_id).unique().to_pylist()
                )
                self._require_few(found, source)
        for value in found:
            self._folder(value)
        return [*found]

    def _written(
        self, name: str, table: PublishedTable, wanted: WantedFile, begin: str
    ) -> Iterator[PublishedFile]:
        """The files of all values, read anew for each so many as may be open at a time."""
        source = f"{self._root}/{wanted.path}"
        schema = self._schema(source)
        values, most = self._found[name, begin], _most_open()
        for first in range(0, len(values), most):
            paths = {value: self._path(begin, value) for value in values[first : first + most]}
            with writing(table.copies) as copies:
                writers = {
                    value: TableWriter(
                        name,
                        schema,
                        "",
                        sys.maxsize,
                        partial(_created, copies, f"{table.copies}/{path}"),
                    )
                    for value, path in paths.items()
                }
                for rows, own in self._with_values(name, wanted, source, schema):
                    for value in paths.keys() & own.unique().to_pylist():
                        is_own = pc.is_null(own) if value is None else pc.equal(own, value)
                        writers[value].write(rows.filter(is_own), RowCounts())
                written = {value: writer.close() for value, writer in writers.items()}
            for value, results in written.items():
                for result in results:
                    location = table.copy_location(paths[value])
                    yield PublishedFile(location, value, result.rows, result.bytes)

    def _with_values(
        self, name: str, wanted: WantedFile, source: str, schema: pa.Schema
    ) -> Iterator[tuple[pa.Table, pa.ChunkedArray]]:
        """The rows of a file that count, and the value of each."""
        for rows in read_row_groups(source):
            for part in wanted.counting_rows(rows):
                values = self._values_of(name, part, wanted.run_id)
                yield _with_run_id(part, schema, wanted.run_id), values

    def _schema(self, path: str) -> pa.Schema:
        with open_table(path) as opened:
            schema = opened.schema_arrow
        place = schema.get_field_index(self._by)
        return (schema.remove(place) if place >= 0 else schema).append(RUN_ID_FIELD)

    def _path(self, begin: str, value: str | None) -> str:
        name = table_file(begin.removeprefix("part-") + _digest(repr(value)))
        return f"{self._folder(value)}/{name}"

    def _folder(self, value: str | None) -> str:
        """Polars takes the value from it, the others from the table."""
        folder = f"{self._by}={_NO_VALUE if value is None else quote(value, safe='')}"
        if len(folder) > _LONGEST:
            raise UsageError(
                f"{self._by} has a value of {len(value or ''):,} characters, which is too long for "
                "a partition: publish by another field"
            )
        return folder

    def _require_few(self, values: Collection[str | None], source: str) -> None:
        if len(values) > _MOST_VALUES:
            raise UsageError(
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
            raise UsageError(
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
    """A column of text, or nulls where there is none; what says that there is none is null."""
    if name not in rows.column_names:
        return pa.chunked_array([pa.nulls(len(rows), pa.string())])
    is_none = pc.is_in(rows[name], value_set=pa.array(["", _NO_VALUE]))
    return pc.if_else(is_none, pa.scalar(None, pa.string()), rows[name])


def _most_open() -> int:
    """How many files are written at a time, so that this process can open others too."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_OPEN if limit == resource.RLIM_INFINITY else max(1, min(_MOST_OPEN, limit // 4))


def _with_run_id(rows: pa.Table, schema: pa.Schema, run_id: str) -> pa.Table:
    named = rows.append_column(RUN_ID, pa.repeat(run_id, len(rows)))
    return named.select(schema.names)


def _created(copies: ExitStack, path: str, _: str) -> Writer:
    """A new file, whatever its writer calls it, which goes unless all of them are closed."""
    return copies.enter_context(whole_file(path))


def _digest(text: str) -> str:
    """Half the name of a file."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
