"""Labelled sentences -> shuffled, bucketed, padded tensors, without Python in the step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.corpora.tokenized import TokenizedSentences
from model.encoding import EncodedWords, WordEncoder
from model.tags import TagSet
from model.vocabulary import UNKNOWN
from schemas.records import Ints

__all__ = ["EncodedSentences", "TokenizedSentences", "sentences_of", "unpadded"]

# Upper bounds of the length buckets: a batch is padded to its longest sentence, and sentences of
# one bucket differ little. Above the last bound lie few sentences, in one bucket of their own.
_BUCKET_BOUNDS = [8, 12, 16, 20, 24, 28, 32, 38, 46, 60, 90, 150]


@dataclass(frozen=True, eq=False)
class EncodedSentences:
    """Sentences as numbers: distinct words with their features, tokens as positions in them."""

    distinct: EncodedWords
    counts: Ints  # (word,) how often each distinct word occurs
    words: Ints  # (token,) positions in `distinct`, all sentences end to end
    tags: Ints  # (token,)
    offsets: NDArray[np.int64]  # (sentence + 1,)

    @classmethod
    def of(
        cls, sentences: TokenizedSentences, encoder: WordEncoder, tag_set: TagSet
    ) -> "EncodedSentences":
        """Encode; a tag whose label the tag set lacks (dev data only) becomes `O`."""
        positions: dict[str, int] = {}
        words = [positions.setdefault(w, len(positions)) for ws in sentences.words for w in ws]
        tags = [tag_set.index.get(t, 0) for ts in sentences.tags for t in ts]
        lengths = [len(words) for words in sentences.words]
        return cls(
            distinct=encoder.encode(list(positions)),
            counts=np.bincount(words, minlength=len(positions)).astype(np.int32),
            words=np.asarray(words, np.int32),
            tags=np.asarray(tags, np.int32),
            offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        )

    def batches(
        self, batch_size: int, *, shuffle_seed: int | None = None, unknown_rate: float = 0.0
    ) -> tf.data.Dataset:
        """(inputs, tags) of one epoch, as `BiLSTMCRF` takes them.

        With a `shuffle_seed` every epoch has another order. `unknown_rate` r teaches the unknown
        word: a word seen n times is read as unknown with probability r / (r + n), drawn anew for
        each batch.
        """
        sentences = tf.data.Dataset.range(len(self.offsets) - 1)
        if shuffle_seed is not None:
            sentences = sentences.shuffle(len(self.offsets), seed=shuffle_seed)
        words, tags, offsets = map(tf.constant, (self.words, self.tags, self.offsets))

        def tokens(i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return words[offsets[i] : offsets[i + 1]], tags[offsets[i] : offsets[i + 1]]

        return (
            sentences.map(tokens)
            .bucket_by_sequence_length(
                lambda words, _: tf.shape(words)[0],
                bucket_boundaries=_BUCKET_BOUNDS,
                bucket_batch_sizes=[batch_size] * (len(_BUCKET_BOUNDS) + 1),
                # Padding is told from a word by -1, since 0 is the first distinct word.
                padding_values=(tf.constant(-1), tf.constant(0)),
            )
            .map(self._features(unknown_rate, shuffle_seed))
            .prefetch(4)
        )

    def _features(
        self, unknown_rate: float, seed: int | None
    ) -> Callable[[tf.Tensor, tf.Tensor], tuple[dict[str, tf.Tensor], tf.Tensor]]:
        word_ids, casing, characters = map(tf.constant, self.distinct)
        drop = tf.constant(unknown_rate / (unknown_rate + self.counts), tf.float32)

        def features(words: tf.Tensor, tags: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            lengths = tf.reduce_sum(tf.cast(words >= 0, tf.int32), axis=1)  # (batch,)
            distinct, positions = tf.unique(tf.reshape(tf.maximum(words, 0), [-1]))
            ids = tf.gather(word_ids, distinct)
            if unknown_rate:
                draw = tf.random.uniform(tf.shape(ids), seed=seed)
                ids = tf.where(draw < tf.gather(drop, distinct), UNKNOWN, ids)
            inputs = {
                "word_ids": ids,
                "casing": tf.gather(casing, distinct),
                "characters": tf.gather(characters, distinct),
                "words": tf.reshape(positions, tf.shape(words)),
                "lengths": lengths,
            }
            return inputs, tags

        return features


def unpadded(values: NDArray[Any], lengths: Ints) -> NDArray[Any]:
    """(batch, time, ...) -> (token, ...): the values within the lengths, row by row."""
    return values[np.arange(values.shape[1]) < lengths[:, None]]


def sentences_of(tags: Ints, lengths: Ints) -> Iterator[Ints]:
    """(token,) -> one array a sentence."""
    yield from np.split(tags, np.cumsum(lengths)[:-1])
