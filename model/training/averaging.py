"""Averaged weights: what training's last steps agree on, without what each of them overdid.

An exponential moving average of the weights (Polyak and Juditsky 1992), which is what is scored and
kept. It follows every few steps only, for a pass over all weights takes a tenth of a step's time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import tensorflow as tf


class WeightAverage:
    """An average of variables with a memory of about 1 / (1 - decay) steps.

    At first it remembers no more than a tenth of the steps so far, so that it starts from nothing.
    every: how many steps lie between two looks at the variables. A decay of 0 is no average.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float, every: int = 1) -> None:
        self.every = every if decay else 1
        self.followed = list(variables)
        self.decay = decay
        self.averages = [tf.Variable(v, trainable=False) for v in variables]

    def update(self, step: tf.Tensor) -> None:
        """Follow the variables; `step` counts from 1."""
        tf.cond(step % self.every == 0, lambda: self._follow(step), lambda: None)

    def _follow(self, step: tf.Tensor) -> None:
        done = tf.cast(step, tf.float32)
        keep = tf.minimum(self.decay**self.every, done / (done + 10 * self.every))
        for average, variable in zip(self.averages, self.followed, strict=True):
            average.assign_sub((1 - keep) * (average - variable))

    def settle(self) -> None:
        """Let the variables be their averages from now on."""
        for variable, average in zip(self.followed, self.averages, strict=True):
            variable.assign(average)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The variables hold their averages within."""
        current = [variable.numpy() for variable in self.followed]
        self.settle()
        try:
            yield
        finally:
            for variable, value in zip(self.followed, current, strict=True):
                variable.assign(value)
