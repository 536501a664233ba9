"""Which rows are meant: those of documents by their ids, or all of a source."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

FORGOTTEN = "(forgotten)"  # stands where a name was


class Matches(NamedTuple):
    """Which of some rows are meant, and which of the wanted names were among them."""

    rows: pa.BooleanArray
    names: set[str]


class Selection(Protocol):
    """Documents or sources, by their names."""

    @property
    def names(self) -> Collection[str]:
        """The ids or paths."""
        ...

    def columns(self, table: str) -> Sequence[str]:
        """What `matches` needs of a table."""
        ...

    def matches(self, table: str, rows: pa.Table) -> Matches:
        """Rows of a table in, which of them are meant out."""
        ...

    def without(self, text: str) -> str:
        """A text in, the same with no name in it out."""
        ...


@dataclass(frozen=True)
class Sources:
    """All that was read from these files."""

    names: Collection[str]

    def columns(self, table: str) -> Sequence[str]:
        return ["source"]

    def matches(self, table: str, rows: pa.Table) -> Matches:
        return _named(rows["source"], self.names)

    def without(self, text: str) -> str:
        return _without(text, self.names)


@dataclass(frozen=True)
class Documents:
    """The documents with these ids, from whatever source.

    A record that could not be read has no id. It is meant where an id stands in its bytes as a
    whole value, in quotes or between separators, or where the id is the one that its source and its
    number make.
    """

    names: Collection[str]

    def columns(self, table: str) -> Sequence[str]:
        return ["doc_id", "source", *(("record", "raw") if table == "dead_letters" else ())]

    def matches(self, table: str, rows: pa.Table) -> Matches:
        named = _named(rows["doc_id"], self.names)
        if table != "dead_letters":
            return named
        meant = named.rows.to_pylist()
        for place in pc.indices_nonzero(pc.is_null(rows["doc_id"])).to_pylist():
            (row,) = rows.slice(place, 1).to_pylist()
            names = self._names_of(row["source"], row["record"], row["raw"] or b"")
            named.names.update(names)
            meant[place] = bool(names)
        return Matches(pa.array(meant, pa.bool_()), named.names)

    def without(self, text: str) -> str:
        # A number alone is found in any account, and is nobody's name there.
        return _without(text, [name for name in self.names if not name.isdigit()])

    def _names_of(self, source: str, record: int | None, raw: bytes) -> set[str]:
        made = {f"{source}#{record}"}.intersection(self.names)
        if not self._any_value.search(raw):  # one pass over the bytes, whatever the number of ids
            return made
        return made | {name for name in self.names if _value_pattern([name]).search(raw)}

    @cached_property
    def _any_value(self) -> re.Pattern[bytes]:
        return _value_pattern(self.names)


def _value_pattern(names: Iterable[str]) -> re.Pattern[bytes]:
    """Finds one of the names as a whole value of JSON or of a row of CSV."""
    written = {
        form.encode(errors="replace")
        for name in names
        for form in (
            json.dumps(name)[1:-1],
            json.dumps(name, ensure_ascii=False)[1:-1],
            name.replace('"', '""'),
        )
    }
    either = b"|".join(re.escape(form) for form in sorted(written, key=len, reverse=True))
    return re.compile(
        rb'"(?:' + either + rb')"|(?:^|[,;\t]|:\s*)(?:' + either + rb")(?=\s*(?:[,;\t}\r\n]|$))"
    )


def _named(column: pa.ChunkedArray, names: Collection[str]) -> Matches:
    rows = pc.is_in(column, value_set=pa.array(sorted(names), pa.string()))
    found = pc.unique(column.filter(rows)).to_pylist()
    return Matches(pa.array(rows.to_pylist(), pa.bool_()), set(found))


def _without(text: str, names: Collection[str]) -> str:
    if not names:
        return text
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])(?:{either})(?![\w-]|\.\w)", FORGOTTEN, text)
