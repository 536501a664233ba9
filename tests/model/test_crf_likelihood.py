"""The seam to tensorflow_addons gives the CRF's likelihood as it is defined."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from model import crf
from model.tags import TagSet
from schemas.records import Ints

pytestmark = pytest.mark.training

TAGS = TagSet(("geo", "per"))
LENGTHS = (1, 2, 5, 127, 128, 131, 300)


class Case(NamedTuple):
    """A padded batch with random scores and random legal tags."""

    emissions: NDArray[np.float32]  # (batch, time, tag)
    tags: Ints  # (batch, time)
    lengths: Ints
    potentials: crf.Potentials


def case_of(lengths: tuple[int, ...], seed: int = 5) -> Case:
    random = np.random.default_rng(seed)
    count, time = len(TAGS.tags), max(lengths)
    tags = np.zeros((len(lengths), time), np.int32)
    for row, length in zip(tags, lengths, strict=True):
        allowed = TAGS.legal_start
        for t in range(length):
            row[t] = random.choice(np.flatnonzero(allowed))
            allowed = TAGS.legal_transition[row[t]]
    return Case(
        random.normal(scale=2, size=(len(lengths), time, count)).astype(np.float32),
        tags,
        np.array(lengths, np.int32),
        crf.Potentials(
            np.where(TAGS.legal_start, random.normal(size=count), -np.inf),
            np.where(TAGS.legal_transition, random.normal(size=(count, count)), -np.inf),
            random.normal(size=count),
        ),
    )


def weights_of(case: Case) -> tuple[NDArray[np.float32], ...]:
    """Start, transition and end scores as the training step passes them: no -inf."""
    from model.crf_likelihood import ILLEGAL

    return tuple(
        np.where(np.isfinite(scores), scores, ILLEGAL).astype(np.float32)
        for scores in (case.potentials.start, case.potentials.transitions, case.potentials.end)
    )


def likelihood_of(case: Case) -> NDArray[Any]:
    from model.crf_likelihood import log_likelihood

    result: NDArray[Any] = log_likelihood(
        case.emissions, case.tags, case.lengths, *weights_of(case)
    ).numpy()
    return result


def expected_of(case: Case) -> list[float]:
    """Score of the tags by the definition, less log Z: by enumeration-tested `crf.forward`."""
    expected = []
    start, transitions, end = (
        case.potentials.start,
        case.potentials.transitions,
        case.potentials.end,
    )
    for emissions, tags, length in zip(case.emissions, case.tags, case.lengths, strict=True):
        mine, gold = emissions[:length].astype(np.float64), tags[:length]
        score = start[gold[0]] + end[gold[-1]] + mine[np.arange(length), gold].sum()
        score += transitions[gold[:-1], gold[1:]].sum()
        _, log_z = crf.forward(case.potentials, mine, np.array([length], np.int32))
        expected.append(score - log_z[0])
    return expected


@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (1, 1), (128,), (3, 3)])
def test_likelihood_is_score_less_log_z(lengths: tuple[int, ...]) -> None:
    """With start and end scores and masked transitions, for lengths on both sides of 127."""
    case = case_of(lengths)
    # float32 sums over up to 300 tokens
    np.testing.assert_allclose(likelihood_of(case), expected_of(case), rtol=2e-5, atol=2e-4)


def test_padding_is_not_read() -> None:
    case = case_of(LENGTHS)
    random = np.random.default_rng(0)
    padding = np.arange(case.tags.shape[1]) >= case.lengths[:, None]
    noise = random.normal(scale=1e3, size=case.emissions.shape).astype(np.float32)
    other = case._replace(
        emissions=np.where(padding[:, :, None], noise, case.emissions),
        tags=np.where(padding, random.integers(0, 5, case.tags.shape), case.tags).astype(np.int32),
    )
    np.testing.assert_allclose(likelihood_of(other), likelihood_of(case), rtol=1e-6)


def test_a_longer_companion_changes_nothing() -> None:
    case = case_of(LENGTHS)
    alone = [
        likelihood_of(
            Case(
                case.emissions[i : i + 1, :length],
                case.tags[i : i + 1, :length],
                case.lengths[i : i + 1],
                case.potentials,
            )
        )[0]
        for i, length in enumerate(LENGTHS)
    ]
    np.testing.assert_allclose(likelihood_of(case), alone, rtol=1e-5, atol=1e-4)


def test_gradients_are_finite_and_those_of_a_probability() -> None:
    """Towards an emission: gold less marginal; towards padding: 0."""
    import tensorflow as tf

    from model.crf_likelihood import log_likelihood

    case = case_of((1, 4, 130))
    inputs = [tf.constant(array) for array in (case.emissions, *weights_of(case))]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        emissions, start, transitions, end = inputs
        total = tf.reduce_sum(
            log_likelihood(emissions, case.tags, case.lengths, start, transitions, end)
        )
    gradients = [gradient.numpy() for gradient in tape.gradient(total, inputs)]

    assert all(np.isfinite(gradient).all() for gradient in gradients)
    present = np.arange(case.tags.shape[1]) < case.lengths[:, None]
    flat = case.emissions[present]
    alpha, log_z = crf.forward(case.potentials, flat, case.lengths)
    beta = crf.backward(case.potentials, flat, case.lengths)
    marginals = np.exp(alpha + beta - np.repeat(log_z, case.lengths)[:, None])
    gold = np.eye(len(TAGS.tags))[case.tags[present]]
    np.testing.assert_allclose(gradients[0][present], gold - marginals, atol=2e-4)
    assert not gradients[0][~present].any()
