"""The extraction graph: the network's emissions in plain TensorFlow, without Keras.

It computes what `model.network.BiLSTMCRF` computes, arranged for speed:
- the LSTM's input projection is linear, so it runs once for each distinct word and not for each
  token; the recurrence then starts from a table row, `features @ kernel + bias`;
- both directions advance in one loop with one batched product a step, the backward one over
  sentences that were reversed beforehand, so padding is always behind the last token and no mask
  is needed;
- the gates are reordered to (input, forget, output, candidate), so one sigmoid serves three.
"""

import numpy as np
import tensorflow as tf

from model.encoding import EncodedWords
from model.weights import Floats, TaggerWeights
from schemas.records import Ints

# Words whose characters are convolved at once: 30 MB a tensor, whatever the size of a document.
_PROJECTED_WORDS = 8192


class EmissionGraph(tf.Module):
    """Weights and the two traced functions; every size but the weights' is free."""

    def __init__(self, weights: TaggerWeights) -> None:
        super().__init__(name="emissions")
        self.weights = {
            name: tf.constant(array)
            for name, array in weights.arrays().items()
            if name not in ("lstm_kernel", "lstm_recurrent", "lstm_bias")
        }
        self.units = weights.units
        # (feature, direction * 4 * units), so that one product serves both directions
        self.kernel = tf.constant(np.concatenate(_reorder_gates(weights.lstm_kernel), axis=-1))
        self.bias = tf.constant(np.concatenate(_reorder_gates(weights.lstm_bias), axis=-1))
        self.recurrent = tf.constant(_reorder_gates(weights.lstm_recurrent))

    def project(self, encoded: EncodedWords) -> tf.Tensor:
        """Features of distinct words -> their LSTM input rows, (word, direction, 4 * units)."""
        parts = [
            self._project(*(column[first : first + _PROJECTED_WORDS] for column in encoded))
            for first in range(0, len(encoded.word_ids), _PROJECTED_WORDS)
        ]
        return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)

    def emissions(self, rows: tf.Tensor, words: Ints, lengths: Ints) -> Floats:
        """Emissions (batch, time, tag) of padded windows; what lies past a length means nothing."""
        result: Floats = self._emissions(rows, words, lengths).numpy()
        return result

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
        ]
    )
    def _project(self, word_ids: tf.Tensor, casing: tf.Tensor, characters: tf.Tensor) -> tf.Tensor:
        w = self.weights
        present = tf.cast(characters > 0, tf.float32)[:, :, None]
        features = tf.gather(w["characters"], characters) * present
        features = tf.nn.conv1d(features, w["convolution_kernel"], stride=1, padding="SAME")
        features = tf.nn.relu(features + w["convolution_bias"]) * present
        inputs = tf.concat(
            [
                tf.gather(w["words"], word_ids),
                tf.reduce_max(features, axis=1),
                tf.gather(w["casing"], casing),
            ],
            axis=-1,
        )  # (word, feature)
        rows = tf.matmul(inputs, self.kernel) + self.bias
        return tf.reshape(rows, [-1, 2, 4 * self.units])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2, None], tf.float32),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def _emissions(self, rows: tf.Tensor, words: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        units = self.units
        batch, time = tf.shape(words)[0], tf.shape(words)[1]
        backwards = tf.reverse_sequence(words, lengths, seq_axis=1)
        # Position of (word, direction) in the flattened rows, (time, direction, batch).
        positions = tf.transpose(tf.stack([2 * words, 2 * backwards + 1]), [2, 0, 1])
        table = tf.reshape(rows, [-1, 4 * units])

        def step(
            t: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, outputs: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.TensorArray]:
            gates = tf.gather(table, positions[t]) + tf.matmul(hidden, self.recurrent)
            opened = tf.sigmoid(gates[..., : 3 * units])
            candidate = tf.tanh(gates[..., 3 * units :])
            cell = opened[..., units : 2 * units] * cell + opened[..., :units] * candidate
            hidden = opened[..., 2 * units :] * tf.tanh(cell)
            return t + 1, hidden, cell, outputs.write(t, hidden)

        zeros = tf.zeros([2, batch, units])
        outputs = tf.TensorArray(tf.float32, size=time, element_shape=[2, None, units])
        *_, outputs = tf.while_loop(
            lambda t, *_: t < time, step, (0, zeros, zeros, outputs), parallel_iterations=1
        )
        hidden = outputs.stack()  # (time, direction, batch, units)
        kernel = tf.reshape(self.weights["dense_kernel"], [2, units, -1])
        # Reversing after the small product moves tags instead of units.
        ahead = tf.einsum("tbu,uk->btk", hidden[:, 0], kernel[0])
        back = tf.einsum("tbu,uk->btk", hidden[:, 1], kernel[1])
        back = tf.reverse_sequence(back, lengths, seq_axis=1)
        return ahead + back + self.weights["dense_bias"]  # (batch, time, tag)


def _reorder_gates(weights: Floats) -> Floats:
    """Keras's gate order i, f, c, o on the last axis -> i, f, o, c."""
    i, f, c, o = np.split(weights, 4, axis=-1)
    return np.concatenate([i, f, o, c], axis=-1)
