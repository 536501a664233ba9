"""BatchByTokens: batches by a budget of tokens, every document once."""

import random
from collections.abc import Callable
from dataclasses import replace

import apache_beam as beam
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that

from pipeline.stages.batch import Batch, BatchByTokens, batch_weight
from schemas.records import TokenizedDocument

BUDGET = 50
MakeTokenized = Callable[[str, str], TokenizedDocument]


def keeps_to_the_budget(lengths: list[int]) -> Callable[[list[Batch]], None]:
    def check(batches: list[Batch]) -> None:
        for batch in batches:
            assert batch, "an empty batch"
            weight = sum(max(1, len(document.words)) for document in batch)
            assert weight <= BUDGET or len(batch) == 1, [len(d.words) for d in batch]
        found = sorted((int(d.document.doc_id), len(d.words)) for b in batches for d in b)
        assert found == list(enumerate(lengths))

    return check


@pytest.mark.parametrize(
    "lengths",
    [
        [200, 3, 4, 49, 1],  # the first does not fit: Beam alone would emit an empty batch
        [50, 50, 51, 50],
        [3, 4, 200, 5, 6],
        [0] * 120,
        [random.Random(3).randrange(70) for _ in range(300)],
    ],
    ids=["oversized first", "exact", "oversized between", "no tokens", "random"],
)
def test_batches_keep_to_the_budget_and_hold_every_document_once(
    lengths: list[int], make_tokenized: MakeTokenized
) -> None:
    documents = [make_tokenized(str(n), "word " * length) for n, length in enumerate(lengths)]
    with BeamPipeline("FnApiRunner") as pipeline:
        batches = (
            pipeline
            | beam.Create(documents, reshuffle=False)
            | "BatchByTokens" >> BatchByTokens(BUDGET)
        )
        assert_that(batches, keeps_to_the_budget(lengths), label="budget")


def test_batches_are_filled(make_tokenized: MakeTokenized) -> None:
    """One document a batch would keep the budget too, and be slow."""
    documents = [make_tokenized(str(n), "word " * 5) for n in range(100)]

    def few(batches: list[Batch]) -> None:
        assert sorted(len(batch) for batch in batches) == [10] * 10

    with BeamPipeline("FnApiRunner") as pipeline:
        batches = (
            pipeline | beam.Create(documents, reshuffle=False) | "Batch" >> BatchByTokens(BUDGET)
        )
        assert_that(batches, few, label="filled")


def test_a_document_without_tokens_weighs_something(make_tokenized: MakeTokenized) -> None:
    """Else a million empty documents would be one batch."""
    assert batch_weight(make_tokenized("a", " ")) == 1
    assert batch_weight(make_tokenized("a", "Ada met Bo.")) == 4


def test_what_a_document_carries_beside_its_tokens_fills_a_batch_too(
    make_tokenized: MakeTokenized,
) -> None:
    """Blanks and kept fields of many documents would else be held at once."""
    tokenized = make_tokenized("a", "word " * 30)
    assert batch_weight(tokenized) == 30
    kept = replace(tokenized.document, fields=("x" * 10_000, None))
    assert batch_weight(replace(tokenized, document=kept)) == (150 + 1 + 10_000) // 100
    assert batch_weight(make_tokenized("b", " " * 9000)) == 90
