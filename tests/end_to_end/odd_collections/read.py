"""What a run must say of a folder, found out with the standard library alone, file by file."""

import bz2
import csv
import glob
import gzip
import io
import json
import lzma
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastavro
import pyarrow.parquet as pq
import zstandard

from tests.end_to_end.odd_collections.make import Collection

Identity = tuple[str | None, str]  # id, where the record has one, and text


@dataclass(slots=True)
class Expected:
    """Per file, by its real path: its documents, and how many records are none."""

    documents: dict[str, Counter[Identity]] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)


def read_collection(collection: Collection) -> Expected:
    """All files that the patterns match, each once, but for those that are damaged."""
    expected = Expected()
    for path in sorted({os.path.realpath(match) for match in matches(collection.patterns)}):
        if path in collection.damaged:
            expected.documents[path], expected.dead_letters[path] = Counter(), 0
            continue
        read = list(_records(path, collection))
        documents = [record for record in read if record is not None]
        expected.documents[path] = Counter(documents)
        expected.dead_letters[path] = len(read) - len(documents)
    return expected


def matches(patterns: Sequence[str]) -> Iterator[str]:
    """Regular files whose names below the pattern's fixed part are not hidden, through links."""
    for pattern in patterns:
        if Path(pattern).is_dir():
            yield from _below(pattern, set())
            continue
        fixed = pattern[: min(map(pattern.find, filter(pattern.count, "*?[")))].rpartition("/")[0]
        # Its semantics are the promise.
        for path in glob.glob(pattern, recursive=True, include_hidden=True):  # noqa: PTH207
            rest = path.removeprefix(fixed).split("/")
            if any(part.startswith((".", "_")) for part in rest):
                continue
            if Path(path).is_file():
                yield path
            elif Path(path).is_dir():  # it stands for what is in it
                yield from _below(path, set())


def _below(folder: str, entered: set[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in entered:
        return
    entered.add(real)
    for path in Path(folder).iterdir():
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir():
            yield from _below(str(path), entered)
        elif path.is_file():
            yield str(path)


def _records(path: str, collection: Collection) -> Iterator[Identity | None]:
    """Id and text of each record, None for one that is no document."""
    data, name = Path(path).read_bytes(), path
    for extension, unpack in (
        (".gz", gzip.decompress),
        (".bz2", bz2.decompress),
        (".xz", lzma.decompress),
        (".zst", _unpack_zstd),
    ):
        if path.endswith(extension):
            data, name = unpack(data), path.removesuffix(extension)
    kind, encoding = name.rpartition(".")[2], collection.encoding
    match kind:
        case "jsonl" | "ndjson":
            yield from _lines(data, encoding)
        case "json":
            yield from map(_document, _elements(json.loads(data)))
        case "csv" | "tsv":
            text = io.StringIO(data.decode(encoding), newline="")
            mark = "\t" if kind == "tsv" or collection.delimiter == "\t" else collection.delimiter
            mark = "," if kind == "csv" and mark == "\t" else mark
            yield from map(_document, csv.DictReader(text, delimiter=mark))
        case "txt":
            yield None, data.decode(encoding)
        case "parquet":
            table = pq.read_table(io.BytesIO(data))
            ids = [None if is_null else "" for is_null in table["id"].is_null().to_pylist()]
            texts = table["text"].to_pylist()
            yield from (None if t is None else (i, t) for i, t in zip(ids, texts, strict=True))
        case "avro":
            yield from map(_document, fastavro.reader(io.BytesIO(data)))


def _unpack_zstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()


def _lines(data: bytes, encoding: str) -> Iterator[Identity | None]:
    if encoding == "utf-8":
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    else:
        lines = [line.encode() for line in data.decode(encoding).split("\n")]
    for line in lines:
        if line.strip():
            try:
                yield _document(json.loads(line.decode()))
            except ValueError:
                yield None


def _elements(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return value
    return next(v for v in value.values() if isinstance(v, list) and any(map(_is_object, v)))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _document(record: Any) -> Identity | None:  # noqa: ANN401 - JSON
    """A record with text that is a string, and with no id, a string or an integer for one."""
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        return None
    identity = record.get("id")
    if identity is not None and not isinstance(identity, str | int):
        return None
    try:
        record["text"].encode()
    except UnicodeEncodeError:
        return None
    return None if identity is None else str(identity), record["text"]
