"""Reading a labelled file whose format is recognised by its content."""

import codecs
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple

from model.corpora.faults import Fault, broken
from model.corpora.formats.compressed import unpack
from model.corpora.formats.conll import read_columns, split_columns
from model.corpora.formats.documents import has_spans, read_document
from model.corpora.formats.foreign import refuse_bytes
from model.corpora.formats.json_records import Record, json_records
from model.corpora.formats.kaggle import is_header, read_kaggle
from model.corpora.formats.label_studio import is_task, labelled_key, read_task
from model.corpora.formats.parquet import is_parquet, parquet_records
from model.corpora.formats.spacy_json import is_spacy, read_spacy
from model.corpora.formats.spans import read_spans
from model.corpora.formats.token_columns import has_token_columns, read_token_columns
from model.corpora.records import CorpusFormat, Encoding, LabelledCorpus, Offsets, Remark
from model.corpora.tag_spelling import could_be_tag
from model.host.regular_files import open_regular
from model.text.escaping import harmless
from schemas.errors import CorpusError

_C1 = re.compile(rb"[\x80-\x9f]")
_MARK = re.compile("^\ufeff", re.MULTILINE)


class _Asked(NamedTuple):
    """What is asked of spans, as `read_labelled` says it."""

    offsets: Offsets
    every_answer: bool
    silver: bool


def read_labelled(
    path: str | os.PathLike[str],
    offsets: Offsets = "auto",
    *,
    every_answer: bool = False,
    silver: bool = False,
) -> LabelledCorpus:
    """The sentences or documents of a labelled file, in its order.

    Recognised by content, whatever the file is called, and compressed or not: the Kaggle CSV,
    CoNLL, CoNLL-U-like `.iob2`, and JSON or Parquet of documents with spans, of Label Studio's
    tasks, of spaCy's documents or of lists of words and tags. Text is UTF-8, a BOM is dropped; a
    Kaggle CSV may be latin-1 instead. A BOM at the start of another line, where files were put
    together, is dropped too and remarked on. `offsets` is what spans of the file count. Of tasks
    that several people answered the one answer that counts is read, with `every_answer` each
    person's last. With `silver` the labels are those of a teacher who may be wrong: documents say
    how far they are to be believed, and may be read in part, which is refused elsewhere.
    Raises CorpusError with `path:line: reason` for a file that is broken, or is something else, or
    can't be read; BrokenCorpusError holds all that is wrong with its rows.
    """
    name = os.fspath(path)
    try:
        with open_regular(path) as stream:
            stored = stream.readall()
    except OSError as error:
        raise CorpusError(f"{name}: cannot be read: {error.strerror}") from error
    content, compression = unpack(name, stored)
    asked = _Asked(offsets, every_answer, silver)
    if is_parquet(content):
        records = parquet_records(name, content)
        corpus = _read_records(name, "parquet", records, [], asked)
    else:
        corpus = _read_text(name, content, asked)
    if offsets != "auto" and not corpus.documents:
        unused = f"{harmless(name)} has words with tags, and no spans whose offsets count anything"
        corpus = corpus.with_remarks(Remark(unused))
    return corpus.with_facts(compression) if compression else corpus


def _read_text(name: str, stored: bytes, asked: _Asked) -> LabelledCorpus:
    refuse_bytes(name, stored)
    raw = stored.removeprefix(codecs.BOM_UTF8)
    text, encoding_error = _decode(raw)
    if not text.strip():
        raise broken(name, 1, "the file is empty")
    if "\n" not in text:  # as old systems ended lines
        text = text.replace("\r", "\n")
    marks = [text.count("\n", 0, mark.start()) + 1 for mark in _MARK.finditer(text)]
    text = _MARK.sub("", text) if marks else text
    kind = recognise(text)
    if encoding_error is not None and kind != "kaggle":
        line = raw.count(b"\n", 0, encoding_error.start) + 1
        byte = raw[encoding_error.start]
        raise broken(
            name,
            line,
            f"byte 0x{byte:02x} is not valid UTF-8: if this is {_one_byte_encoding(raw)}, convert "
            f"it with iconv -f {_one_byte_encoding(raw)} -t utf-8",
        ) from encoding_error
    if kind == "kaggle":
        corpus = read_kaggle(name, text)
    elif kind == "json":
        records, faults = json_records(name, text)
        is_lines = bool(faults) or any(record.number is None for record in records)
        written: CorpusFormat = "jsonl" if is_lines else "json"
        corpus = _read_records(name, written, records, faults, asked)
    else:
        corpus = read_columns(name, text)
    return replace(
        corpus.with_remarks(*_about_marks(name, marks)),
        encoding=_utf_8(stored) if encoding_error is None else _one_byte_encoding(raw),
    )


def recognise(text: str) -> Literal["kaggle", "conll", "json"]:
    """How a labelled file's text is written, by its first lines; "conll" where nothing else fits.

    A broken file is still recognised where it can be, so that its error speaks of the right format:
    a header with only one of the three column names is a Kaggle CSV. A first line that ends in a
    tag is in columns, even where its word is `{`, `#` or `Sentence`; so is a comment.
    """
    lines = (line for line in text.split("\n") if line.strip())
    first = next(lines, "").strip("\r")
    if could_be_tag(split_columns(first)[-1].strip(" ")) or first.startswith("#"):
        return "conll"
    if first.lstrip()[:1] in ("{", "["):
        return "json"
    return "kaggle" if is_header(first) else "conll"


def _read_records(
    path: str,
    written: CorpusFormat,
    records: Sequence[Record],
    faults: Sequence[Fault],
    asked: _Asked,
) -> LabelledCorpus:
    """The corpus of a file's records, by the first that is of a known shape."""
    for record in records:
        if is_task(record.value):
            tasks = partial(read_task, text_key=labelled_key(records))
            return read_spans(path, "label_studio", records, faults, tasks, *asked[:2])
        if is_spacy(record.value):
            return read_spacy(path, records, faults)
        if has_spans(record.value):
            break
        if has_token_columns(record.value):
            return read_token_columns(path, written, records, faults)
    read = partial(read_document, silver=asked.silver)
    return read_spans(path, written, records, faults, read, *asked)


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
