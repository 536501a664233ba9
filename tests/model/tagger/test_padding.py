"""A padded batch holds every token once, in bounded pieces, whatever the documents' sizes."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.tagger.padding import BUCKET_CELLS, WINDOW_CONTEXT, WINDOW_TOKENS, pad_documents, windows
from schemas.records import Document, Ints, PaddedBatch, TokenizedDocument

SIZES = st.lists(
    st.one_of(
        st.integers(1, 40),
        st.sampled_from(
            [
                *(WINDOW_TOKENS - 1, WINDOW_TOKENS, WINDOW_TOKENS + 1),
                *(WINDOW_TOKENS - 2 * WINDOW_CONTEXT, WINDOW_TOKENS + 2 * WINDOW_CONTEXT),
            ]
        ),
        st.integers(1, 3000),
    ),
    max_size=12,
)


def document_of(sizes: list[int], seed: int = 0) -> TokenizedDocument:
    """A document with sentences of these sizes, of words drawn from a few."""
    words = [f"w{n}" for n in np.random.default_rng(seed).integers(0, 50, sum(sizes))]
    ends = np.cumsum([len(word) + 1 for word in words], dtype=np.int32) - 1
    starts = ends - np.array([len(word) for word in words], np.int32)
    offsets = np.cumsum([0, *sizes], dtype=np.int32)
    return TokenizedDocument(
        Document("d", "s", 0, " ".join(words)),
        words,
        starts.astype(np.int32),
        ends.astype(np.int32),
        offsets,
        starts[offsets[:-1]].astype(np.int32),
        ends[offsets[1:] - 1].astype(np.int32),
    )


@given(SIZES)
@example([WINDOW_TOKENS + 1])
@example([1, 5000, 1])
@settings(max_examples=200)
def test_the_kept_parts_of_windows_are_each_token_once(sizes: list[int]) -> None:
    """No window is longer than allowed or crosses a sentence; kept tokens have their context."""
    lengths = np.array(sizes, np.int32)
    ends = np.cumsum(sizes, dtype=np.int64)
    kept = np.zeros(sum(sizes), int)
    for first, length, keep_from, keep_to in zip(*windows(lengths), strict=True):
        kept[first + keep_from : first + keep_to] += 1
        assert 0 <= keep_from < keep_to <= length <= WINDOW_TOKENS
        sentence = int(np.searchsorted(ends, first, side="right"))
        start, stop = ends[sentence] - sizes[sentence], ends[sentence]
        assert first + length <= stop
        assert keep_from >= WINDOW_CONTEXT or first == start
        assert length - keep_to >= WINDOW_CONTEXT or first + length == stop
    assert (kept == 1).all()


@given(st.lists(st.integers(1, WINDOW_TOKENS), min_size=1, max_size=20))
def test_a_sentence_that_fits_is_one_whole_window(sizes: list[int]) -> None:
    first, length, keep_from, keep_to = windows(np.array(sizes, np.int32))
    assert length.tolist() == keep_to.tolist() == sizes
    assert not keep_from.any()
    assert first.tolist() == (np.cumsum(sizes) - sizes).tolist()


def words_by_position(batch: PaddedBatch) -> dict[int, str]:
    """Token of the batch -> the word that its bucket holds there, over the kept parts."""
    found: dict[int, str] = {}
    for bucket in batch.buckets:
        for row in range(len(bucket.lengths)):
            for time in range(bucket.keep_from[row], bucket.keep_to[row]):
                position = int(bucket.first[row]) + time
                assert position not in found
                found[position] = batch.vocabulary[bucket.words[row, time]]
    return found


@given(st.lists(SIZES, max_size=4))
@example([[], []])
@example([[BUCKET_CELLS]])
@settings(max_examples=60)
def test_buckets_hold_every_token_once_and_its_word(documents: list[list[int]]) -> None:
    made = [document_of(sizes, seed) for seed, sizes in enumerate(documents)]
    batch = pad_documents(made)
    words = [word for document in made for word in document.words]
    assert words_by_position(batch) == dict(enumerate(words))
    assert sorted(batch.vocabulary) == sorted(set(words))
    assert batch.sentence_lengths.tolist() == [size for sizes in documents for size in sizes]
    assert batch.documents == tuple(made)
    assert len(batch) == len(documents)


@given(st.lists(SIZES, max_size=4))
@settings(max_examples=60)
def test_buckets_are_bounded_and_padded_with_zeros(documents: list[list[int]]) -> None:
    """At most BUCKET_CELLS cells each, longest window first, int32 throughout."""
    batch = pad_documents([document_of(sizes) for sizes in documents])
    for bucket in batch.buckets:
        rows, time = bucket.words.shape
        assert rows == 1 or rows * time <= BUCKET_CELLS
        assert time == bucket.lengths[0]
        assert (np.diff(bucket.lengths) <= 0).all()
        assert not bucket.words[np.arange(time) >= bucket.lengths[:, None]].any()
        columns = (bucket.words, bucket.lengths, bucket.first, bucket.keep_from, bucket.keep_to)
        assert {column.dtype for column in columns} == {np.dtype(np.int32)}
        assert {len(column) for column in columns} == {rows}


def test_many_short_sentences_fill_few_buckets() -> None:
    """Little is padding: windows of like length share a bucket."""
    sizes = np.random.default_rng(1).integers(1, 60, 2000).tolist()
    batch = pad_documents([document_of(sizes)])
    cells = sum(bucket.words.size for bucket in batch.buckets)
    assert cells < 1.4 * sum(sizes)
    assert len(batch.buckets) <= 1.5 * sum(sizes) / BUCKET_CELLS + 2


def shapes(batch: PaddedBatch) -> list[tuple[tuple[int, ...], list[int]]]:
    return [(bucket.words.shape, bucket.lengths.tolist()) for bucket in batch.buckets]


def test_the_order_of_documents_changes_no_bucket_s_shape() -> None:
    documents = [document_of([3, 300, 7]), document_of([]), document_of([1, 60, 3])]
    expected = shapes(pad_documents(documents))
    assert shapes(pad_documents(documents[::-1])) == expected


@pytest.mark.parametrize("count", [0, 1, 3])
def test_documents_without_tokens_make_a_batch_without_buckets(count: int) -> None:
    batch = pad_documents([document_of([])] * count)
    assert len(batch) == count
    assert batch.buckets == ()
    assert batch.vocabulary == []
    assert batch.sentence_lengths.shape == (0,)
    assert batch.sentence_lengths.dtype == np.int32


def test_no_sentences_have_no_windows() -> None:
    nothing: Ints = np.zeros(0, np.int32)
    assert [len(column) for column in windows(nothing)] == [0, 0, 0, 0]
