"""Where training takes the likelihood from, it is the CRF's by definition."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from model.tagger import crf
from model.tags import SCHEMES, TagSet, spans_of, tags_of
from schemas.records import Ints

pytestmark = pytest.mark.training

LENGTHS = (1, 2, 5, 127, 128, 131, 300)


@pytest.fixture(params=list(SCHEMES))
def tag_set(request: pytest.FixtureRequest) -> TagSet:
    return TagSet(("geo", "per"), request.param)


class Case(NamedTuple):
    """A padded batch with random scores and random legal tags."""

    emissions: NDArray[np.float32]  # (batch, time, tag)
    tags: Ints  # (batch, time)
    lengths: Ints
    potentials: crf.Potentials


def case_of(tag_set: TagSet, lengths: tuple[int, ...], seed: int = 5) -> Case:
    random = np.random.default_rng(seed)
    count, time = len(tag_set.tags), max(lengths)
    tags = np.zeros((len(lengths), time), np.int32)
    for row, length in zip(tags, lengths, strict=True):
        row[:length] = tag_set.encode(random.choice(TagSet(tag_set.labels).tags, length).tolist())
    return Case(
        random.normal(scale=2, size=(len(lengths), time, count)).astype(np.float32),
        tags,
        np.array(lengths, np.int32),
        crf.Potentials(
            np.where(tag_set.legal_start, random.normal(size=count), -np.inf),
            np.where(tag_set.legal_transition, random.normal(size=(count, count)), -np.inf),
            np.where(tag_set.legal_end, random.normal(size=count), -np.inf),
        ),
    )


def weights_of(case: Case) -> tuple[NDArray[np.float32], ...]:
    """Start, transition and end scores as the training step passes them: no -inf."""
    from model.training.layers.crf_likelihood import ILLEGAL

    return tuple(
        np.where(np.isfinite(scores), scores, ILLEGAL).astype(np.float32)
        for scores in (case.potentials.start, case.potentials.transitions, case.potentials.end)
    )


def likelihood_of(case: Case) -> NDArray[Any]:
    from model.training.layers.crf_likelihood import log_likelihood

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
def test_likelihood_is_score_less_log_z(tag_set: TagSet, lengths: tuple[int, ...]) -> None:
    """With start and end scores and masked transitions, for lengths on both sides of 127."""
    case = case_of(tag_set, lengths)
    # float32 sums over up to 300 tokens
    np.testing.assert_allclose(likelihood_of(case), expected_of(case), rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_likelihoods_of_all_legal_sequences_are_those_of_enumeration(
    tag_set: TagSet, length: int
) -> None:
    """They share the whole probability; an illegal sequence has none."""
    sequences = np.array(list(product(range(len(tag_set.tags)), repeat=length)), np.int32)
    names = [[tag_set.tags[tag] for tag in sequence] for sequence in sequences]
    legal = np.array([tags_of(spans_of(tags), length, tag_set.scheme) == tags for tags in names])
    case = case_of(tag_set, (length,))
    emissions, potentials = case.emissions[0].astype(np.float64), case.potentials
    scores = potentials.start[sequences[:, 0]] + potentials.end[sequences[:, -1]]
    scores += emissions[np.arange(length), sequences].sum(axis=1)
    scores += potentials.transitions[sequences[:, :-1], sequences[:, 1:]].sum(axis=1)
    weights = np.where(legal, np.exp(scores), 0.0)

    likelihoods = likelihood_of(
        Case(
            np.repeat(case.emissions, len(sequences), axis=0),
            sequences,
            np.full(len(sequences), length, np.int32),
            potentials,
        )
    )

    np.testing.assert_allclose(np.exp(likelihoods), weights / weights.sum(), rtol=1e-4)
    assert not np.exp(likelihoods[~legal]).any()


def test_padding_is_not_read(tag_set: TagSet) -> None:
    case = case_of(tag_set, LENGTHS)
    random = np.random.default_rng(0)
    padding = np.arange(case.tags.shape[1]) >= case.lengths[:, None]
    noise = random.normal(scale=1e3, size=case.emissions.shape).astype(np.float32)
    other = case._replace(
        emissions=np.where(padding[:, :, None], noise, case.emissions),
        tags=np.where(padding, random.integers(0, 5, case.tags.shape), case.tags).astype(np.int32),
    )
    np.testing.assert_allclose(likelihood_of(other), likelihood_of(case), rtol=1e-6)


def test_a_longer_companion_changes_nothing(tag_set: TagSet) -> None:
    case = case_of(tag_set, LENGTHS)
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


def test_gradients_are_finite_and_those_of_a_probability(tag_set: TagSet) -> None:
    """Towards an emission: gold less marginal; towards padding: 0."""
    import tensorflow as tf

    from model.training.layers.crf_likelihood import log_likelihood

    case = case_of(tag_set, (1, 4, 130))
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
    gold = np.eye(len(tag_set.tags))[case.tags[present]]
    np.testing.assert_allclose(gradients[0][present], gold - marginals, atol=2e-4)
    assert not gradients[0][~present].any()
