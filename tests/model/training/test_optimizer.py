"""The optimizer: Adam for what a step saw, a rate that rises and falls, averaged weights."""

import numpy as np
import pytest

from model.training.configuration import TrainingConfig
from schemas.errors import UsageError

pytestmark = pytest.mark.training


def test_lazy_adam_is_adam_where_every_row_is_seen_and_still_elsewhere() -> None:
    """Row by row, it equals Keras's Adam on a table that holds only the rows of each step."""
    import keras
    import tensorflow as tf

    from model.training.optimizer import LazyAdam

    random = np.random.default_rng(0)
    start = random.normal(size=(6, 3)).astype(np.float32)
    table, whole = tf.Variable(start), tf.Variable(start[1:4])
    lazy, adam = LazyAdam(learning_rate=0.1), keras.optimizers.Adam(learning_rate=0.1)
    lazy.jit_compile = adam.jit_compile = False
    for _ in range(5):
        slopes = random.normal(size=(3, 3)).astype(np.float32)
        # A row that a step names twice moves by the sum.
        halves = tf.IndexedSlices(
            tf.constant(np.concatenate([slopes, slopes]) / 2), [1, 2, 3, 1, 2, 3], [6, 3]
        )
        lazy.apply_gradients([(halves, table)])
        adam.apply_gradients([(tf.constant(slopes), whole)])
    np.testing.assert_allclose(table[1:4], whole, rtol=1e-5)
    np.testing.assert_array_equal(table.numpy()[[0, 4, 5]], start[[0, 4, 5]])


def test_the_rate_rises_and_falls_to_its_end() -> None:
    from model.training.optimizer import WarmedDecay

    schedule = WarmedDecay(0.01, 10_000, 0.1)
    rates = [float(schedule(step)) for step in (0, 150, 299, 5_000, 9_999, 10_000, 20_000)]
    assert rates[0] == pytest.approx(0.01 / 300)
    assert rates[0] < rates[1] < rates[2] == pytest.approx(0.01 * (1 - 0.9 * 0.0299))
    assert rates[3:] == pytest.approx([0.0055, 0.0010009, 0.001, 0.001])
    short = WarmedDecay(0.01, 20, 0.5)
    assert float(short(2)) == pytest.approx(0.01 * (1 - 0.5 * 0.1))


@pytest.mark.parametrize("name", ["adam", "Adam", "rmsprop", "SGD", "Nadam"])
def test_any_optimizer_of_keras_is_taken_with_rate_and_clipping(name: str) -> None:
    import keras

    from model.training.optimizer import LazyAdam, make_optimizer

    optimizer = make_optimizer(TrainingConfig(optimizer=name, clipnorm=2.0), 100)
    assert isinstance(optimizer, keras.optimizers.Optimizer)
    assert isinstance(optimizer, LazyAdam) == (name.lower() == "adam")
    assert optimizer.global_clipnorm == 2.0
    assert float(optimizer.learning_rate) == pytest.approx(0.004 / 10)


def test_an_optimizer_that_keras_lacks_is_a_usage_error() -> None:
    from model.training.optimizer import make_optimizer

    with pytest.raises(UsageError, match="--optimizer adamm: Keras knows no such optimizer"):
        make_optimizer(TrainingConfig(optimizer="adamm"), 100)


def test_the_average_is_that_of_the_weights_so_far() -> None:
    """Against a plain loop; the variables come back as they were."""
    import tensorflow as tf

    from model.training.averaging import WeightAverage

    variable = tf.Variable([0.0, 0.0])
    average = WeightAverage([variable], decay=0.9, every=2)
    update = tf.function(average.update)
    expected = np.zeros(2)
    random = np.random.default_rng(1)
    for step in range(1, 31):
        variable.assign(random.normal(size=2))
        update(tf.constant(step))
        if step % 2 == 0:
            keep = min(0.9**2, step / (step + 20))
            expected = keep * expected + (1 - keep) * variable.numpy()
    current = variable.numpy()
    with average.swapped_in():
        np.testing.assert_allclose(variable, expected, rtol=1e-5)
    np.testing.assert_array_equal(variable, current)
