"""The optimizer of training, made from the flags: any of Keras's, or Adam for sparse embeddings."""

import tensorflow as tf

from model.training.configuration import TrainingConfig
from model.training.keras_version import keras, named


class LazyAdam(keras.optimizers.Adam):
    """Adam that leaves the embeddings of words alone that a step did not see.

    Keras's own lets every moment of every word decay at every step, which takes as long as all the
    rest of a step, and moves words that are not there.
    """

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        position = self._index_dict[self._var_key(variable)]
        momentum, velocity = self._momentums[position], self._velocities[position]
        step = tf.cast(self.iterations + 1, tf.float32)
        rate = self.learning_rate * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        # Keras has summed the rows of equal indices by now.
        rows, slopes = gradient.indices, gradient.values
        m = self.beta_1 * tf.gather(momentum, rows) + (1 - self.beta_1) * slopes
        v = self.beta_2 * tf.gather(velocity, rows) + (1 - self.beta_2) * slopes**2
        momentum.scatter_update(tf.IndexedSlices(m, rows))
        velocity.scatter_update(tf.IndexedSlices(v, rows))
        change = rate * m / (tf.sqrt(v) + self.epsilon)
        variable.scatter_sub(tf.IndexedSlices(change, rows))


class WarmedDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A rise over the share `warm_up` of the steps, and a linear fall to `end` times the rate."""

    def __init__(self, rate: float, steps: int, end: float, warm_up: float) -> None:
        self.rate = rate
        self.steps = steps
        self.end = end
        self.warm_up = warm_up

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        done = tf.cast(step, tf.float32)
        fall = 1 - (1 - self.end) * tf.minimum(done / self.steps, 1.0)
        return (
            self.rate
            * fall
            * tf.minimum((done + 1) / max(round(self.warm_up * self.steps), 1), 1.0)
        )

    def get_config(self) -> dict[str, float]:
        return {"rate": self.rate, "steps": self.steps, "end": self.end, "warm_up": self.warm_up}


def make_optimizer(config: TrainingConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer for `steps` steps; raises UsageError for a name that Keras does not know."""
    settings = {
        "learning_rate": WarmedDecay(
            config.learning_rate, steps, config.final_rate, config.warm_up
        ),
        "global_clipnorm": config.clipnorm,
    }
    # `keras.optimizers.get` knows only some of them, and with settings the legacy ones.
    kind = named("optimizer", config.optimizer, keras.optimizers, keras.optimizers.Optimizer)
    optimizer = (LazyAdam if kind is keras.optimizers.Adam else kind)(**settings)
    # XLA would compile the sparse update of the embeddings anew for every number of distinct words.
    optimizer.jit_compile = False
    return optimizer
