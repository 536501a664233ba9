"""The optimizer: Adam for what a step saw, a rate that rises and falls, averaged weights."""

from typing import Any

import numpy as np
import pytest

from model.training.configuration import TrainingConfig
from schemas.errors import UsageError

pytestmark = pytest.mark.training


def test_lazy_adam_is_adam_where_every_row_is_seen_and_still_elsewhere() -> None:
    """Row by row, it equals Keras's Adam on a table that holds only the rows of each step."""
    import tensorflow as tf

    from model.training.keras_version import keras
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

    schedule = WarmedDecay(0.01, 10_000, 0.1, warm_up=0.03)
    rates = [float(schedule(step)) for step in (0, 150, 299, 5_000, 9_999, 10_000, 20_000)]
    assert rates[0] == pytest.approx(0.01 / 300)
    assert rates[0] < rates[1] < rates[2] == pytest.approx(0.01 * (1 - 0.9 * 0.0299))
    assert rates[3:] == pytest.approx([0.0055, 0.0010009, 0.001, 0.001])
    short = WarmedDecay(0.01, 20, 0.5, warm_up=0.1)
    assert float(short(2)) == pytest.approx(0.01 * (1 - 0.5 * 0.1))


def test_any_optimizer_of_keras_is_taken_in_any_case_with_rate_and_clipping() -> None:
    """Those that its own look-up does not know too, such as AdamW."""
    from model.training.keras_version import keras
    from model.training.optimizer import LazyAdam, make_optimizer

    base = keras.optimizers.Optimizer
    kinds = {name: kind for name, kind in vars(keras.optimizers).items() if isinstance(kind, type)}
    names = [name for name, kind in kinds.items() if issubclass(kind, base) and kind is not base]
    assert {"Adam", "AdamW", "RMSprop", "SGD", "Nadam", "Lion"} <= set(names)
    for name in names:
        for spelt in (name, name.lower(), name.upper()):
            optimizer: Any = make_optimizer(TrainingConfig(optimizer=spelt, clipnorm=2.0), 100)
            expected = LazyAdam if name == "Adam" else kinds[name]
            kind: type = type(optimizer)
            assert kind is expected
            assert optimizer.global_clipnorm == 2.0
            assert float(optimizer.learning_rate) == pytest.approx(0.004 / 10)


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("adamm", "did you mean Adam?"),
        ("adam_w2", "did you mean AdamW?"),
        ("zzz", "it has Adadelta, Adafactor, Adagrad, Adam, AdamW,"),
        ("Optimizer", "it has Adadelta,"),
        ("get", "it has Adadelta,"),
    ],
)
def test_an_optimizer_that_keras_lacks_is_a_usage_error_that_names_the_nearest(
    name: str, rest: str
) -> None:
    from model.training.optimizer import make_optimizer

    with pytest.raises(UsageError) as caught:
        make_optimizer(TrainingConfig(optimizer=name), 100)
    expected = f"--optimizer {name}: Keras knows no such optimizer, {rest}"
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("name", ["glorot_uniform", "GlorotUniform", "HE_NORMAL", "henormal"])
def test_an_initializer_is_taken_in_any_case(name: str) -> None:
    from model.training.configuration import NetworkConfig
    from model.training.fit import _known
    from model.training.keras_version import keras

    spelt = _known(NetworkConfig(kernel_initializer=name)).kernel_initializer
    assert spelt.replace("_", "").lower() == name.replace("_", "").lower()
    assert keras.initializers.get(spelt)
    with pytest.raises(UsageError, match=r"initializer he_norml: .* did you mean he_normal\?"):
        _known(NetworkConfig(kernel_initializer="he_norml"))


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
