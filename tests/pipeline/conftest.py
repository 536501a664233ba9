"""What tests of several stages share: records made from a text and its spans, a filled bucket."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from model.text.segmentation import Segmentation, tokenize_document
from pipeline.outputs.description import RunDescription
from pipeline.outputs.plan import write_plan
from pipeline.outputs.storage import RunStorage, run_storage
from schemas.records import Document, Shard, TaggedDocument, TokenizedDocument
from tests.builders import configuration

Span = tuple[str, str, float]  # the entity's words, its label, its confidence

MakeTokenized = Callable[[str, str], TokenizedDocument]
MakeTagged = Callable[..., TaggedDocument]
MakePlan = Callable[[Path, Sequence[Shard]], RunStorage]


@pytest.fixture(scope="session")
def make_plan() -> MakePlan:
    """The storage of a run in a directory, with the plan of these shards."""

    def make(root: Path, shards: Sequence[Shard]) -> RunStorage:
        storage = run_storage(str(root), "r1")
        inputs = {shard.source: shard.fingerprint for shard in shards}
        run = RunDescription(
            "r1", datetime(2026, 1, 1, tzinfo=UTC), "tiny@0", configuration(), inputs
        )
        write_plan(storage, run, shards)
        return storage

    return make


@pytest.fixture(scope="session")
def make_tokenized() -> MakeTokenized:
    """A tokenized document from its id and its text."""

    def make(doc_id: str, text: str) -> TokenizedDocument:
        return tokenize_document(Document(doc_id, "in.jsonl", 0, text), Segmentation())

    return make


@pytest.fixture(scope="session")
def make_tagged() -> MakeTagged:
    """A tagged document whose entities are the first places of the given words in its text."""

    def make(document: Document, *spans: Span) -> TaggedDocument:
        tokenized = tokenize_document(document, Segmentation())
        starts = np.array([document.text.index(words) for words, _, _ in spans], np.int32)
        ends = starts + np.array([len(words) for words, _, _ in spans], np.int32)
        sentence = np.searchsorted(tokenized.sentence_start, starts, side="right") - 1
        return TaggedDocument(
            document=document,
            sentences=len(tokenized.sentence_start),
            tokens=len(tokenized.words),
            unknown_tokens=len(tokenized.words) // 3,
            sentence_lengths=np.diff(tokenized.sentence_offsets),
            sentence=sentence.astype(np.int32),
            sentence_start=tokenized.sentence_start[sentence],
            sentence_end=tokenized.sentence_end[sentence],
            start_char=starts,
            end_char=ends.astype(np.int32),
            labels=tuple(label for _, label, _ in spans),
            confidence=np.array([confidence for _, _, confidence in spans], np.float32),
        )

    return make


InOrder = Callable[[str, pa.Table], pa.Table]


@pytest.fixture(scope="session", autouse=True)
def _share_taggers(kept_taggers: None) -> None:
    """All runs here."""
