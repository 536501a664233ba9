"""The extraction graph: the network's emissions in plain TensorFlow, without Keras.

It computes what `model.training.network.BiLSTMCRF` computes, arranged for speed:
- the LSTM's input projection is linear, so it runs once for each distinct word and not for each
  token; the recurrence then starts from a table row, `features @ kernel + bias`;
- step t of the recurrence touches just the windows that are longer than t, so padding costs
  nothing, and no mask is needed; the backward direction does the same over reversed windows;
- sigmoid(x) is (tanh(x / 2) + 1) / 2: with these factors moved into the weights, one tanh serves
  all gates.
"""

from typing import Final

import numpy as np
import tensorflow as tf

from model.tagger.encoding import EncodedWords
from model.tagger.vocabulary import UNKNOWN
from model.tagger.weights import TaggerWeights, gate_factors, reorder_gates
from model.tagger.word_table import WordRows
from schemas.records import Bucket, Flags, Floats, Ints

FORWARD: Final = 0
BACKWARD: Final = 1


class EmissionGraph(tf.Module):
    """Weights, a table for the rows of `words` distinct words, and the two traced functions."""

    def __init__(self, weights: TaggerWeights, words: int) -> None:
        super().__init__(name="emissions")
        self.units = weights.units
        self.filters = len(weights.convolution_bias)
        self.features = weights.lstm_kernel.shape[1]
        self.capacity = words
        self.weights = {
            name: tf.constant(array)
            for name, array in weights.arrays().items()
            if not name.startswith(("dense_kernel", "lstm"))
        }
        # The state that the loop carries is twice the hidden state: hence 0.5 where it is read.
        gates = gate_factors(self.units)
        kernel, bias, recurrent = (
            reorder_gates(array) * gates
            for array in (weights.lstm_kernel, weights.lstm_bias, weights.lstm_recurrent)
        )
        # (feature, direction * 4 * units), so that one product serves both directions
        self.kernel = tf.constant(np.concatenate(kernel, axis=-1))
        self.bias = tf.constant(np.concatenate(bias, axis=-1))
        self.recurrent = [tf.constant(array * np.float32(0.5)) for array in recurrent]
        self.dense = [
            tf.constant(array * np.float32(0.5))
            for array in weights.dense_kernel.reshape(2, self.units, -1)
        ]
        # (2 * word + direction, 4 * units). Never written as a whole, so memory is taken from the
        # system only as rows fill.
        self.rows = tf.Variable(
            tf.raw_ops.Empty(shape=[2 * words, 4 * self.units], dtype=tf.float32), trainable=False
        )

    def store(self, encoded: EncodedWords, positions: Ints) -> None:
        """Compute the rows of words, and put them at `positions` of the table."""
        self._store(*encoded, positions)

    @tf.function(
        autograph=False,  # no Python control flow to convert, which takes half of the tracing
        input_signature=[
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None], tf.int32),
        ],
    )
    def _store(
        self,
        word_ids: tf.Tensor,
        casing: tf.Tensor,
        characters: tf.Tensor,
        positions: tf.Tensor,
    ) -> None:
        w = self.weights
        present = tf.cast(characters > 0, tf.float32)[:, :, None]
        features = tf.gather(w["characters"], characters) * present
        features = tf.nn.conv1d(features, w["convolution_kernel"], stride=1, padding="SAME")
        features = tf.nn.relu(features + w["convolution_bias"]) * present
        trained = tf.where(word_ids < tf.shape(w["words"])[0], word_ids, UNKNOWN)
        inputs = tf.concat(
            [
                tf.gather(w["words"], trained),
                tf.gather(w["vectors"], word_ids),
                tf.reduce_max(features, axis=1),
                tf.gather(w["casing"], casing),
            ],
            axis=-1,
        )  # (word, feature)
        rows = tf.reshape(tf.matmul(inputs, self.kernel) + self.bias, [-1, 4 * self.units])
        both = tf.reshape(tf.stack([2 * positions, 2 * positions + 1], axis=1), [-1])
        self.rows.scatter_update(tf.IndexedSlices(rows, both))

    def blank(self, tokens: int) -> Floats:
        """Where `emit` puts the emissions of so many tokens, (token, tag)."""
        return np.empty((tokens, self.weights["dense_bias"].shape[0]), np.float32)

    def emit(self, bucket: Bucket, rows: WordRows, emissions: Floats, unknown: Flags) -> None:
        """As `Network.emit` says."""
        times = np.arange(bucket.words.shape[1])
        inside = times < bucket.lengths[:, None]  # (batch, time)
        kept = (times >= bucket.keep_from[:, None]) & (times < bucket.keep_to[:, None])
        tokens = (bucket.first[:, None] + times)[kept]
        found = self.emissions(rows.positions[bucket.words], bucket.lengths)
        emissions[tokens] = found[kept[inside]]
        unknown[tokens] = ~rows.known[bucket.words[kept]]

    def emissions(self, words: Ints, lengths: Ints) -> Floats:
        """Emissions of padded windows, the windows' tokens end to end, (token, tag).

        words: (batch, time) positions of stored words; lengths: (batch,), longest first.
        """
        result: Floats = self._emissions(words, lengths).numpy()
        return result

    @tf.function(
        autograph=False,  # no Python control flow to convert, which takes half of the tracing
        input_signature=[
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None], tf.int32),
        ],
    )
    def _emissions(self, words: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        batch, time = tf.shape(words)[0], tf.shape(words)[1]
        inside = tf.sequence_mask(lengths, time)  # (batch, time)
        alive = tf.math.count_nonzero(inside, axis=0, dtype=tf.int32)  # (time,) longer than t
        begins = tf.cumsum(alive, exclusive=True)
        # Where each cell stands once tokens are packed by time, and by window within it.
        packed = begins + tf.range(batch)[:, None]  # (batch, time)

        def run(direction: int, words: tf.Tensor, packed: tf.Tensor) -> tf.Tensor:
            inputs = tf.boolean_mask(tf.transpose(words), tf.transpose(inside))
            hidden = self._recur(direction, inputs, alive)
            return tf.gather(
                tf.matmul(hidden, self.dense[direction]), tf.boolean_mask(packed, inside)
            )

        def reverse(cells: tf.Tensor) -> tf.Tensor:
            return tf.reverse_sequence(cells, lengths, seq_axis=1)

        ahead = run(FORWARD, words, packed)
        behind = run(BACKWARD, reverse(words), reverse(packed))
        return ahead + behind + self.weights["dense_bias"]  # (token, tag)

    def _recur(self, direction: int, words: tf.Tensor, alive: tf.Tensor) -> tf.Tensor:
        """One direction over packed words -> twice their hidden states, (token, units)."""
        positions = 2 * words + direction
        recurrent = self.recurrent[direction]

        def step(
            t: tf.Tensor, begin: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, out: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.TensorArray]:
            count = alive[t]
            inputs = tf.gather(self.rows, positions[begin : begin + count])
            gates = tf.tanh(inputs + tf.matmul(hidden[:count], recurrent))  # (batch, 4 * units)
            i, f, o, candidate = tf.split(gates, 4, axis=1)
            cell = 0.5 * ((f + 1) * cell[:count] + (i + 1) * candidate)
            hidden = (o + 1) * tf.tanh(cell)
            return t + 1, begin + count, hidden, cell, out.write(t, hidden)

        steps = tf.shape(alive)[0]
        zeros = tf.zeros([alive[0], self.units])
        out = tf.TensorArray(
            tf.float32, size=steps, infer_shape=False, element_shape=[None, self.units]
        )
        *_, out = tf.while_loop(
            lambda t, *_: t < steps, step, (0, 0, zeros, zeros, out), parallel_iterations=1
        )
        return out.concat()
