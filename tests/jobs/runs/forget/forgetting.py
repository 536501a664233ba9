"""Forget something of an output, and see whether any byte below it still mentions a word."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.runs.__main__ import run


def forget(root: Path, *flags: str) -> int:
    return run(["forget", f"--output={root}", *flags])


def _everything(root: Path) -> Iterator[bytes]:
    """All bytes of all files, and what is in Parquet files once it is decompressed.

    Columns are read as dictionaries, so that their words are those of the dictionary pages,
    whether a row has them or not.
    """
    for path in root.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
        if path.suffix == ".parquet":
            names = pq.read_schema(path).names
            rows = pq.read_table(path, read_dictionary=names)
            yield str(rows.to_pylist()).encode()
            for column in rows.columns:
                for chunk in column.chunks:
                    if isinstance(chunk, pa.DictionaryArray):
                        yield str(chunk.dictionary.to_pylist()).encode()
            yield str(pq.read_metadata(path).to_dict()).encode()


def mentions(root: Path, word: str) -> bool:
    return any(word.encode() in data for data in _everything(root))
