"""Reading a labelled file whose format is recognised by its content."""

import codecs
import os
import re
from dataclasses import replace

from model.corpora.faults import broken
from model.corpora.formats.conll import read_columns, split_columns
from model.corpora.formats.foreign import refuse_bytes, refuse_one_json
from model.corpora.formats.jsonl import read_documents
from model.corpora.formats.kaggle import is_header, read_kaggle
from model.corpora.records import CorpusFormat, Encoding, LabelledCorpus, Remark
from model.host.regular_files import open_regular
from model.tags import is_tag
from model.text.escaping import harmless
from schemas.errors import CorpusError

_C1 = re.compile(rb"[\x80-\x9f]")
_MARK = re.compile("^\ufeff", re.MULTILINE)


def read_labelled(path: str | os.PathLike[str]) -> LabelledCorpus:
    """The sentences or documents of a labelled file, in its order.

    Recognised by content, whatever the file is called: the Kaggle CSV, CoNLL, CoNLL-U-like `.iob2`,
    and JSONL documents. Text is UTF-8, a BOM is dropped; a Kaggle CSV may be latin-1 instead. A BOM
    at the start of another line, where files were put together, is dropped too and remarked on.
    Raises CorpusError with `path:line: reason` for a file that is broken, or is something else, or
    can't be read; BrokenCorpusError holds all that is wrong with its rows.
    """
    name = os.fspath(path)
    try:
        with open_regular(path) as stream:
            stored = stream.readall()
    except OSError as error:
        raise CorpusError(f"{name}: cannot be read: {error.strerror}") from error
    refuse_bytes(name, stored)
    raw = stored.removeprefix(codecs.BOM_UTF8)
    text, encoding_error = _decode(raw)
    if not text.strip():
        raise broken(name, 1, "the file is empty")
    if "\n" not in text:  # as old systems ended lines
        text = text.replace("\r", "\n")
    marks = [text.count("\n", 0, mark.start()) + 1 for mark in _MARK.finditer(text)]
    text = _MARK.sub("", text) if marks else text
    corpus_format = recognise(text)
    if encoding_error is not None and corpus_format != "kaggle":
        line = raw.count(b"\n", 0, encoding_error.start) + 1
        byte = raw[encoding_error.start]
        raise broken(
            name,
            line,
            f"byte 0x{byte:02x} is not valid UTF-8: if this is {_one_byte_encoding(raw)}, convert "
            f"it with iconv -f {_one_byte_encoding(raw)} -t utf-8",
        ) from encoding_error
    corpus = _read(name, text, corpus_format)
    return replace(
        corpus,
        encoding=_utf_8(stored) if encoding_error is None else _one_byte_encoding(raw),
        remarks=(*corpus.remarks, *_about_marks(name, marks)),
    )


def recognise(text: str) -> CorpusFormat:
    """The format of a labelled file's text, by its first lines; "conll" where nothing else fits.

    A broken file is still recognised where it can be, so that its error speaks of the right format:
    a header with only one of the three column names is a Kaggle CSV. A first line that ends in a
    tag is in columns, even where its word is `{`, `#` or `Sentence`; so is a comment.
    """
    lines = (line for line in text.split("\n") if line.strip())
    first = next(lines, "").strip("\r")
    if is_tag(split_columns(first)[-1].strip(" ")) or first.startswith("#"):
        return "conll"
    if first.lstrip()[:1] in ("{", "["):
        return "jsonl"
    return "kaggle" if is_header(first) else "conll"


def _read(path: str, text: str, corpus_format: CorpusFormat) -> LabelledCorpus:
    if corpus_format == "kaggle":
        return read_kaggle(path, text)
    if corpus_format == "jsonl":
        refuse_one_json(path, text)
        return read_documents(path, text)
    return read_columns(path, text)


def _about_marks(path: str, lines: list[int]) -> list[Remark]:
    if not lines:
        return []
    path = harmless(path)
    text = (
        f"{len(lines):,} byte order marks stand in the middle of {path}, as where files were put "
        "together, and are left out"
    )
    return [Remark(text, tuple(f"{path}:{line}" for line in lines))]


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
