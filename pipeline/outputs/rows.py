"""Records in, rows of the three tables out: one Arrow column at a time."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.records import DeadLetter, Document, TaggedDocument
from schemas.tables import DEAD_LETTERS, ENTITIES, documents_schema

_HASHES = 2**32


@dataclass(frozen=True, slots=True)
class RowConfig:
    """What the rows say beside what was found.

    text_share: share of the documents whose text is kept, chosen by the hash of the text.
    """

    model: str
    processed_at: datetime
    keep_fields: tuple[str, ...] = ()
    text_share: float = 0.0


def entity_rows(documents: Sequence[TaggedDocument], config: RowConfig) -> pa.Table:
    """One row for each entity, in the order of the documents and of their text."""
    counts = [len(d.labels) for d in documents]
    rows = sum(counts)
    texts = [
        d.document.text[start:end]
        for d in documents
        for start, end in zip(d.start_char.tolist(), d.end_char.tolist(), strict=True)
    ]
    columns = [
        pa.array(_repeated((d.document.doc_id for d in documents), counts), pa.string()),
        _dictionary(_repeated((d.document.source for d in documents), counts)),
        _joined([d.sentence for d in documents], np.int32),
        _joined([d.sentence_start for d in documents], np.int64),
        _joined([d.sentence_end for d in documents], np.int64),
        _joined([d.start_char for d in documents], np.int64),
        _joined([d.end_char for d in documents], np.int64),
        pa.array(texts, pa.string()),
        _dictionary([label for d in documents for label in d.labels]),
        _joined([d.confidence for d in documents], np.float32),
        _dictionary([config.model] * rows),
    ]
    return pa.Table.from_arrays(columns, schema=ENTITIES)


def document_rows(documents: Sequence[TaggedDocument], config: RowConfig) -> pa.Table:
    """One row for each document."""
    read = [d.document for d in documents]
    hashes = [content_hash(d.text) for d in read]
    texts = [
        d.text if is_kept(digest, config.text_share) else None
        for d, digest in zip(read, hashes, strict=True)
    ]
    columns = [
        pa.array([d.doc_id for d in read], pa.string()),
        _dictionary([d.source for d in read]),
        pa.array([d.record for d in read], pa.int64()),
        pa.array([len(d.text) for d in read], pa.int64()),
        pa.array([d.sentences for d in documents], pa.int32()),
        pa.array([d.tokens for d in documents], pa.int32()),
        pa.array([d.unknown_tokens for d in documents], pa.int32()),
        pa.array([len(d.labels) for d in documents], pa.int32()),
        pa.array(hashes, pa.string()),
        pa.array([config.processed_at] * len(read), pa.timestamp("us", tz="UTC")),
        pa.array(texts, pa.string()),
        *_kept_columns(read, config.keep_fields),
    ]
    return pa.Table.from_arrays(columns, schema=documents_schema(config.keep_fields))


def dead_letter_rows(letters: Sequence[DeadLetter]) -> pa.Table:
    """One row for each dead letter."""
    columns = [
        _dictionary([letter.source for letter in letters]),
        pa.array([letter.record for letter in letters], pa.int64()),
        pa.array([letter.doc_id for letter in letters], pa.string()),
        _dictionary([letter.stage for letter in letters]),
        _dictionary([letter.error for letter in letters]),
        pa.array([letter.message for letter in letters], pa.string()),
        pa.array([letter.raw for letter in letters], pa.binary()),
        pa.array([letter.raw_size for letter in letters], pa.int64()),
        pa.array([letter.kept_fields for letter in letters], pa.list_(pa.string())),
    ]
    return pa.Table.from_arrays(columns, schema=DEAD_LETTERS)


def content_hash(text: str) -> str:
    """BLAKE2b-128 of the UTF-8 text, as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def is_kept(digest: str, share: float) -> bool:
    """Whether a text of this hash is among the `share` (0 to 1) that is kept."""
    return int(digest[:8], 16) < share * _HASHES


def _kept_columns(documents: Sequence[Document], keep_fields: Sequence[str]) -> list[pa.Array]:
    return [
        pa.array([d.fields[position] for d in documents], pa.string())
        for position in range(len(keep_fields))
    ]


def _repeated(values: Iterable[str], counts: Sequence[int]) -> list[str]:
    pairs = zip(values, counts, strict=True)
    return list(chain.from_iterable([value] * count for value, count in pairs))


def _dictionary(values: Sequence[str]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode()


def _joined(columns: Sequence[NDArray[np.generic]], kind: type[np.generic]) -> pa.Array:
    joined = np.concatenate(columns) if columns else np.zeros(0)
    return pa.array(joined.astype(kind, copy=False))
