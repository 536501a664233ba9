"""Batches of training: every sentence once an epoch, alike on resumption, words once a batch."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora.tokenized import TokenizedSentences
from model.tagger.encoding import WordEncoder
from model.tagger.vocabulary import Vocabulary
from model.tags import TagSet

pytestmark = pytest.mark.training

WORDS = [["In", "Lisbon"], ["Maria", "left"], ["the", "the", "ship"], ["."], ["Porto", "sank", "."]]
TAGS = [["O", "B-geo"], ["B-per", "O"], ["O", "O", "O"], ["O"], ["B-geo", "O", "O"]]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=80),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 3),
    epoch=st.integers(0, 3),
)
def test_an_epoch_has_each_sentence_once_in_batches_of_one_size(
    lengths: list[int], batch_size: int, seed: int, epoch: int
) -> None:
    """Batches differ by one sentence at most, and no two of them overlap in length."""
    from model.training.data.batches import EpochPlan

    plan = EpochPlan(np.array(lengths), batch_size, seed)
    plan.epoch = epoch
    rows = plan.rows()
    assert rows.shape == (plan.steps, plan.batch_size)
    assert plan.batch_size <= batch_size
    assert sorted(rows[rows >= 0].tolist()) == list(range(len(lengths)))
    sizes = (rows >= 0).sum(axis=1)
    assert sizes.min() == plan.smallest_batch
    assert sizes.max() - sizes.min() <= 1
    ranges = sorted(
        (min(inside), max(inside))
        for inside in ([lengths[n] for n in row if n >= 0] for row in rows.tolist())
    )
    assert all(left[1] <= right[0] for left, right in pairwise(ranges))


def test_a_plan_follows_from_seed_and_epoch_alone() -> None:
    from model.training.data.batches import EpochPlan

    lengths = np.repeat(np.arange(1, 6), 10)
    first, again = EpochPlan(lengths, 4, 7), EpochPlan(lengths, 4, 7)
    early = first.rows()
    for plan in (first, again):
        plan.epoch = 3
    assert np.array_equal(first.rows(), again.rows())
    assert not np.array_equal(first.rows(), early)
    again.seed = 8
    assert not np.array_equal(first.rows(), again.rows())


@pytest.mark.parametrize("parts", [1, 2, 9])
def test_parts_hold_the_sentences_that_the_plan_named(parts: int) -> None:
    """Words, tags, lengths and features come out as they went in; no part is empty."""
    from model.training.data.batches import EncodedSentences, EpochPlan

    encoder = WordEncoder(Vocabulary.of(word for words in WORDS for word in words))
    tags = TagSet(("geo", "per"))
    data = EncodedSentences.of(TokenizedSentences(WORDS, TAGS), encoder, tags)
    plan = EpochPlan(data.lengths, 3, 1)
    found: Counter[tuple[tuple[int, ...], ...]] = Counter()
    steps = 0
    for step in data.epochs(plan, parts=parts, unknown_rate=0.5):
        steps += 1
        for inputs, gold in step:
            lengths = inputs["lengths"].numpy()
            assert lengths.size
            assert lengths.min() >= 1
            ids = inputs["word_ids"].numpy()[inputs["words"].numpy()]
            rates = inputs["unknown_rate"].numpy()
            assert len(rates) == len(inputs["word_ids"]) == len(inputs["characters"])
            assert ((rates > 0) & (rates <= 0.5 / 1.5)).all()
            for row, labels, length in zip(ids, gold.numpy(), lengths, strict=True):
                found[tuple(row[:length]), tuple(labels[:length])] += 1
                assert not labels[length:].any()
    assert steps == plan.steps
    assert found == Counter(
        (tuple(encoder.encode(words).word_ids), tuple(tags.index[tag] for tag in sentence))
        for words, sentence in zip(WORDS, TAGS, strict=True)
    )
