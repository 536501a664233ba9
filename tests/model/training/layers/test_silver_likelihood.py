"""What teachers tell of tags counts by the definition: as far as they are sure, and no further."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.records import Ints

pytestmark = pytest.mark.training

Floats = NDArray[np.float32]


class Case(NamedTuple):
    """Padded sentences with what is told of them; one tag each is the gold."""

    emissions: Floats  # (batch, time, tag)
    possible: Floats  # (batch, time, tag)
    certainty: Floats  # (batch, time)
    tags: Ints  # (batch, time)
    lengths: Ints
    start: Floats
    transitions: Floats
    end: Floats


def case_of(lengths: list[int], tags: int, others: float, seed: int) -> Case:
    random = np.random.default_rng(seed)
    shape = (len(lengths), max(lengths), tags)
    gold = random.integers(0, tags, shape[:2], np.int32)
    possible = (random.random(shape) < others) | (np.arange(tags) == gold[:, :, None])

    def scores(*shape: int) -> Floats:
        return random.normal(scale=2, size=shape).astype(np.float32)

    return Case(
        scores(*shape),
        possible.astype(np.float32),
        random.random(shape[:2]).astype(np.float32),
        gold,
        np.array(lengths, np.int32),
        scores(tags),
        scores(tags, tags),
        scores(tags),
    )


cases = st.builds(
    case_of,
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.integers(2, 4),
    st.floats(0, 0.6),
    st.integers(0, 2**32 - 1),
)


def told(case: Case) -> NDArray[Any]:
    from model.training.layers.crf_likelihood import silver_log_likelihood

    emissions, possible, certainty, _, *scores = case
    result: NDArray[Any] = silver_log_likelihood(emissions, possible, certainty, *scores).numpy()
    return result


def gold(case: Case) -> NDArray[Any]:
    from model.training.layers.crf_likelihood import log_likelihood

    result: NDArray[Any] = log_likelihood(case.emissions, case.tags, *case[4:]).numpy()
    return result


@given(case=cases)
def test_it_is_the_chance_that_the_teacher_says_so(case: Case) -> None:
    """Over all tag sequences: a tag that is not possible was a guess, and the others need not be.

    The chance of what is told, by that of what is told where nothing speaks against it.
    """
    expected = []
    for n, length in enumerate(case.lengths):
        paths = np.array(list(product(range(case.emissions.shape[2]), repeat=int(length))))
        times = np.arange(length)
        scores = case.start[paths[:, 0]] + case.end[paths[:, -1]].astype(np.float64)
        scores += case.emissions[n, times, paths].sum(axis=1)
        scores += case.transitions[paths[:, :-1], paths[:, 1:]].sum(axis=1)
        probability = np.exp(scores - np.logaddexp.reduce(scores))
        sure = case.certainty[n, :length].astype(np.float64)
        guess = (1 - sure) / case.emissions.shape[2]
        knows = sure * case.possible[n, times, paths]
        expected.append(np.log(probability @ ((knows + guess) / (sure + guess)).prod(axis=1)))
    np.testing.assert_allclose(told(case), expected, rtol=1e-4, atol=1e-4)


@given(case=cases)
def test_a_sure_teacher_of_one_tag_each_is_gold(case: Case) -> None:
    count = case.emissions.shape[2]
    one = (np.arange(count) == case.tags[:, :, None]).astype(np.float32)
    sure = case._replace(possible=one, certainty=np.ones_like(case.certainty))
    np.testing.assert_allclose(told(sure), gold(case), rtol=1e-4, atol=1e-4)


@given(case=cases)
def test_who_says_nothing_teaches_nothing(case: Case) -> None:
    """Neither an unsure teacher nor one to whom all tags are possible; the gradient too is 0."""
    import tensorflow as tf

    from model.training.layers.crf_likelihood import silver_log_likelihood

    nothing = [
        (case.possible, np.zeros_like(case.certainty)),
        (np.ones_like(case.possible), case.certainty),
    ]
    for possible, certainty in nothing:
        emissions = tf.constant(case.emissions)
        with tf.GradientTape() as tape:
            tape.watch(emissions)
            found = silver_log_likelihood(emissions, possible, certainty, *case[4:])
        np.testing.assert_allclose(found, np.zeros(len(case.lengths)), atol=1e-4)
        np.testing.assert_allclose(tape.gradient(found, emissions), 0, atol=1e-4)


@given(case=cases, noise=st.integers(0, 2**32 - 1))
def test_padding_is_not_read(case: Case, noise: int) -> None:
    random = np.random.default_rng(noise)
    beyond = np.arange(case.certainty.shape[1]) >= case.lengths[:, None]
    emissions, possible, certainty = (part.copy() for part in case[:3])
    emissions[beyond] = random.normal(scale=9, size=emissions[beyond].shape)
    possible[beyond] = 0
    certainty[beyond] = random.random(certainty[beyond].shape)
    spoilt = case._replace(emissions=emissions, possible=possible, certainty=certainty)
    np.testing.assert_allclose(told(spoilt), told(case), rtol=1e-5, atol=1e-5)
