"""Coders for the large records: pickled as Beam would, but weighed without being pickled.

Beam samples the sizes of elements between all steps, the first ten of each bundle among them. By
default it encodes an element to find out: a tenth of a run's time, for batches that never leave
their process.
"""

import pickle
from typing import Any

from apache_beam.coders.coders import Coder
from apache_beam.coders.typecoders import registry

from schemas.records import Document, PaddedBatch, TaggedDocument, TokenizedDocument

# Bytes of a record beside its text, and of a token in columns and word lists.
_RECORD_BYTES = 200
_TOKEN_BYTES = 16


class RecordCoder(Coder):
    """Pickles a record, and estimates its size from its text and tokens."""

    def encode(self, value: object) -> bytes:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)

    def decode(self, encoded: bytes) -> Any:  # noqa: ANN401 - whatever was encoded
        return pickle.loads(encoded)  # noqa: S301 - between the processes of one run only

    def is_deterministic(self) -> bool:
        return False

    def estimate_size(self, value: object) -> int:
        return record_bytes(value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def register_coders() -> None:
    """Let pipelines that are built from now on encode the large records with `RecordCoder`."""
    for record in (Document, TokenizedDocument, PaddedBatch, TaggedDocument):
        registry.register_coder(record, RecordCoder)


def record_bytes(record: object) -> int:
    """About how many bytes `record` takes when it is encoded."""
    match record:
        case Document():
            return _RECORD_BYTES + record.characters
        case TokenizedDocument():
            return record_bytes(record.document) + _TOKEN_BYTES * len(record.words)
        case PaddedBatch():
            cells = sum(bucket.words.nbytes for bucket in record.buckets)
            return cells + sum(map(record_bytes, record.documents))
        case TaggedDocument():
            arrays = record.sentence_lengths.nbytes + _RECORD_BYTES * len(record.labels)
            return record_bytes(record.document) + arrays
    raise TypeError(f"no size is known for {type(record).__name__}")
