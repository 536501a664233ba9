"""Records in, rows of the three tables out: a column's value stands beside its name."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from schemas.records import ORIGINS, DeadLetter, TaggedDocument
from schemas.tables import DEAD_LETTERS, ENTITIES, documents_schema, with_dictionaries

_HASHES = 2**32
# Rows of entities become a table for about so many characters; a row has so many beside its id.
_PIECE_CHARACTERS = 32_000_000
_ROW_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class RowConfig:
    """What the rows say beside what was found.

    text_share: share of the documents whose text is kept, chosen by the hash of the text.
    language_share: share of those whose language is found out, chosen likewise.
    """

    model: str
    processed_at: datetime
    keep_fields: tuple[str, ...] = ()
    text_share: float = 0.0
    language_share: float = 0.0


def entity_pieces(
    documents: Sequence[TaggedDocument], most: int = _PIECE_CHARACTERS
) -> Sequence[Sequence[TaggedDocument]]:
    """Documents in, the same in pieces whose entities weigh at most so much in characters out.

    One whose own weigh more is cut: an id of 16 KB and a million entities come to 16 GB.
    """
    pieces: list[list[TaggedDocument]] = [[]]
    left = most
    for document in documents:
        row, entities = len(document.document.doc_id) + _ROW_CHARACTERS, len(document.labels)
        if row * entities > left and pieces[-1]:
            pieces.append([])
            left = most
        at_once = max(most // row, 1)
        for start in range(0, max(entities, 1), at_once):
            if start:
                pieces.append([])
            pieces[-1].append(_with_entities(document, start, min(start + at_once, entities)))
        left -= row * entities
    return pieces


def _with_entities(document: TaggedDocument, start: int, stop: int) -> TaggedDocument:
    if stop - start == len(document.labels):
        return document
    own = slice(start, stop)
    names = ("sentence", "sentence_start", "sentence_end", "start_char", "end_char")
    columns = {name: getattr(document, name)[own] for name in (*names, "labels", "confidence")}
    listed = document.listed and document.listed.part(own)
    return replace(document, **columns, listed=listed)


def entity_rows(documents: Sequence[TaggedDocument], config: RowConfig) -> pa.Table:
    """One row for each entity, in the order of the documents and of their text."""
    counts = [len(d.labels) for d in documents]
    texts = [
        d.document.text[start:end]
        for d in documents
        for start, end in zip(d.start_char.tolist(), d.end_char.tolist(), strict=True)
    ]
    columns = {
        "doc_id": _repeated((d.document.doc_id for d in documents), counts),
        "source": _repeated_names((d.document.source for d in documents), counts),
        "record": np.repeat(np.array([d.document.record for d in documents], np.int64), counts),
        "sentence": _joined([d.sentence for d in documents]),
        "sentence_start": _joined([d.sentence_start for d in documents]),
        "sentence_end": _joined([d.sentence_end for d in documents]),
        "start_char": _joined([d.start_char for d in documents]),
        "end_char": _joined([d.end_char for d in documents]),
        "text": texts,
        "label": [label for d in documents for label in d.labels],
        "confidence": _confidence(documents),
        "model": _repeated_names([config.model], [sum(counts)]),
        "origin": _origins(documents),
        "entity_id": [
            entity_id
            for d, count in zip(documents, counts, strict=True)
            for entity_id in (d.listed.ids if d.listed else [None] * count)
        ],
    }
    return _table(columns, ENTITIES)


def _confidence(documents: Sequence[TaggedDocument]) -> pa.Array:
    values = _joined([d.confidence for d in documents]).astype(np.float32)
    return pa.array(values, mask=np.isnan(values))


def _origins(documents: Sequence[TaggedDocument]) -> pa.DictionaryArray:
    codes = [d.listed.origin if d.listed else np.zeros(len(d.labels), int) for d in documents]
    return pa.DictionaryArray.from_arrays(_joined(codes).astype(np.int32), pa.array(ORIGINS))


def document_rows(documents: Sequence[TaggedDocument], config: RowConfig) -> pa.Table:
    """One row for each document."""
    read = [d.document for d in documents]
    hashes = [content_hash(d.text) for d in read]
    texts = [
        d.text if is_kept(digest, config.text_share) else None
        for d, digest in zip(read, hashes, strict=True)
    ]
    columns = {
        "doc_id": [d.doc_id for d in read],
        "source": [d.source for d in read],
        "record": [d.record for d in read],
        "characters": [len(d.text) for d in read],
        "sentences": [d.sentences for d in documents],
        "tokens": [d.tokens for d in documents],
        "unknown_tokens": [d.unknown_tokens for d in documents],
        "entities": [len(d.labels) for d in documents],
        "content_hash": hashes,
        "processed_at": [config.processed_at] * len(read),
        "text": texts,
        **{
            name: [d.fields[position] for d in read]
            for position, name in enumerate(config.keep_fields)
        },
    }
    return _table(columns, documents_schema(config.keep_fields))


def dead_letter_rows(letters: Sequence[DeadLetter]) -> pa.Table:
    """One row for each dead letter."""
    names = DEAD_LETTERS.names  # which are those of the record's fields
    return _table({name: [getattr(one, name) for one in letters] for name in names}, DEAD_LETTERS)


def content_hash(text: str) -> str:
    """BLAKE2b-128 of the UTF-8 text, as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def is_kept(digest: str, share: float) -> bool:
    """Whether a text of this hash is among the `share` (0 to 1) that is kept."""
    return int(digest[:8], 16) < share * _HASHES


def _repeated(values: Iterable[str], counts: Sequence[int]) -> list[str]:
    pairs = zip(values, counts, strict=True)
    return list(chain.from_iterable([value] * count for value, count in pairs))


def _repeated_names(values: Iterable[str], counts: Sequence[int]) -> pa.DictionaryArray:
    """As `_repeated`, with each name held once: a path may have 4,096 characters."""
    pairs = [(value, count) for value, count in zip(values, counts, strict=True) if count]
    distinct = dict.fromkeys(value for value, _ in pairs)
    positions = dict(zip(distinct, range(len(distinct)), strict=True))
    codes = np.array([positions[value] for value, _ in pairs], np.int32)
    indices = np.repeat(codes, [count for _, count in pairs])
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(distinct), pa.string()))


def _joined(columns: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(columns) if columns else np.zeros(0)


def _table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """A table of these columns in the order of the schema; what is repeated stands once."""
    schema = with_dictionaries(schema)
    arrays = [_array(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(
    values: Sequence[object] | NDArray[np.generic] | pa.Array, kind: pa.DataType
) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    if isinstance(values, np.ndarray):
        return pa.array(values).cast(kind)
    return pa.array(values, kind)
