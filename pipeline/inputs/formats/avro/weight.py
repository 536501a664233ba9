"""What the values of an Avro schema may come to in memory, of which few bytes may be many values.

A list of records that each take one byte makes 70 bytes of one; a record of fields that take none,
with records of such fields within, makes any number of none.
"""

import io
from collections.abc import Mapping
from typing import Any

from schemas.errors import ShardError

_VALUE_BYTES = 64  # a number or a short string, and where it is referred to
_HOLDER_BYTES = 300  # an object that holds others
# Of one record: with all else that a process holds it stays below 2 GB.
_RECORD_BYTES = 800_000_000
_FIXED_BYTES = 64_000_000  # of it, without what is in lists and maps


class Weight:
    """What the values of a schema with whole names weigh, in bytes.

    item: the heaviest that a list or a map may have, 0 where there is none. Raises ShardError for a
    schema of which a record alone is too much.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._named: dict[str, int] = {}
        self.item = 0
        record = self._of(schema)
        if record > _FIXED_BYTES:
            raise ShardError(
                f"By its schema a record holds so many fields that it takes {record:,} bytes."
            )

    def _of(self, kind: Any) -> int:  # noqa: ANN401 - it is JSON
        if isinstance(kind, list):
            return max(map(self._of, kind), default=0)
        if isinstance(kind, str):
            return self._named.get(kind, _VALUE_BYTES)
        if isinstance(kind["type"], dict | list):
            return self._of(kind["type"])
        weight = _VALUE_BYTES
        if kind["type"] in ("array", "map"):
            weight = _HOLDER_BYTES
            self.item = max(self.item, self._of(kind.get("items", kind.get("values", "null"))))
        if "fields" in kind:
            fields = (self._of(field["type"]) + _VALUE_BYTES for field in kind["fields"])
            weight = _HOLDER_BYTES + sum(fields)
        if "name" in kind:
            self._named[kind["name"]] = weight
        return weight

    def stream(self, data: bytes) -> "WeighedStream":
        """The bytes of a block, as a stream of which a record may have no more than can be held."""
        is_safe = self.item * len(data) <= _RECORD_BYTES
        return WeighedStream(data) if is_safe else _CountingStream(data, self.item)


class WeighedStream(io.BytesIO):
    """A stream of the records of a block."""

    def begin_record(self) -> None:
        """Note that what is read from here on is of the next record."""


class _CountingStream(WeighedStream):
    """Counts how often it is read from, which fastavro does for each value at least once."""

    def __init__(self, data: bytes, item: int) -> None:
        super().__init__(data)
        self._most = _RECORD_BYTES // item
        self._left = self._most

    def begin_record(self) -> None:
        self._left = self._most

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ShardError(f"The lists of a record hold more than {self._most:,} values.")
        return super().read(size)
