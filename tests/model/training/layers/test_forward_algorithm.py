"""The likelihood of our own, in value and gradient: by all sequences, and by tensorflow-addons."""

import sys
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.records import Ints

pytestmark = pytest.mark.training

ILLEGAL = -1e4


class Case(NamedTuple):
    """Padded sentences with noise right of their lengths."""

    emissions: NDArray[np.float32]  # (batch, time, tag)
    tags: Ints  # (batch, time)
    lengths: Ints
    transitions: NDArray[np.float32]
    weights: NDArray[np.float32]  # (batch,), how much each likelihood counts


class Result(NamedTuple):
    """Likelihoods, and the gradients of their weighted sum."""

    likelihoods: NDArray[Any]
    emissions: NDArray[Any]
    transitions: NDArray[Any]


def cases(sentences: int, time: int, tags: int) -> st.SearchStrategy[Case]:
    """One tag can stand beside all others, as O can."""
    return st.builds(
        case_of,
        st.lists(st.integers(1, time), min_size=1, max_size=sentences),
        st.integers(1, tags),
        st.floats(0, 3),
        st.floats(0, 0.5),
        st.integers(0, 2**32 - 1),
    )


def case_of(lengths: list[int], tags: int, scale: float, illegal: float, seed: int) -> Case:
    random = np.random.default_rng(seed)
    shape = (len(lengths), max(lengths), tags)
    transitions = random.normal(scale=scale, size=(tags, tags))
    forbidden = random.random((tags, tags)) < illegal
    forbidden[0] = forbidden[:, 0] = False
    return Case(
        random.normal(scale=scale, size=shape).astype(np.float32),
        random.integers(0, tags, shape[:2], np.int32),
        np.array(lengths, np.int32),
        np.where(forbidden, ILLEGAL, transitions).astype(np.float32),
        random.normal(size=len(lengths)).astype(np.float32),
    )


def ours(case: Case) -> Result:
    from model.training.layers.forward_algorithm import crf_log_likelihood

    return differentiated(crf_log_likelihood, case)


def differentiated(log_likelihood: Any, case: Case) -> Result:  # noqa: ANN401 - TensorFlow's
    import tensorflow as tf

    inputs = [tf.constant(case.emissions), tf.constant(case.transitions)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        likelihoods, _ = log_likelihood(inputs[0], case.tags, case.lengths, inputs[1])
        total = tf.reduce_sum(likelihoods * case.weights)
    # Sentences of one token leave the addons no gradient of transitions.
    gradients = tape.gradient(total, inputs, unconnected_gradients="zero")
    return Result(likelihoods.numpy(), *(gradient.numpy() for gradient in gradients))


def by_enumeration(case: Case) -> Result:
    """From the scores of all sequences, in float64; a gradient is gold less expected."""
    emissions, transitions = case.emissions.astype(np.float64), case.transitions.astype(np.float64)
    count = emissions.shape[2]
    likelihoods = []
    slopes = np.zeros_like(emissions), np.zeros_like(transitions)
    for n, length in enumerate(case.lengths):
        paths = np.array(list(product(range(count), repeat=int(length))))
        gold = case.tags[n, :length]
        scores = emissions[n, np.arange(length), paths].sum(axis=1)
        scores += transitions[paths[:, :-1], paths[:, 1:]].sum(axis=1)
        norm = np.logaddexp.reduce(scores)
        mine = np.flatnonzero((paths == gold).all(axis=1))[0]
        likelihoods.append(scores[mine] - norm)
        surplus = case.weights[n] * ((np.arange(len(paths)) == mine) - np.exp(scores - norm))
        for path, much in zip(paths, surplus, strict=True):
            slopes[0][n, np.arange(length), path] += much
            np.add.at(slopes[1], (path[:-1], path[1:]), much)
    return Result(np.array(likelihoods), *slopes)


def assert_same(found: Result, expected: Result, case: Case) -> None:
    """To 1e-5 of the two sums that each is the difference of: scores, and tokens counted."""
    size = max(1.0, float(np.abs(case.emissions).max(axis=2).sum(axis=1).max()))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5 * size)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-5)
    counted = max(1.0, float(np.abs(case.weights) @ case.lengths))
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-5, atol=1e-5 * counted)


@given(case=cases(sentences=3, time=5, tags=4))
def test_value_and_gradient_are_those_of_all_sequences(case: Case) -> None:
    """With forbidden transitions, also in the gold tags; padding is not read, and has no slope."""
    assert_same(ours(case), by_enumeration(case), case)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tensorflow-addons has no release for it")
@settings(max_examples=50)
@given(case=cases(sentences=4, time=25, tags=9))
def test_value_and_gradient_are_those_of_tensorflow_addons(case: Case) -> None:
    from tensorflow_addons.text import crf_log_likelihood

    assert_same(ours(case), differentiated(crf_log_likelihood, case), case)


def test_the_addons_give_the_likelihood_where_they_exist() -> None:
    from model.training.keras_version import keras
    from model.training.layers import crf_likelihood

    giver = vars(crf_likelihood)["crf_log_likelihood"].__module__
    is_old = sys.version_info < (3, 12)
    assert giver.startswith("tensorflow_addons." if is_old else "model.training.layers.")
    assert keras.__version__.startswith("2.15." if is_old else "2.2")
    assert keras.__name__.partition(".")[0] == ("keras" if is_old else "tf_keras")


def test_a_score_that_is_out_of_reach_underflows_to_nothing_wrong() -> None:
    """A tag 200 behind at one token, that the next token needs: in log space it is still there."""
    emissions = np.array([[[200.0, 0.0], [0.0, 0.0]]], np.float32)
    transitions = np.array([[0.0, ILLEGAL], [0.0, 0.0]], np.float32)
    tags, lengths, weights = np.ones((1, 2), np.int32), np.array([2], np.int32), np.ones(1)
    found = ours(Case(emissions, tags, lengths, transitions, weights.astype(np.float32)))
    np.testing.assert_allclose(found.likelihoods, [-200.0], rtol=1e-6)
    np.testing.assert_allclose(found.emissions, [[[-1.0, 1.0], [-1.0, 1.0]]], atol=1e-6)
