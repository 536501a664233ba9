"""Large records come through their coder unchanged, and are weighed without being encoded."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from apache_beam.coders.typecoders import registry

from model.tagger.padding import pad_documents
from pipeline.stages.coders import RecordCoder, record_bytes, register_coders
from schemas.records import Document, PaddedBatch, TaggedDocument, TokenizedDocument

MakeTokenized = Callable[[str, str], TokenizedDocument]
MakeTagged = Callable[..., TaggedDocument]

TEXT = "Maria Santos met the council of Lisbon on Monday. The ships left! " * 200


@pytest.fixture
def records(make_tokenized: MakeTokenized, make_tagged: MakeTagged) -> list[object]:
    document = Document("d", "in.jsonl", 0, TEXT)
    tokenized = make_tokenized("d", TEXT)
    tagged = make_tagged(document, ("Maria Santos", "per", 0.9))
    return [document, tokenized, pad_documents([tokenized] * 3), tagged]


def test_a_size_is_estimated_without_encoding(
    records: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a factor of four of the pickle, which is what Beam would have made of each."""
    expected = [len(pickle.dumps(record)) for record in records]

    def refuse(*arguments: object) -> bytes:
        raise AssertionError("pickled to find out a size")

    monkeypatch.setattr("pipeline.stages.coders.pickle.dumps", refuse)
    for record, size in zip(records, expected, strict=True):
        assert size / 4 < RecordCoder().estimate_size(record) < size * 4


def test_pipelines_encode_large_records_with_it(records: list[object]) -> None:
    register_coders()
    for kind in (Document, TokenizedDocument, PaddedBatch, TaggedDocument):
        assert registry.get_coder(kind) == RecordCoder()
    for record in records:
        again = RecordCoder().decode(RecordCoder().encode(record))
        assert type(again) is type(record)
    batch = records[2]
    assert isinstance(batch, PaddedBatch)
    again = RecordCoder().decode(RecordCoder().encode(batch))
    np.testing.assert_array_equal(again.buckets[0].words, batch.buckets[0].words)
    assert list(again.documents[0].words) == list(batch.documents[0].words)


def test_a_record_of_another_kind_has_no_size() -> None:
    with pytest.raises(TypeError, match="no size is known for str"):
        record_bytes("text")
