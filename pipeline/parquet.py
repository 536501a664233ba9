"""Arrow tables in, Parquet files of a target size out, each with its checksum and its counts."""

import hashlib
import io
import uuid
from collections import Counter
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.upload import Writer
from schemas.records import FileResult
from schemas.tables import SCHEMA_VERSION

ROW_GROUP_ROWS = 128 * 1024
_VERSION = b"gleaner.schema_version"

Create = Callable[[str], Writer]


class TableWriter:
    """Writes one table into files below `directory`, a new one whenever `target_bytes` is reached.

    Names are unique, so a bundle that is retried never meets its first attempt. Files are opened
    with `create`, only once there are rows for them. A schema that names its version keeps it.
    """

    def __init__(
        self, table: str, schema: pa.Schema, directory: str, target_bytes: int, create: Create
    ) -> None:
        self.table = table
        version = (schema.metadata or {}).get(_VERSION, str(SCHEMA_VERSION))
        self.schema = schema.with_metadata({_VERSION: version})
        self.directory = directory
        self.target_bytes = target_bytes
        self.create = create
        self._file: _OpenFile | None = None

    def write(
        self, rows: pa.Table, sources: Mapping[str, int], sums: Mapping[str, int]
    ) -> list[FileResult]:
        """Append rows; returns the file that this filled, if it did.

        sources: rows by source; sums: further totals of these rows, both added up by file.
        """
        if not len(rows):
            return []
        if self._file is None:
            self._file = _OpenFile(self, uuid.uuid4().hex)
        self._file.append(rows, sources, sums)
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
        self._path = f"{table.directory}/part-{name}.parquet"
        self._stream = _HashingStream(table.create(self._path))
        self._writer = pq.ParquetWriter(
            self._stream,
            table.schema,
            compression="zstd",
            write_statistics=True,
            write_page_index=True,
        )
        self._rows = 0
        self._sources: Counter[str] = Counter()
        self._sums: Counter[str] = Counter()

    @property
    def bytes(self) -> int:
        return self._stream.bytes

    def append(self, rows: pa.Table, sources: Mapping[str, int], sums: Mapping[str, int]) -> None:
        self._writer.write_table(rows.cast(self._table.schema), row_group_size=ROW_GROUP_ROWS)
        self._rows += len(rows)
        self._sources.update(sources)
        self._sums.update(sums)

    def close(self) -> FileResult:
        self._writer.close()
        self._stream.close()
        return FileResult(
            table=self._table.table,
            path=self._path,
            rows=self._rows,
            bytes=self._stream.bytes,
            sha256=self._stream.digest(),
            sources=dict(self._sources),
            sums=dict(self._sums),
        )


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
