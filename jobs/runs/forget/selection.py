"""Which rows are meant: those of documents by their ids, or all of a source."""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.outputs.forgotten import FORGOTTEN, usual_spelling

_MORE = {"entities": (), "documents": ("record",), "dead_letters": ("record", "raw")}


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
    """All that was read from these files.

    paths: where they are without links, which is not to be told either.
    """

    names: Collection[str]
    paths: Collection[str] = ()

    def columns(self, table: str) -> Sequence[str]:
        return ["source"]

    def matches(self, table: str, rows: pa.Table) -> Matches:
        return _named(rows["source"], self.names)

    def without(self, text: str) -> str:
        return _without(text, {*self.names, *self.paths})


@dataclass(frozen=True)
class Documents:
    """The documents with these ids, from whatever source, or from these `sources` alone.

    A record that could not be read has no id, or that which its source and number make, where a
    run looked for it elsewhere. It is meant where an id stands in its bytes as a
    whole value, in quotes or between separators, where the id is the one that its source and its
    number make, and where it is one of the `records`: those that have such an id in another run.
    encodings: those beside UTF-8 in which runs have read.
    """

    names: Collection[str]
    records: Collection[tuple[str, int]] = frozenset()
    sources: Collection[str] | None = None
    encodings: Collection[str] = ()

    def columns(self, table: str) -> Sequence[str]:
        return ["doc_id", "source", *_MORE[table]]

    def matches(self, table: str, rows: pa.Table) -> Matches:
        if self.sources is not None:
            wanted = pa.array(sorted(self.sources), pa.string())
            within = pc.is_in(rows["source"], value_set=wanted)
            own = replace(self, sources=None).matches(table, rows.filter(within))
            meant = iter(own.rows.to_pylist())
            every = [is_within and next(meant) for is_within in within.to_pylist()]
            return Matches(pa.array(every, pa.bool_()), own.names)
        named = _named(rows["doc_id"], self.names)
        if table != "dead_letters":
            return named
        meant = named.rows.to_pylist()
        # Not by `indices_nonzero`, which ends the process where a column has no chunk (pyarrow 25).
        for place, is_unnamed in enumerate(_unnamed(rows)):
            if meant[place] or not is_unnamed:
                continue
            (row,) = rows.slice(place, 1).to_pylist()
            names = self._names_of(row["source"], row["record"], row["raw"] or b"")
            named.names.update(names)
            meant[place] = bool(names) or (row["source"], row["record"]) in self.records
        return Matches(pa.array(meant, pa.bool_()), named.names)

    def spelt_otherwise(self, rows: pa.Table) -> set[str]:
        """Ids of rows that are none of the names, and may be meant: they are spelt otherwise."""
        held = {name for name in pc.unique(rows["doc_id"]).to_pylist() if name is not None}
        return {name for name in held - {*self.names} if usual_spelling(name) in self._spellings}

    @cached_property
    def _spellings(self) -> frozenset[str]:
        return frozenset(map(usual_spelling, self.names))

    def without(self, text: str) -> str:
        # A number alone is found in any account, and is nobody's name there.
        return _without(text, [name for name in self.names if not name.isdigit()])

    def _names_of(self, source: str, record: int | None, raw: bytes) -> set[str]:
        made = {f"{source}#{record}"}.intersection(self.names)
        for data in (raw, *(raw.decode(name, "replace").encode() for name in self.encodings)):
            if self._any_value.search(data):  # one pass over the bytes, however many the ids
                made |= {name for name in self.names if _value_pattern([name]).search(data)}
        return made

    @cached_property
    def _any_value(self) -> re.Pattern[bytes]:
        return _value_pattern(self.names)


def _unnamed(rows: pa.Table) -> list[bool]:
    """Which dead letters have no id that stands in their bytes."""
    record = rows["record"].cast(pa.string())
    made = pc.equal(rows["doc_id"], pc.binary_join_element_wise(rows["source"], record, "#"))
    is_unnamed: list[bool] = pc.or_(
        pc.is_null(rows["doc_id"]), made.fill_null(fill_value=False)
    ).to_pylist()
    return is_unnamed


def _value_pattern(names: Iterable[str]) -> re.Pattern[bytes]:
    """Finds one of the names as a whole value of JSON or of a row of CSV, however written."""
    either = b"|".join(map(_written, sorted(names, key=len, reverse=True)))
    return re.compile(
        rb'"(?:' + either + rb')"|(?:^|[,;\t]|:\s*)(?:' + either + rb")(?=\s*(?:[,;\t}\r\n]|$))"
    )


def _written(name: str) -> bytes:
    written = b"".join(map(_written_character, name))
    is_number = re.fullmatch(r"-?\d+", name, re.ASCII)
    return written + rb"(?:\.0+)?" if is_number else written  # pandas writes 7 as 7.0 beside gaps


def _written_character(character: str) -> bytes:
    """The character itself, its escapes in JSON, and the doubled quote of CSV."""
    units = character.encode("utf-16-be")
    escape = b"".join(
        rb"\\u(?i:%02x%02x)" % (a, b) for a, b in zip(units[::2], units[1::2], strict=True)
    )
    forms = {character, json.dumps(character, ensure_ascii=False)[1:-1]}
    forms |= {"/": {"\\/"}, '"': {'""'}}.get(character, set())
    longest = sorted(forms, key=len, reverse=True)
    return b"(?:" + b"|".join([*(re.escape(form.encode()) for form in longest), escape]) + b")"


def _named(column: pa.ChunkedArray, names: Collection[str]) -> Matches:
    rows = pc.is_in(column, value_set=pa.array(sorted(names), pa.string()))
    found = pc.unique(column.filter(rows)).to_pylist()
    return Matches(pa.array(rows.to_pylist(), pa.bool_()), set(found))


def _without(text: str, names: Collection[str]) -> str:
    if not names:
        return text
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])(?:{either})(?![\w-]|\.\w)", FORGOTTEN, text)
