"""Files that are known for what they are, and not read: archives, UTF-16, other programs' files."""

import codecs
import re
from collections.abc import Mapping

from model.corpora.faults import broken
from schemas.errors import CorpusError

_UNPACK = "unpack it, and give the labelled file in it"
# The first bytes of files that people try to train from.
_MAGIC: Mapping[bytes, str] = {
    b"\x1f\x8b": f"a gzip file within a compressed one: {_UNPACK}",
    b"PK\x03\x04": f"a ZIP archive, or a document of an office: {_UNPACK}",
    b"PK\x05\x06": "an empty ZIP archive",
    b"7z\xbc\xaf\x27\x1c": f"a 7-Zip archive: {_UNPACK}",
    b"Rar!\x1a\x07": f"a RAR archive: {_UNPACK}",
    b"ustar": f"a tar archive: {_UNPACK}",
    b"PAR1": "a Parquet file that is cut off, or encrypted",
    b"ARROW1": "an Arrow file: write its rows as Parquet",
    b"Obj\x01": "an Avro file: write its rows as JSON lines or CoNLL",
    b"SQLite format 3\x00": "a database of SQLite: write its rows as JSON lines or CoNLL",
    b"\xd0\xcf\x11\xe0": "an old document of an office, such as .xls: save it as CSV",
    b"%PDF": "a PDF, which holds no labels",
    b"\x80\x04\x95": "a pickle: write its rows as JSON lines or CoNLL",
}
_AT = {b"ustar": 257}
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a]")  # else it is text that happens to begin so
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_LOOKED_AT = 1000  # bytes, by which UTF-16 without a mark is known


def refuse_bytes(path: str, stored: bytes) -> None:
    """Raise CorpusError where the bytes are no text in UTF-8 or latin-1, saying what they are."""
    if _BINARY.search(stored):
        for magic, name in _MAGIC.items():
            if stored.startswith(magic, _AT.get(magic, 0)):
                raise broken(path, 1, f"this is {name}")
    for mark, name in _MARKS.items():
        if stored.startswith(mark):
            raise _other_encoding(path, name)
    if b"\0" in stored:
        zeros = [stored[:_LOOKED_AT][n::2].count(0) for n in (0, 1)]
        if max(zeros) > min(_LOOKED_AT, len(stored)) // 4 and not min(zeros):
            raise _other_encoding(path, "UTF-16LE" if zeros[1] else "UTF-16BE")
        line = stored.count(b"\n", 0, stored.index(b"\0")) + 1
        raise broken(path, line, "a NUL character, so this is not a text file in UTF-8")


def _other_encoding(path: str, name: str) -> CorpusError:
    reason = f"this is text in {name}: convert it with iconv -f {name} -t utf-8"
    return broken(path, 1, reason)
