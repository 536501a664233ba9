"""Folders of odd files, made from a seed: names, links, encodings, dialects, types and damage."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

Row = dict[str, Any]

STEMS = ("a", "b c", "über", "[2024]", "n#1", "100%", "it's", "a.b", "*", "x{1}", "_hid", ".dot")
FOLDERS = ("", "", "sub", "sub/deep", "year=2024", "f [1]", "_staged", ".git", "ü/[a]", "a/b/c/d")
TEXTS = (
    "Maria left Lisbon on Monday.",
    'He said "Bonn, or Oslo" and went.',
    "Zoë met José; they ate crème brûlée.",
    "One | two\tthree; four.",
    "Line one.\nLine two.\r\nLine three.",
    "",
    "   ",
    "Acme Corp. of Delaware hired 3 people.",
)
WIDER = ("北京 is a city. 👩‍🚀 flew.", "Ships ﬂew\u00a0by \u202e backwards.", "Čapek wrote R.U.R.")
ODD_LINES = (
    *("", "  ", "[1]", "{", "null", '{"id": "x"}', '{"text": null}', '{"text": 5}'),
    *('{"text": "\\ud800"}', '{"id": 7, "text": "Bo."}', '{"id": [1], "text": "Bo."}'),
)
ENCODINGS = (
    "utf-8",
    "utf-8",
    "utf-8",
    "latin-1",
    "cp1252",
    "utf-16",
    "utf-16-le",
    "utf-32",
)


@dataclass(frozen=True, slots=True)
class Collection:
    """A folder, and the flags of a run that reads it."""

    root: Path
    patterns: Sequence[str]
    encoding: str
    delimiter: str
    damaged: frozenset[str]

    @property
    def flags(self) -> list[str]:
        """What is read and how."""
        flags = ["--input", *self.patterns]
        if self.encoding != "utf-8":
            flags += ["--encoding", self.encoding]
        return flags


def make_collection(root: Path, seed: int) -> Collection:
    """A root folder that is empty and a seed in, what was made there out."""
    rng = random.Random(seed)
    folder = root / "in"
    folder.mkdir()
    encoding, delimiter = rng.choice(ENCODINGS), rng.choice(",,;\t|")
    made = [_make_file(folder, rng, n, encoding, delimiter) for n in range(rng.randint(1, 6))]
    patterns = _patterns(folder, rng)
    # Through a circle of links, a glob gives each file many names.
    loop = ("loop",) if patterns == [str(folder)] else ()
    kinds = ("file", "folder", "dangling", "outside", "pipe", "empty", *loop)
    for _ in range(rng.choice((0, 0, 1, 2))):
        _make_oddity(folder, rng, rng.choice(kinds), encoding)
    damaged = frozenset(filter(None, made))
    return Collection(root, patterns, encoding, delimiter, damaged)


def _make_file(
    folder: Path, rng: random.Random, number: int, encoding: str, delimiter: str
) -> str | None:
    """Make a file of any format; its path where it is damaged."""
    # With --encoding, files that are read as json are refused.
    name = rng.choice([name for name in _WRITERS if name != "json" or encoding == "utf-8"])
    rows = [_row(rng, encoding) for _ in range(rng.choice((0, 1, 2, 5, 20)))]
    data = _WRITERS[name](rows, rng, encoding, delimiter)
    pack = "" if name in ("parquet", "avro") else rng.choice(("", "", "", *_PACKERS))
    if pack:
        data = _PACKERS[pack](data)
    whole = data
    if rng.random() < 0.1:
        data = _damaged(data, rng)
    place = folder / rng.choice(FOLDERS)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{rng.choice(STEMS)}{number}.{name}{pack}"
    path.write_bytes(data)
    return None if data == whole else str(path)


def _row(rng: random.Random, encoding: str) -> Row:
    texts = TEXTS if encoding not in ("utf-8", "utf-16", "utf-16-le", "utf-32") else TEXTS + WIDER
    row: Row = {"text": rng.choice(texts)}
    if rng.random() < 0.8:
        row["id"] = f"d{rng.randrange(10**9)}"
    return row


def _jsonl(rows: Sequence[Row], rng: random.Random, encoding: str, delimiter: str) -> bytes:
    """Lines of which some are blank, no objects, without text, of other types, or not decodable."""
    escape = encoding in ("latin-1", "cp1252")
    end = rng.choice(("\n", "\n", "\r\n"))
    lines = [json.dumps(row, ensure_ascii=escape) for row in rows]
    for _ in range(rng.choice((0, 0, 0, 3))):
        lines.insert(rng.randint(0, len(lines)), rng.choice(ODD_LINES))
    text = end.join(lines) + rng.choice(("", end))
    data = text.encode(encoding)
    if encoding == "utf-8":
        data = rng.choice((b"", b"", b"\xef\xbb\xbf")) + data
        if rng.random() < 0.1:
            data += b'\n{"id": "bad", "text": "caf\xe9"}\n'
    return data


def _json(rows: Sequence[Row], rng: random.Random, *_: str) -> bytes:
    """An array on top or below a key, on one line or many; some elements are no documents."""
    elements: list[Any] = [*rows, *rng.choice(([], [], [None, 5, {"text": []}]))]
    indent = rng.choice((None, 1))
    if rng.random() < 0.7 or not rows:
        return json.dumps(elements, indent=indent, ensure_ascii=False).encode()
    return json.dumps({"n": [1], "rows": [*rows, *elements]}, indent=indent).encode()


def _table(rows: Sequence[Row], rng: random.Random, encoding: str, delimiter: str) -> bytes:
    sink = io.StringIO(newline="")
    quoting: Any = rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    end = rng.choice(("\n", "\r\n"))
    writer = csv.writer(sink, delimiter=delimiter, quoting=quoting, lineterminator=end)
    columns = rng.choice((["id", "text"], ["text", "id"], ["id", "n", "text"]))
    writer.writerow(columns)
    for row in rows:
        # An empty line is no row, and a lone empty field would be one.
        writer.writerow([row.get(column, "0") for column in columns])
    return sink.getvalue().encode(encoding)


def _csv(rows: Sequence[Row], rng: random.Random, encoding: str, delimiter: str) -> bytes:
    return _table(rows, rng, encoding, "," if delimiter == "\t" else delimiter)


def _tsv(rows: Sequence[Row], rng: random.Random, encoding: str, _: str) -> bytes:
    return _table(rows, rng, encoding, "\t")


def _txt(rows: Sequence[Row], _: random.Random, encoding: str, __: str) -> bytes:
    return "\n".join(row["text"] for row in rows).encode(encoding)


def _parquet(rows: Sequence[Row], rng: random.Random, *_: str) -> bytes:
    """Ids of a type of Arrow's, some of them null, and a column that is read for nothing."""
    kinds: Mapping[pa.DataType, Callable[[], Any]] = {
        pa.string(): lambda: f"d{rng.randrange(10**9)}",
        pa.large_string(): lambda: f"d{rng.randrange(10**9)}",
        pa.int64(): lambda: rng.randrange(-(10**18), 10**18),
        pa.uint64(): lambda: rng.randrange(2**64),
        pa.decimal128(38, 4): lambda: Decimal(rng.randrange(10**30)).scaleb(-4),
        pa.uuid(): lambda: uuid.UUID(int=rng.getrandbits(128)).bytes,
        pa.date32(): lambda: date(1970, 1, 1).replace(year=rng.randint(1, 9999)),
        pa.timestamp("us", tz="UTC"): lambda: rng.randrange(-(10**17), 10**18),
        pa.binary(): lambda: rng.choice((b"a", b"caf\xc3\xa9")),
        pa.dictionary(pa.int32(), pa.string()): lambda: rng.choice("abc"),
    }
    kind = rng.choice(tuple(kinds))
    ids = [None if rng.random() < 0.1 else kinds[kind]() for _ in rows]
    texts = [None if rng.random() < 0.05 else row["text"] for row in rows]
    table = pa.table({"id": pa.array(ids, kind), "text": pa.array(texts, pa.string())})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=rng.choice((1, 3, 1000)), store_schema=True)
    return sink.getvalue()


def _avro(rows: Sequence[Row], rng: random.Random, *_: str) -> bytes:
    fields = [
        {"name": "id", "type": ["null", "string"]},
        {"name": "text", "type": ["string", "null", "long"]},
    ]
    sink = io.BytesIO()
    records = [{"id": row.get("id"), "text": row["text"]} for row in rows]
    if rng.random() < 0.2:
        records += [{"id": "n", "text": None}, {"id": None, "text": 7}]
    codec = rng.choice(("null", "deflate"))
    schema = {"type": "record", "name": "Row", "fields": fields}
    fastavro.writer(sink, schema, records, codec=codec, sync_interval=rng.choice((50, 16000)))
    return sink.getvalue()


_WRITERS: Mapping[str, Callable[[Sequence[Row], random.Random, str, str], bytes]] = {
    "jsonl": _jsonl,
    "ndjson": _jsonl,
    "json": _json,
    "csv": _csv,
    "tsv": _tsv,
    "txt": _txt,
    "parquet": _parquet,
    "avro": _avro,
}


def _halves(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Two members, as files have them that were appended to."""
    return lambda data: pack(data[: len(data) // 2]) + pack(data[len(data) // 2 :])


_PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": _halves(gzip.compress),
    ".bz2": _halves(bz2.compress),
    ".zst": _halves(zstandard.compress),
    ".xz": _halves(lzma.compress),
}


def _damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut off, overwritten in the middle, or something else altogether."""
    match rng.randrange(4):
        case 0:
            return data[: rng.randint(0, len(data))]
        case 1:
            at = rng.randint(0, len(data))
            return data[:at] + rng.randbytes(8) + data[at + 8 :]
        case 2:
            return b"\x89PNG\r\n\x1a\n" + rng.randbytes(300)
        case _:
            return b"PK\x03\x04" + rng.randbytes(300)


def _make_oddity(folder: Path, rng: random.Random, kind: str, encoding: str) -> None:
    """A link, of which some lead nowhere or in a circle, a pipe, an empty file or folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    name = f"odd{rng.randrange(1000)}"
    suffix = "".join(files[0].suffixes[-2:]) if files else ".jsonl"
    match kind:
        case "file" if files:
            (folder / f"{name}{suffix}").symlink_to(files[0])
        case "folder" if files and files[-1].parent != folder:
            (folder / name).symlink_to(files[-1].parent)
        case "loop":
            (folder / name).symlink_to(folder)
        case "dangling":
            (folder / f"{name}.jsonl").symlink_to(folder / "nothing.jsonl")
        case "outside":
            elsewhere = folder.parent / name
            elsewhere.mkdir(exist_ok=True)
            (elsewhere / "far.jsonl").write_text('{"text": "Bo met Ada."}\n', encoding)
            link = folder / name
            if not link.is_symlink():
                link.symlink_to(elsewhere)
        case "pipe":
            pipe = folder / f"{name}.jsonl"
            if not pipe.exists():
                os.mkfifo(pipe)
        case _:
            (folder / name).mkdir(exist_ok=True)


def _patterns(folder: Path, rng: random.Random) -> list[str]:
    everything = str(folder)
    globs = ("**", "**/*.jsonl*", "*/*", "*", "**/*[!z]", "sub/**/*.*", "?*/**")
    match rng.randrange(4):
        case 0 | 1:
            return [everything]
        case 2:
            return [f"{folder}/{rng.choice(globs)}"]
        case _:
            return [f"{folder}/{rng.choice(globs)}" for _ in range(2)]
