"""Random draws of training that a step can repeat: by seed, step and place, without a state.

A training that is resumed draws what the one without the break would have drawn.
"""

import tensorflow as tf


class Draws:
    """The draws of one part of one training step, each different from the others."""

    def __init__(self, seed: int, step: tf.Tensor, part: int = 0) -> None:
        self._seed = tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
        self._place = part * 1000

    def uniform(self, shape: tf.Tensor) -> tf.Tensor:
        """Uniform numbers in [0, 1)."""
        self._place += 1
        seed = tf.random.experimental.stateless_fold_in(self._seed, self._place)
        return tf.random.stateless_uniform(shape, seed)

    def mask(self, shape: tf.Tensor, rate: float) -> tf.Tensor:
        """Zeros at `rate`, elsewhere what keeps the mean at one (Srivastava et al. 2014)."""
        return tf.cast(self.uniform(shape) >= rate, tf.float32) / (1 - rate)

    def replaced(self, ids: tf.Tensor, rate: tf.Tensor, by: int) -> tf.Tensor:
        """Each id, or `by` with its own probability `rate`."""
        return tf.where(self.uniform(tf.shape(ids)) < rate, by, ids)
