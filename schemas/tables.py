"""Arrow schemas of the three tables. Later versions only add columns, or let one be null.

What a table and its columns mean is in the metadata, under `doc`, and the version that brought a
column under `since`: files carry both.
"""

from collections.abc import Sequence

import pyarrow as pa

SCHEMA_VERSION = 5

# Columns of text with few different values. Until version 3 files called them dictionaries, which
# not every engine takes; since then they are plain text there, which Parquet encodes as it did.
REPEATED = frozenset({"source", "label", "model", "origin", "stage", "error"})


def _field(
    name: str, kind: pa.DataType, doc: str, *, nullable: bool = False, since: int = 1
) -> pa.Field:
    """A column; since: the version of the tables that brought it."""
    metadata = {"doc": doc, **({"since": str(since)} if since > 1 else {})}
    return pa.field(name, kind, nullable=nullable, metadata=metadata)


def since(field: pa.Field) -> int:
    """The version of the tables that brought a column."""
    return int(field.metadata.get(b"since", b"1"))


def _table(doc: str, fields: Sequence[pa.Field]) -> pa.Schema:
    return pa.schema(fields, metadata={"doc": doc})


ENTITIES = _table(
    "one row for each entity that was found",
    [
        _field("doc_id", pa.string(), "the input's id, or made from source and record"),
        _field("source", pa.string(), "the shard's path"),
        _field(
            "record",
            pa.int64(),
            "as in `documents`: joins by source and record are right where ids repeat",
            nullable=True,
            since=4,
        ),
        _field("sentence", pa.int32(), "number of the sentence in the document, from 0"),
        _field("sentence_start", pa.int64(), "where that sentence starts, in code points"),
        _field("sentence_end", pa.int64(), "where that sentence ends, half-open"),
        _field("start_char", pa.int64(), "first code point of the entity in the document's text"),
        _field("end_char", pa.int64(), "end of the entity in code points, half-open"),
        _field("text", pa.string(), "exactly document_text[start_char:end_char]"),
        _field("label", pa.string(), "kind of the entity"),
        _field(
            "confidence",
            pa.float32(),
            "the CRF's probability of exactly this span and label, calibrated on labelled text; "
            "null where a gazetteer found what the model cannot find, or contradicts",
            nullable=True,
        ),
        _field("model", pa.string(), "name and content hash of the model"),
        _field(
            "origin",
            pa.string(),
            "who found it: model, gazetteer or both; null is model, from before version 5",
            nullable=True,
            since=5,
        ),
        _field(
            "entity_id", pa.string(), "the gazetteer's id of what it is", nullable=True, since=5
        ),
    ],
)

DOCUMENTS = _table(
    "one row for each document that was read, with its counts",
    [
        _field("doc_id", pa.string(), "the input's id, or made from source and record"),
        _field("source", pa.string(), "the shard's path"),
        _field("record", pa.int64(), "byte offset, row number or 0 in the decompressed shard"),
        _field("characters", pa.int64(), "code points of the text"),
        _field("sentences", pa.int32(), "sentences found"),
        _field("tokens", pa.int32(), "tokens found"),
        _field("unknown_tokens", pa.int32(), "tokens that the model's vocabulary lacks"),
        _field("entities", pa.int32(), "rows of this document in `entities`"),
        _field("content_hash", pa.string(), "BLAKE2b-128 of the UTF-8 text, hexadecimal"),
        _field("processed_at", pa.timestamp("us", tz="UTC"), "when the run started"),
        _field("text", pa.string(), "the text, where --keep_text kept it", nullable=True),
    ],
)

DEAD_LETTERS = _table(
    "one row for each record or shard that could not be processed",
    [
        _field("source", pa.string(), "the shard's path"),
        _field("record", pa.int64(), "as in `documents`; null: the shard", nullable=True),
        _field("doc_id", pa.string(), "the input's id where it could be read", nullable=True),
        _field("stage", pa.string(), "the stage that failed"),
        _field("error", pa.string(), "class of the error"),
        _field("message", pa.string(), "what was wrong, in one sentence"),
        _field("raw", pa.binary(), "the record's bytes, up to 64 KiB", nullable=True),
        _field(
            "raw_size", pa.int64(), "bytes of the record before that cut", nullable=True, since=2
        ),
        _field(
            "kept_fields",
            pa.list_(pa.string()),
            "of a document that was read: the values of --keep_fields, in that order",
            nullable=True,
            since=3,
        ),
    ],
)

NAMES = _table(
    "one row for each surface, label and id of the entities that count, made by `jobs.resolve`",
    [
        _field("surface", pa.string(), "the `text` of entities"),
        _field("label", pa.string(), "their label"),
        _field("entity_id", pa.string(), "their `entity_id`", nullable=True),
        _field("canonical", pa.string(), "the surface that stands for the whole group"),
        _field("group", pa.int64(), "number of the group, in this table alone"),
        _field(
            "rule",
            pa.string(),
            "the last step on the way from `canonical` to this row: decision, gazetteer, "
            "normal_form, initials, document or similar; empty for `canonical` itself",
        ),
        _field("mentions", pa.int64(), "entities with this surface, label and id"),
        _field("documents", pa.int64(), "documents with such an entity"),
    ],
)

TABLES = {"entities": ENTITIES, "documents": DOCUMENTS, "dead_letters": DEAD_LETTERS}

# The order of the rows in each row group of a file, ascending, nulls last; files declare it.
SORTED_BY = {
    "entities": ("source", "doc_id", "record", "start_char"),
    "documents": ("source", "record"),
    "dead_letters": ("source", "record"),
}


def documents_schema(keep_fields: Sequence[str] = ()) -> pa.Schema:
    """The `documents` schema followed by one nullable string column for each kept field."""
    kept = [_field(name, pa.string(), "kept from the input", nullable=True) for name in keep_fields]
    return pa.schema([*DOCUMENTS, *kept], metadata=DOCUMENTS.metadata)


def with_dictionaries(schema: pa.Schema) -> pa.Schema:
    """A schema of files in, that of the same rows in memory out: what is repeated stands once."""
    coded = pa.dictionary(pa.int32(), pa.string())
    fields = [field.with_type(coded) if field.name in REPEATED else field for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """The same schema with plain columns for those of dictionaries."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in schema
    ]
    return pa.schema(fields, metadata=schema.metadata)
