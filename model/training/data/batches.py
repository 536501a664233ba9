"""Labelled sentences -> shuffled, padded batches of equal lengths, without Python in the step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from model.corpora.tokenized import TokenizedSentences
from model.tagger.encoding import EncodedWords, WordEncoder
from model.tags import TagSet
from model.training.data.silver import SilverSentences, SilverTargets, TargetTable
from schemas.records import Ints


@dataclass(frozen=True, eq=False)
class EncodedSentences:
    """Sentences as numbers: distinct words with their features, tokens as positions in them.

    silver: what else there is to say of `tags`, which are targets then, where teachers gave some.
    """

    distinct: EncodedWords
    counts: Ints  # (word,) how often each distinct word occurs
    words: Ints  # (token,) positions in `distinct`, all sentences end to end
    tags: Ints  # (token,)
    offsets: NDArray[np.int64]  # (sentence + 1,)
    silver: SilverTargets | None = None

    @classmethod
    def of(
        cls,
        sentences: TokenizedSentences,
        encoder: WordEncoder,
        tag_set: TagSet,
        silver: Sequence[SilverSentences] = (),
    ) -> "EncodedSentences":
        """Encode, tags in the tag set's scheme; labels it lacks (dev data only) become `O`.

        silver: sentences that follow those of gold.
        """
        positions: dict[str, int] = {}
        texts = [*sentences.words, *(words for part in silver for words in part.words)]
        words = [positions.setdefault(w, len(positions)) for ws in texts for w in ws]
        tags = [tag for ts in sentences.tags for tag in tag_set.encode(ts)]
        gold = len(tags)
        table = TargetTable(tag_set)
        for part in silver:
            tags += [t for ts in part.tags for t in table.targets(ts, part.teacher)]
        lengths = list(map(len, texts))
        return cls(
            distinct=encoder.encode(list(positions)),
            counts=np.bincount(words, minlength=len(positions)).astype(np.int32),
            words=np.asarray(words, np.int32),
            tags=np.asarray(tags, np.int32),
            offsets=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            silver=SilverTargets(
                possible=table.possible,
                certainty=np.concatenate(
                    [np.ones(gold), *(each for part in silver for each in part.certainty)]
                ).astype(np.float32),
                weight=np.concatenate(
                    [np.ones(len(sentences)), *(part.weight for part in silver)]
                ).astype(np.float32),
            )
            if silver
            else None,
        )

    @property
    def identity(self) -> list[NDArray[Any]]:
        """What distinguishes these sentences from others, with the same encoder."""
        silver = self.silver
        told = [silver.possible, silver.certainty, silver.weight] if silver else []
        return [self.words, self.tags, self.offsets, *told]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sentence, (sentence,)."""
        return np.diff(self.offsets)

    def batches(self, batch_size: int) -> tf.data.Dataset:
        """(inputs, tags) as `BiLSTMCRF` takes them, shortest sentences first."""
        cut = self._part(unknown_rate=0.0)
        rows = batch_rows(self.lengths, np.arange(len(self.lengths)), batch_size)
        return tf.data.Dataset.from_tensor_slices(rows).map(lambda row: cut(row[row >= 0]))

    def epochs(
        self, plan: "EpochPlan", *, parts: int = 1, unknown_rate: float = 0.0
    ) -> tf.data.Dataset:
        """The steps of the epoch that `plan` is at, each a tuple of `parts` (inputs, tags).

        `unknown_rate` r teaches the unknown word: a word seen n times gets r / (r + n) as the
        probability with which the model reads it as unknown.
        """
        cut = self._part(unknown_rate)
        smallest = plan.smallest_batch
        parts = min(parts, smallest)

        def step(row: tf.Tensor) -> tuple[tuple[dict[str, tf.Tensor], tf.Tensor], ...]:
            sentences = row[row >= 0]
            return tuple(cut(sentences[part::parts]) for part in range(parts))

        return (
            tf.data.Dataset.from_tensors(0)
            .flat_map(
                # The one call into Python of an epoch.
                lambda _: tf.data.Dataset.from_tensor_slices(
                    tf.ensure_shape(
                        tf.numpy_function(plan.rows, [], tf.int64), [None, plan.batch_size]
                    )
                )
            )
            .map(step)
            .apply(tf.data.experimental.assert_cardinality(plan.steps))
            .prefetch(4)
        )

    def _part(
        self, unknown_rate: float
    ) -> Callable[[tf.Tensor], tuple[dict[str, tf.Tensor], tf.Tensor]]:
        """Sentence numbers -> (inputs, tags), padded to the longest of them."""
        all_words, all_tags, offsets, sizes = map(
            tf.constant, (self.words, self.tags, self.offsets[:-1], self.lengths)
        )
        word_ids, casing, characters = map(tf.constant, self.distinct)
        rates = tf.constant(unknown_rate / (unknown_rate + self.counts), tf.float32)
        width = tf.constant(np.count_nonzero(self.distinct.characters, axis=1))  # (word,)
        silver = self.silver and tuple(
            map(tf.constant, (self.silver.possible, self.silver.certainty, self.silver.weight))
        )

        def part(sentences: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            lengths = tf.gather(sizes, sentences)  # (batch,)
            times = tf.range(tf.reduce_max(lengths))
            inside = times < lengths[:, None]  # (batch, time)
            cells = tf.where(inside, tf.gather(offsets, sentences)[:, None] + times, 0)
            distinct, positions = tf.unique(tf.reshape(tf.gather(all_words, cells), [-1]))
            longest = tf.reduce_max(tf.gather(width, distinct))
            inputs = {
                "word_ids": tf.gather(word_ids, distinct),
                "casing": tf.gather(casing, distinct),
                "characters": tf.gather(characters, distinct)[:, :longest],
                "words": tf.reshape(positions, tf.shape(cells)),
                "lengths": tf.cast(lengths, tf.int32),
            }
            if unknown_rate:
                inputs["unknown_rate"] = tf.gather(rates, distinct)
            tags = tf.where(inside, tf.gather(all_tags, cells), 0)
            if silver:
                possible, certainty, weight = silver
                inputs["possible"] = tf.gather(possible, tags)
                inputs["certainty"] = tf.gather(certainty, cells)
                inputs["weight"] = tf.gather(weight, sentences)
            return inputs, tags

        return part


class EpochPlan:
    """Which sentences share a batch, and the order of the batches, for the epoch that is set.

    Sentences of equal length meet in ever new batches; padding is next to none. An epoch's plan
    follows from seed and epoch alone, so that a training that is resumed goes on as it would have.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self.lengths = lengths
        self.steps = -(-len(lengths) // batch_size)
        self.smallest_batch = len(lengths) // self.steps
        self.batch_size = -(-len(lengths) // self.steps)
        self.seed = seed
        self.epoch = 0

    def rows(self) -> NDArray[np.int64]:
        """Sentence numbers (step, batch_size); a batch that is one short ends in -1."""
        random = np.random.default_rng([self.seed, self.epoch])
        rows = batch_rows(self.lengths, random.permutation(len(self.lengths)), self.batch_size)
        return random.permutation(rows)


def batch_rows(
    lengths: NDArray[np.int64], order: NDArray[np.int64], batch_size: int
) -> NDArray[np.int64]:
    """Sentences by length, and in `order` among equals, in rows of nearly equal size, -1 behind."""
    ranked = order[np.argsort(lengths[order], kind="stable")]
    batches = np.array_split(ranked, -(-len(ranked) // batch_size))
    rows = np.full((len(batches), len(batches[0])), -1, np.int64)
    for row, batch in zip(rows, batches, strict=True):
        row[: len(batch)] = batch
    return rows


def unpadded(values: NDArray[Any], lengths: Ints) -> NDArray[Any]:
    """(batch, time, ...) -> (token, ...): the values within the lengths, row by row."""
    return values[np.arange(values.shape[1]) < lengths[:, None]]


def sentences_of(tags: Ints, lengths: Ints) -> Iterator[Ints]:
    """(token,) -> one array a sentence."""
    yield from np.split(tags, np.cumsum(lengths)[:-1])
