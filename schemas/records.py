"""The records that flow through the pipeline, one frozen dataclass each.

Offsets are half-open and count Unicode code points of the document's text. Records are never
changed once made: a stage builds the next record from the last. Those that hold arrays compare
by identity, since arrays have no single truth value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from schemas.manifest import Aside

Ints = NDArray[np.int32]
Positions = NDArray[np.int64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

RAW_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Shard:
    """A file, or a range of bytes of one, or a part of what it holds, read as one unit of work.

    A range owns every record that begins in `[start, stop)`; `stop` is None for a whole file. Of
    several `parts`, number `start` owns the records that begin in every so many-th MiB of what the
    file holds. `size` counts the stored bytes of this unit, so sizes add up to the file's.
    `fingerprint` names the state of the file when it was matched. `path`: where the file is now, if
    not at `source`, the name under which it was first read.
    """

    source: str
    format: str
    start: int
    stop: int | None
    size: int
    fingerprint: str
    path: str = ""
    parts: int = 1

    @property
    def place(self) -> str:
        """Where the file is."""
        return self.path or self.source

    @property
    def first_byte(self) -> int:
        """Where reading begins."""
        return self.start if self.parts == 1 else 0

    @property
    def part_in_words(self) -> str:
        """Which part of the file it is; empty for all of it."""
        if self.parts > 1:
            return f"part {self.start + 1} of {self.parts}"
        return "" if self.stop is None else f"bytes {self.start} to {self.stop}"


@dataclass(frozen=True, slots=True)
class Document:
    """One record of the input: its identity, its text exactly as read, and its kept fields.

    `record` is the byte offset in the decompressed shard (jsonl, lines, json), the row number from
    0 (csv, parquet, avro), or 0 (text). `fields` follow the order of `--keep_fields`.
    """

    doc_id: str
    source: str
    record: int
    text: str
    fields: tuple[str | None, ...] = ()

    @property
    def characters(self) -> int:
        """The characters that it holds in all, of its text, its id and its kept fields."""
        kept = sum(map(len, filter(None, self.fields))) if self.fields else 0
        return len(self.text) + len(self.doc_id) + kept


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedDocument:
    """A document with its tokens and sentences, as columns.

    words, token_start, token_end: one value a token, in order of the text; a word is what stands
    there in it.
    sentence_offsets: (sentences + 1,), sentence i holds tokens [offsets[i], offsets[i + 1]);
    sentence_start, sentence_end: where each sentence stands in the text. No sentence is empty.
    """

    document: Document
    words: Sequence[str]
    token_start: Ints  # (token,)
    token_end: Ints  # (token,)
    sentence_offsets: Ints  # (sentence + 1,)
    sentence_start: Ints  # (sentence,)
    sentence_end: Ints  # (sentence,)


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """Windows of similar length, longest first, padded to the length of the first.

    A window is a sentence, or a piece of one that is too long to run at once. `first` is the
    position of its first token among all tokens of the batch. Of a piece, only the emissions in
    `[keep_from, keep_to)` (positions in the window) count; its neighbours supply the others.
    Padding has word 0 and lies right of `lengths`.
    """

    words: Ints  # (batch, time): positions in the batch's `vocabulary`
    lengths: Ints  # (batch,)
    first: Ints  # (batch,)
    keep_from: Ints  # (batch,)
    keep_to: Ints  # (batch,)


@dataclass(frozen=True, slots=True, eq=False)
class PaddedBatch:
    """Documents whose tokens go through the model together; `len()` counts the documents.

    vocabulary: the distinct words of the batch; `buckets` refer to them by position.
    sentence_lengths: tokens of every sentence, in the order of the documents. Too long a batch has
    neither vocabulary nor buckets: it is padded while it is tagged, a part at a time.
    """

    documents: tuple[TokenizedDocument, ...]
    vocabulary: Sequence[str]
    sentence_lengths: Ints  # (sentence,)
    buckets: tuple[Bucket, ...]

    def __len__(self) -> int:
        return len(self.documents)


# Who found an entity.
Origin = Literal["model", "gazetteer", "both"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)


@dataclass(frozen=True, slots=True, eq=False)
class ListedEntities:
    """What users' lists say of the entities of a document.

    fired: the terms that made, marked or forbade an entity, by number, as often as they did.
    disagreed: terms, with the label of an entity of the model that overlaps one and is not of its
    label.
    """

    origin: Ints  # (entity,) positions in ORIGINS
    ids: tuple[str | None, ...]  # (entity,)
    fired: Positions = field(default_factory=lambda: np.zeros(0, np.int64))  # (place,)
    disagreed: tuple[tuple[int, str], ...] = ()

    def part(self, own: slice) -> "ListedEntities":
        """The same of some of the entities, without what is counted of terms."""
        return ListedEntities(self.origin[own], self.ids[own])


@dataclass(frozen=True, slots=True, eq=False)
class TaggedDocument:
    """A document with its entities, as columns in order of the text, and what was counted.

    listed: None where there are no lists, and all entities are the model's.
    """

    document: Document
    sentences: int
    tokens: int
    unknown_tokens: int
    sentence_lengths: Ints  # (sentence,) tokens of each
    sentence: Ints  # (entity,) number of the sentence in the document
    sentence_start: Ints  # (entity,)
    sentence_end: Ints  # (entity,)
    start_char: Ints  # (entity,)
    end_char: Ints  # (entity,)
    labels: tuple[str, ...]  # (entity,)
    confidence: Floats  # (entity,) the CRF's probability of exactly this span and label, or NaN
    listed: ListedEntities | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be processed; with `record` None, a shard that could not be read.

    raw: the record's first bytes, up to `RAW_BYTES`; raw_size: how many it has in all. Where the
    record was read and a later stage failed, raw is its text in UTF-8, and kept_fields are the
    fields of the document.
    """

    source: str
    record: int | None
    doc_id: str | None
    stage: str
    error: str
    message: str
    raw: bytes | None = None
    raw_size: int | None = None
    kept_fields: tuple[str | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """A source whose dead letters are read again.

    run_id: the run that read the source; dead_letters: the run that has them now; format: how the
    source was read; keep_fields: the names of the fields that the dead letters keep.
    """

    run_id: str
    dead_letters: str
    format: str
    keep_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What the reader counted in one shard.

    records: by the source they are of, which is the shard's own but for dead letters read again;
    complete: False where reading broke off; aside: of the records, those that were not wanted, by
    why (see `schemas.manifest.Aside`) and by source. absent: of the fields that flags name, those
    that no record had, None where no record was seen; keys: what the records had instead.
    """

    source: str
    start: int
    fingerprint: str
    records: Mapping[str, int]
    complete: bool
    aside: Mapping[Aside, Mapping[str, int]] = field(default_factory=dict)
    absent: tuple[str, ...] | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IdSample:
    """Hashes of ids, 8 bytes each, one for each record; share: of all hashes, the lowest of them.

    See `pipeline.outputs.manifest.repeated_ids`.
    """

    share: float = 1.0
    hashes: bytes = b""


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What is counted of some rows of a table: as in `FileResult`."""

    sources: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    ids: IdSample = IdSample()


@dataclass(frozen=True, slots=True)
class FileResult:
    """A Parquet file that was written in full, and what is counted of its rows.

    sources, labels: rows by source, without dead letters of whole shards, and entities by label;
    totals: what documents count, by name, added up; ids: those of documents that a run wrote.
    """

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str
    sources: Mapping[str, int]
    labels: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    ids: IdSample = IdSample()
