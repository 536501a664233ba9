"""The bidirectional LSTM of training: one loop for both directions, its gradient written out.

A Keras `Bidirectional(LSTM)` runs two loops of many small operations, and differentiates them by
storing every operand of every step; on a CPU that is most of a training step. Here each loop holds
what cannot leave it (one product and the gates), and all else is done for all steps at once: the
input projection before, the gradients of the weights behind. Same equations (Hochreiter and
Schmidhuber 1997, with forget gates), same weights, same gates in the order i, f, c, o as Keras's.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from model.training.keras_version import keras, layers

Gradients = tuple[tf.Tensor, tf.Tensor, None]


class BiLSTM(layers.Layer):
    """Features of distinct words and sentences of their positions -> hidden states of the tokens.

    The input projection is linear, so it runs once for each distinct word and not for each token.
    Padding lies right of a sentence; backwards, each sentence is turned within its length, so it
    lies right there too: no state that is read ever depends on it.
    """

    def __init__(self, units: int, kernel_initializer: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tf.TensorShape) -> None:
        features, units = int(input_shape[-1]), self.units

        def each(initializer: keras.initializers.Initializer) -> Callable[..., tf.Tensor]:
            """An initializer of (direction, ...) that draws each direction by itself."""
            return lambda shape, dtype=None, **_: tf.stack(
                [_fresh(initializer)(shape[1:], dtype) for _ in range(shape[0])]
            )

        self.kernel = self.add_weight(
            "kernel", (2, features, 4 * units), initializer=each(self.kernel_initializer)
        )
        self.recurrent = self.add_weight(
            "recurrent", (2, units, 4 * units), initializer=each(keras.initializers.Orthogonal())
        )
        self.bias = self.add_weight("bias", (2, 4 * units), initializer=_unit_forget_bias)
        super().build(input_shape)

    def call(
        self,
        features: tf.Tensor,
        words: tf.Tensor,
        lengths: tf.Tensor,
        recurrent_mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """(word, feature), positions (batch, time), (batch,) -> hidden (batch, time, 2 * units).

        recurrent_mask: (2, batch, units) what multiplies the state before each step; None is ones.
        """
        # (direction, word, 4 * units); one table, so that one gather serves both directions
        rows = tf.matmul(features, self.kernel) + self.bias[:, None]
        count = tf.shape(features)[0]
        ahead = tf.transpose(words)  # (time, batch)
        behind = self._reverse(ahead, lengths)
        inputs = tf.gather(
            tf.reshape(rows, [-1, 4 * self.units]), tf.stack([ahead, count + behind], axis=1)
        )  # (time, direction, batch, 4 * units)
        if recurrent_mask is None:
            recurrent_mask = tf.ones([2, tf.shape(words)[0], self.units])
        hidden = _recur(inputs, self.recurrent, recurrent_mask)  # (time, direction, batch, units)
        forward, backward = tf.unstack(hidden, axis=1)
        both = tf.concat([forward, self._reverse(backward, lengths)], axis=-1)
        return tf.transpose(both, [1, 0, 2])

    @staticmethod
    def _reverse(steps: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        return tf.reverse_sequence(steps, lengths, seq_axis=0, batch_axis=1)

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "units": self.units, "kernel_initializer": initializer}


@tf.custom_gradient
def _recur(
    inputs: tf.Tensor, recurrent: tf.Tensor, mask: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], Gradients]]:
    """Gate inputs (time, direction, batch, 4 * units) -> hidden (time, direction, batch, units).

    mask: (direction, batch, units), the recurrent dropout, which has no gradient.
    """
    time, units = tf.shape(inputs)[0], recurrent.shape[1]
    zeros = tf.zeros_like(mask)

    def step(
        t: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, *kept: tf.TensorArray
    ) -> tuple[tf.Tensor, ...]:
        gates = inputs[t] + tf.matmul(hidden * mask, recurrent)
        i, f, g, o = _activated(gates)
        cell = f * cell + i * g
        hidden = o * tf.tanh(cell)
        states = (hidden, cell, gates)
        written = [array.write(t, state) for array, state in zip(kept, states, strict=True)]
        return (t + 1, hidden, cell, *written)

    arrays = [
        tf.TensorArray(tf.float32, size=time, element_shape=[2, None, size])
        for size in (units, units, 4 * units)
    ]
    *_, hiddens, cells, all_gates = tf.while_loop(
        lambda t, *_: t < time, step, (0, zeros, zeros, *arrays), parallel_iterations=1
    )
    h, c = hiddens.stack(), cells.stack()  # (time, direction, batch, units)

    def gradient(upstream: tf.Tensor) -> Gradients:
        i, f, g, o = _activated(all_gates.stack())
        squashed = tf.tanh(c)
        before = tf.concat([zeros[None], c[:-1]], axis=0)
        # What multiplies the gradients of cell and hidden state, for all steps at once.
        into_cell = o * (1 - squashed * squashed)
        by_cell = tf.concat([g * i * (1 - i), before * f * (1 - f), i * (1 - g * g)], axis=-1)
        by_hidden = squashed * o * (1 - o)
        back = tf.linalg.matrix_transpose(recurrent)

        def step(
            t: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor, out: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.TensorArray]:
            hidden += upstream[t]
            cell += hidden * into_cell[t]
            gates = tf.concat(
                [tf.tile(cell, [1, 1, 3]) * by_cell[t], hidden * by_hidden[t]], axis=-1
            )
            hidden = tf.matmul(gates, back) * mask
            return t - 1, hidden, cell * f[t], out.write(t, gates)

        out = tf.TensorArray(tf.float32, size=time, element_shape=[2, None, 4 * units])
        *_, out = tf.while_loop(
            lambda t, *_: t >= 0, step, (time - 1, zeros, zeros, out), parallel_iterations=1
        )
        gates = out.stack()  # (time, direction, batch, 4 * units)
        states = tf.concat([zeros[None], h[:-1]], axis=0) * mask
        by_direction = [
            tf.reshape(tf.transpose(x, [1, 0, 2, 3]), [2, -1, size])
            for x, size in ((states, units), (gates, 4 * units))
        ]
        return gates, tf.matmul(*by_direction, transpose_a=True), None

    return h, gradient


def _activated(gates: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """(..., 4 * units) -> input, forget, candidate and output gate, each (..., units)."""
    i, f, g, o = tf.split(gates, 4, axis=-1)
    return tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)


def _fresh(initializer: keras.initializers.Initializer) -> keras.initializers.Initializer:
    """A copy that draws anew: Keras's initializers repeat themselves, and warn of it."""
    return type(initializer).from_config(initializer.get_config())


def _unit_forget_bias(shape: tuple[int, int], dtype: tf.DType | None = None) -> tf.Tensor:
    """Ones for the forget gate, zeros for the others, (direction, 4 * units)."""
    ones = tf.ones([shape[0], shape[1] // 4], dtype or tf.float32)
    return tf.concat([0 * ones, ones, 0 * ones, 0 * ones], axis=-1)
