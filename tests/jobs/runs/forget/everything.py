"""All that can be read of an output: the bytes of its files, and what these hold packed."""

import contextlib
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

_FRAME = b"\x28\xb5\x2f\xfd"  # how a packed page of our Parquet files begins


class Piece(NamedTuple):
    """Bytes of an output, and where they were found."""

    place: str
    data: bytes


def everything(root: Path) -> Iterator[Piece]:
    """The paths and the bytes of all files; of Parquet files also each page, value and statistic.

    Pages are found by how they begin, whatever the footer says of them: none hides behind it.
    """
    for path in sorted(root.rglob("*")):
        yield Piece(f"{path} as a path", str(path.relative_to(root)).encode())
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield Piece(str(path), data)
        if data[:4] == b"PAR1":
            yield from (Piece(f"{path}, a page", page) for page in pages(data))
            yield from (Piece(f"{path}, a column", column) for column in _columns(path))


def pages(data: bytes) -> Iterator[bytes]:
    """Each packed page of a file."""
    at = data.find(_FRAME)
    while at >= 0:
        with contextlib.suppress(zstandard.ZstdError):  # four bytes that look like a page
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])
        at = data.find(_FRAME, at + 1)


def _columns(path: Path) -> Iterator[bytes]:
    yield str(pq.read_metadata(path).to_dict()).encode()
    schema = pq.read_schema(path)
    yield str((schema, schema.metadata)).encode()
    leaves = pq.ParquetFile(path).schema
    names = [leaves.column(number).path for number in range(len(leaves))]
    file = pq.ParquetFile(path, read_dictionary=names)
    for group in range(file.num_row_groups):
        for column in file.read_row_group(group).columns:
            yield str(column.to_pylist()).encode()
            for chunk in column.chunks:
                if isinstance(chunk, pa.DictionaryArray):
                    yield str(chunk.dictionary.to_pylist()).encode()


def spellings(word: str) -> set[bytes]:
    """A word as it may stand in a file of any kind."""
    texts = {word, html.escape(word), json.dumps(word)[1:-1], ascii(word)[1:-1]}
    texts |= {"".join(sign if sign.isascii() else f"\\u{ord(sign):04X}" for sign in word)}
    texts |= {"".join(f"&#{ord(sign)};" for sign in word)}
    found = {text.encode() for text in texts}
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "latin-1", "cp1251"):
        try:
            found.add(word.encode(codec))
        except UnicodeEncodeError:
            continue
    return found


def places_of(words: Collection[str], pieces: Iterable[Piece]) -> list[str]:
    """Where one of these words stands, however it is spelt."""
    written = {spelling for word in words for spelling in spellings(word)}
    either = re.compile(b"|".join(map(re.escape, sorted(written, key=len, reverse=True))))
    found = []
    for place, data in pieces:
        if match := either.search(data):
            around = data[max(0, match.start() - 80) : match.end() + 80]
            found.append(f"{place}: {around!r}")
    return found
