"""Tokenized documents -> one padded batch: distinct words, windows, length buckets."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from model.tagger.compiled.library import find_library
from model.tagger.compiled.words import number_words
from schemas.records import Bucket, Ints, PaddedBatch, Positions, TokenizedDocument

# Cells (batch x time) of one run of the network. The graph skips padding, so larger buckets cost
# nothing but a few bytes a cell, and fill its steps; hidden states take 13 MB at 100 units.
BUCKET_CELLS = 16_384
# A longer sentence runs in windows of this many tokens. Of each window, all but the outer
# WINDOW_CONTEXT tokens towards a neighbour are kept.
WINDOW_TOKENS = 256
WINDOW_CONTEXT = 32


# Tokens of a batch that are padded and run at once: of a longer one, such as that of a single huge
# document, so many at a time. In a run, batches are smaller.
PART_TOKENS = 2**18


class _HasWords(Protocol):
    @property
    def words(self) -> Sequence[str]: ...


Worded = TypeVar("Worded", bound=_HasWords)


def in_batches(texts: Iterable[Worded], tokens: int) -> Iterator[list[Worded]]:
    """Texts that are cut into words, in batches of about so many tokens, in their order."""
    batch: list[Worded] = []
    found = 0
    for text in texts:
        batch.append(text)
        found += len(text.words)
        if found >= tokens:
            yield batch
            batch, found = [], 0
    if batch:
        yield batch


def pad_documents(documents: Sequence[TokenizedDocument]) -> PaddedBatch:
    """The documents as one batch. How sentences share buckets follows from their lengths alone.

    One of more than PART_TOKENS has no buckets; `parts_of` gives them, a part at a time.
    """
    lengths = np.concatenate(
        [np.zeros(0, np.int32), *(np.diff(d.sentence_offsets) for d in documents)]
    ).astype(np.int32)
    if (tokens := int(lengths.sum())) > PART_TOKENS:
        return PaddedBatch(tuple(documents), (), lengths, ())
    return _padded(documents, _words_of(documents, 0, tokens), lengths)


def parts_of(batch: PaddedBatch) -> Iterator[PaddedBatch]:
    """Padded batches of the sentences of one, in their order; itself, unless it has no buckets.

    What is cut out of a long batch names no documents. A sentence is in one part.
    """
    if batch.buckets or not len(batch.sentence_lengths):
        yield batch
        return
    lengths = batch.sentence_lengths
    ends = np.cumsum(lengths, dtype=np.int64)
    first = 0
    while first < len(lengths):
        begin = ends[first] - lengths[first]
        stop = max(first + 1, int(np.searchsorted(ends, begin + PART_TOKENS, side="right")))
        words = _words_of(batch.documents, int(begin), int(ends[stop - 1]))
        yield _padded((), words, lengths[first:stop])
        first = stop


def _words_of(
    documents: Sequence[TokenizedDocument], begin: int, end: int
) -> tuple[Sequence[str], Ints]:
    """The distinct words among the tokens [begin, end) of all documents, and the number of each."""
    texts, bounds = [], []
    token = characters = 0
    for document in documents:
        size = len(document.token_start)
        mine = slice(max(begin - token, 0), max(min(end - token, size), 0))
        token += size
        starts, ends = document.token_start[mine], document.token_end[mine]
        if len(starts):
            first, last = int(starts[0]), int(ends[-1])
            texts.append(document.document.text[first:last])
            bounds.append(np.stack([starts, ends]) + np.int64(characters - first))
            characters += last - first
    text = "".join(texts)
    starts, ends = np.concatenate([np.zeros((2, 0), np.int64), *bounds], axis=1)
    if library := find_library():
        return number_words(text, starts, ends, library)
    read = [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    numbers = dict(zip(distinct := list(dict.fromkeys(read)), range(len(distinct)), strict=True))
    return distinct, np.fromiter(map(numbers.__getitem__, read), np.int32, len(read))


def _padded(
    documents: Sequence[TokenizedDocument], read: tuple[Sequence[str], Ints], lengths: Ints
) -> PaddedBatch:
    """Words of sentences of these lengths, padded."""
    vocabulary, words = read
    first, length, keep_from, keep_to = windows(lengths)
    order = np.argsort(-length, kind="stable")
    buckets = []
    for rows in _buckets(length[order]):
        chosen = order[rows]
        times = np.arange(length[chosen[0]])
        cells = first[chosen][:, None] + times  # (batch, time)
        inside = times < length[chosen][:, None]
        buckets.append(
            Bucket(
                words=np.where(inside, words[np.minimum(cells, len(words) - 1)], 0).astype(
                    np.int32
                ),
                lengths=length[chosen].astype(np.int32),
                first=first[chosen].astype(np.int32),
                keep_from=keep_from[chosen].astype(np.int32),
                keep_to=keep_to[chosen].astype(np.int32),
            )
        )
    return PaddedBatch(
        documents=tuple(documents),
        vocabulary=vocabulary,
        sentence_lengths=lengths,
        buckets=tuple(buckets),
    )


def token_words(batch: PaddedBatch) -> Ints:
    """The word of every token, (token,), as a position in the batch's vocabulary."""
    words = np.zeros(int(batch.sentence_lengths.sum()), np.int32)
    for bucket in batch.buckets:
        time = np.arange(bucket.words.shape[1])
        inside = time < bucket.lengths[:, None]
        words[(bucket.first[:, None] + time)[inside]] = bucket.words[inside]
    return words


def windows(lengths: Ints) -> tuple[Positions, Positions, Positions, Positions]:
    """Sentence lengths -> first token, length, keep_from, keep_to of every window, each (window,).

    A sentence of at most WINDOW_TOKENS is one window. The kept parts of a longer one's windows
    lie end to end and are its tokens, each once.
    """
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    whole = lengths <= WINDOW_TOKENS
    zeros = np.zeros(int(whole.sum()), np.int64)
    columns = [[starts[whole]], [lengths[whole].astype(np.int64)], [zeros], [lengths[whole]]]
    stride = WINDOW_TOKENS - 2 * WINDOW_CONTEXT
    for start, length in zip(starts[~whole].tolist(), lengths[~whole].tolist(), strict=True):
        kept = np.arange(0, length, stride)
        kept_end = np.minimum(kept + stride, length)
        begin = np.maximum(kept - WINDOW_CONTEXT, 0)
        end = np.minimum(kept_end + WINDOW_CONTEXT, length)
        for column, values in zip(
            columns, (start + begin, end - begin, kept - begin, kept_end - begin), strict=True
        ):
            column.append(values)
    first, length_, keep_from, keep_to = (np.concatenate(column) for column in columns)
    return first, length_, keep_from, keep_to


def _buckets(descending: Positions) -> list[slice]:
    """Slices of windows, longest first, whose padded size stays within BUCKET_CELLS."""
    slices, begin = [], 0
    while begin < len(descending):
        end = min(begin + BUCKET_CELLS // int(descending[begin]), len(descending))
        slices.append(slice(begin, end))
        begin = end
    return slices
