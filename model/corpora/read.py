"""Reading a labelled file whose format is recognised by its content."""

import codecs
import os
import re
from dataclasses import replace
from pathlib import Path

from model.corpora.conll import read_columns, split_columns
from model.corpora.jsonl import read_documents
from model.corpora.kaggle import COLUMNS, SENTENCE, read_kaggle
from model.corpora.records import CorpusFormat, Encoding, LabelledCorpus, broken
from model.tags import is_tag
from schemas.errors import CorpusError

_TOKEN_ID = re.compile(r"\d+([-.]\d+)?")
_IOB2_COLUMNS = 5
_C1 = re.compile(rb"[\x80-\x9f]")


def read_labelled(path: str | os.PathLike[str], *, allow_overlaps: bool = False) -> LabelledCorpus:
    """The sentences or documents of a labelled file, in its order.

    Recognised by content, whatever the file is called: the Kaggle CSV, CoNLL in 2 or 4 columns,
    CoNLL-U-like `.iob2`, and JSONL documents. Text is UTF-8, a BOM is dropped; a Kaggle CSV may be
    latin-1 instead. Raises CorpusError with `path:line: reason` for a file that is broken or can't
    be read. Entities of a document that overlap are such a fault, unless `allow_overlaps`.
    """
    name = os.fspath(path)
    try:
        stored = Path(path).read_bytes()
    except OSError as error:
        raise CorpusError(f"{name}: cannot be read: {error.strerror}") from error
    raw = stored.removeprefix(codecs.BOM_UTF8)
    text, encoding_error = _decode(raw)
    if not text.strip():
        raise broken(name, 1, "the file is empty")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise broken(name, line, "a NUL character, so this is not a text file in UTF-8")
    corpus_format = recognise(text)
    if corpus_format == "kaggle":
        encoding = _utf_8(stored) if encoding_error is None else _one_byte_encoding(raw)
        return replace(read_kaggle(name, text), encoding=encoding)
    if encoding_error is not None:
        line = raw.count(b"\n", 0, encoding_error.start) + 1
        byte = raw[encoding_error.start]
        raise broken(name, line, f"byte 0x{byte:02x} is not valid UTF-8") from encoding_error
    if corpus_format == "jsonl":
        corpus = read_documents(name, text, allow_overlaps=allow_overlaps)
    else:
        corpus = read_columns(name, text, corpus_format)
    return replace(corpus, encoding=_utf_8(stored))


def recognise(text: str) -> CorpusFormat:
    """The format of a labelled file's text, by its first lines; "conll" where nothing else fits.

    A broken file is still recognised where it can be, so that its error speaks of the right format:
    a header with only one of the three column names is a Kaggle CSV. A first line that ends in a
    tag is CoNLL, even where its word is `{`, `#` or `Sentence`.
    """
    lines = (line for line in text.split("\n") if line.strip())
    first = next(lines, "").strip("\r")
    if is_tag(split_columns(first)[-1].strip(" ")):
        return "conll"
    if first.lstrip().startswith("{"):
        return "jsonl"
    if first.startswith("#"):
        return "iob2"
    if _is_header(first):
        return "kaggle"
    columns = first.split("\t")
    if len(columns) == _IOB2_COLUMNS and _TOKEN_ID.fullmatch(columns[0]):
        return "iob2"
    return "conll"


def _is_header(line: str) -> bool:
    columns = [column.strip(' "') for column in line.split(",")]
    return SENTENCE in line or (len(columns) > 1 and not set(COLUMNS).isdisjoint(columns))


def _decode(raw: bytes) -> tuple[str, UnicodeDecodeError | None]:
    """The text as UTF-8, or as latin-1 together with what was wrong with UTF-8."""
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        return raw.decode("latin-1"), error


def _utf_8(stored: bytes) -> Encoding:
    return "UTF-8 with BOM" if stored.startswith(codecs.BOM_UTF8) else "UTF-8"


def _one_byte_encoding(raw: bytes) -> Encoding:
    """What text that is not UTF-8 was likely written in.

    Latin-1 has control characters from 0x80 to 0x9f, which nobody types; cp1252 has quotes, dashes
    and an ellipsis there, and nothing at five of the places.
    """
    if not _C1.search(raw):
        return "latin-1"
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"
