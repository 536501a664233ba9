"""The LSTM of training against Keras's own, and against a plain loop that TensorFlow derives."""

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.training

FEATURES, UNITS, WORDS = 5, 4, 9


def layer(seed: int = 1) -> Any:  # noqa: ANN401 - Keras has no types
    from model.training.keras_version import keras
    from model.training.layers.bilstm import BiLSTM

    keras.utils.set_random_seed(seed)
    bilstm = BiLSTM(UNITS, "glorot_uniform")
    bilstm.build((None, FEATURES))
    bilstm.bias.assign(np.random.default_rng(seed).normal(size=bilstm.bias.shape))
    return bilstm


def batch(lengths: list[int], seed: int = 0) -> tuple[Any, Any, Any]:
    """Features of distinct words, positions in them (noise right of a length), and lengths."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(WORDS, FEATURES)).astype(np.float32)
    words = random.integers(0, WORDS, (len(lengths), max(lengths)), np.int32)
    return features, words, np.array(lengths, np.int32)


def gradients(tape: Any, hidden: Any, lengths: Any, of: list[Any]) -> list[Any]:  # noqa: ANN401
    """Of a loss that weighs every hidden state within the lengths differently."""
    import tensorflow as tf

    with tape:
        weights = np.random.default_rng(3).normal(size=hidden.shape).astype(np.float32)
        inside = tf.sequence_mask(lengths, hidden.shape[1], tf.float32)[:, :, None]
        loss = tf.reduce_sum(tf.sin(hidden) * weights * inside)
    return [tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, of)]


@pytest.mark.parametrize("lengths", [[7, 7, 7], [12, 5, 1], [1]])
def test_states_and_gradients_are_those_of_keras(lengths: list[int]) -> None:
    import tensorflow as tf

    from model.training.keras_version import layers

    ours = layer()
    features, words, sizes = batch(lengths)
    theirs = layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True))
    theirs.build((None, None, FEATURES))
    for direction, lstm in enumerate((theirs.forward_layer, theirs.backward_layer)):
        lstm.set_weights([weight[direction] for weight in (ours.kernel, ours.recurrent, ours.bias)])

    inputs = tf.Variable(features)
    with tf.GradientTape(persistent=True) as tape:
        found = ours(inputs, words, sizes)
    kernels = gradients(tape, found, sizes, [ours.kernel, ours.recurrent, ours.bias, inputs])
    with tf.GradientTape(persistent=True) as keras_tape:
        mask = tf.sequence_mask(sizes, words.shape[1])
        expected = theirs(tf.gather(inputs, words), mask=mask)
    wanted = gradients(keras_tape, expected, sizes, [*theirs.trainable_variables, inputs])

    for row, same, size in zip(found.numpy(), expected.numpy(), lengths, strict=True):
        np.testing.assert_allclose(row[:size], same[:size], atol=1e-6)
    for n, gradient in enumerate(kernels[:3]):
        for direction in range(2):
            np.testing.assert_allclose(gradient[direction], wanted[3 * direction + n], atol=1e-5)
    np.testing.assert_allclose(kernels[3], wanted[6], atol=1e-5)


def test_recurrent_dropout_has_the_gradient_of_a_plain_loop() -> None:
    """One mask for all steps multiplies the state before each of them."""
    import tensorflow as tf

    ours = layer(seed=2)
    features, words, sizes = batch([6, 6], seed=4)
    mask = np.random.default_rng(5).choice([0.0, 2.0], (2, 2, UNITS)).astype(np.float32)
    variables = [ours.kernel, ours.recurrent, ours.bias]

    def plain() -> Any:  # noqa: ANN401
        directions = []
        for direction in range(2):
            hidden = cell = tf.zeros([2, UNITS])
            states = []
            steps = words[:, ::-1] if direction else words
            for t in range(words.shape[1]):
                gates = tf.gather(features, steps[:, t]) @ ours.kernel[direction]
                gates += ours.bias[direction]
                gates += (hidden * mask[direction]) @ ours.recurrent[direction]
                i, f, c, o = tf.split(gates, 4, axis=1)
                cell = tf.sigmoid(f) * cell + tf.sigmoid(i) * tf.tanh(c)
                hidden = tf.sigmoid(o) * tf.tanh(cell)
                states.append(hidden)
            directions.append(tf.stack(states[::-1] if direction else states, axis=1))
        return tf.concat(directions, axis=-1)

    with tf.GradientTape(persistent=True) as tape:
        found = ours(features, words, sizes, mask)
    with tf.GradientTape(persistent=True) as plain_tape:
        expected = plain()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for ours_, theirs in zip(
        gradients(tape, found, sizes, variables),
        gradients(plain_tape, expected, sizes, variables),
        strict=True,
    ):
        np.testing.assert_allclose(ours_, theirs, atol=1e-5)


def test_each_direction_starts_from_weights_of_its_own() -> None:
    """Forget gates start open (Jozefowicz et al. 2015), and no two directions start alike."""
    from model.training.keras_version import keras
    from model.training.layers.bilstm import BiLSTM

    keras.utils.set_random_seed(1)
    bilstm = BiLSTM(UNITS, "he_normal")
    bilstm.build((None, FEATURES))
    for weight in (bilstm.kernel.numpy(), bilstm.recurrent.numpy()):
        assert not np.allclose(weight[0], weight[1])
    assert bilstm.bias.numpy().tolist() == [[0.0] * 4 + [1.0] * 4 + [0.0] * 8] * 2
