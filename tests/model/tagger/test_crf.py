"""The CRF agrees with enumerating all tag sequences, with plain loops and tensorflow_addons."""

import sys
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from model.tagger.crf import Potentials, TokenSpans, backward, decode, forward, marginals
from model.tagger.span_posteriors import span_posteriors
from model.tags import SCHEMES, Span, TagSet, spans_of, tags_of
from schemas.records import Ints

Scores = NDArray[np.float64]

SCALES = st.sampled_from([0.0, 0.1, 1.0, 10.0, 1e3, 1e5])
SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=4)
LABELS = ("geo", "org", "per")
TAG_SETS = st.builds(TagSet, st.sampled_from([LABELS[:1], LABELS[:2]]), st.sampled_from([*SCHEMES]))
each_scheme = pytest.mark.parametrize("scheme", list(SCHEMES))


def random_potentials(
    random: np.random.Generator,
    scale: float,
    start: NDArray[np.bool_],
    transition: NDArray[np.bool_],
    end: NDArray[np.bool_],
) -> Potentials:
    """Random scores where something is legal, and -inf elsewhere."""
    return Potentials(
        *(
            np.where(legal, random.normal(scale=scale, size=legal.shape), -np.inf)
            for legal in (start, transition, end)
        )
    )


def legal_potentials(random: np.random.Generator, scale: float, tags: TagSet) -> Potentials:
    return random_potentials(random, scale, tags.legal_start, tags.legal_transition, tags.legal_end)


@cache
def sequences(tags: int, length: int) -> Ints:
    return np.array(list(product(range(tags), repeat=length)), np.int32)


def sequence_scores(potentials: Potentials, emissions: Scores, tags: Ints) -> Scores:
    """The definition of a score, for tag sequences (sequence, time)."""
    scores: Scores = potentials.start[tags[:, 0]] + potentials.end[tags[:, -1]]
    scores += emissions[np.arange(len(emissions)), tags].sum(axis=1)
    scores += potentials.transitions[tags[:, :-1], tags[:, 1:]].sum(axis=1)
    return scores


def log_sum(scores: Scores) -> float:
    return float(np.logaddexp.reduce(scores))


def one(length: int) -> Ints:
    return np.array([length], np.int32)


@given(SEEDS, st.integers(3, 7), st.integers(1, 5), SCALES, st.sampled_from([0.0, 1.0, 30.0]))
@settings(max_examples=150)
def test_decode_and_log_z_equal_enumeration(
    seed: int, tags: int, length: int, scale: float, own_scale: float
) -> None:
    """Of all legal sequences the best is decoded and all are summed, for scores of any size."""
    random = np.random.default_rng(seed)
    start, legal, end = (random.random(size) < 0.6 for size in (tags, (tags, tags), tags))
    start[0] = legal[:, 0] = end[0] = True  # as `O` is, so that some sequence is legal
    potentials = random_potentials(random, own_scale, start, legal, end)
    emissions = random.normal(scale=scale, size=(length, tags))
    scores = sequence_scores(potentials, emissions, sequences(tags, length))

    decoded = decode(potentials, emissions, one(length))
    _, log_z = forward(potentials, emissions, one(length))

    best = sequence_scores(potentials, emissions, decoded[None])[0]
    assert best == pytest.approx(scores.max(), rel=1e-12, abs=1e-9)
    assert log_z[0] == pytest.approx(log_sum(scores), rel=1e-12, abs=1e-9)


@given(SEEDS, st.integers(3, 5), st.integers(1, 4), SCALES)
@settings(max_examples=60)
def test_forward_and_backward_scores_equal_enumeration(
    seed: int, tags: int, length: int, scale: float
) -> None:
    """Alpha sums what leads to a token's tag, beta what follows it; both are exact in logs."""
    random = np.random.default_rng(seed)
    legal = random.random((tags, tags)) < 0.7
    legal[:, 0] = legal[0] = True
    anywhere = np.ones(tags, bool)
    potentials = random_potentials(random, 1.0, anywhere, legal, anywhere)
    emissions = random.normal(scale=scale, size=(length, tags))
    all_tags = sequences(tags, length)
    scores = sequence_scores(potentials, emissions, all_tags)

    alpha, _ = forward(potentials, emissions, one(length))
    through = alpha + backward(potentials, emissions, one(length))

    for time, tag in product(range(length), range(tags)):
        expected = log_sum(scores[all_tags[:, time] == tag])
        assert through[time, tag] == pytest.approx(expected, rel=1e-12, abs=1e-9)


@given(SEEDS, st.integers(1, 5), SCALES, TAG_SETS)
@settings(max_examples=60)
def test_marginals_are_the_mass_of_the_sequences_with_the_tag(
    seed: int, length: int, scale: float, tags: TagSet
) -> None:
    random = np.random.default_rng(seed)
    potentials = legal_potentials(random, 1.0, tags)
    emissions = random.normal(scale=scale, size=(length, len(tags.tags)))
    all_tags = sequences(len(tags.tags), length)
    scores = sequence_scores(potentials, emissions, all_tags)
    mass = np.exp(scores - log_sum(scores))

    found = marginals(potentials, emissions, one(length))

    for time, tag in product(range(length), range(len(tags.tags))):
        assert found[time, tag] == pytest.approx(mass[all_tags[:, time] == tag].sum(), abs=1e-9)


@cache
def spannings(labels: tuple[str, ...], length: int) -> list[list[Span]]:
    """All the ways in which a sentence can hold spans."""
    if not length:
        return [[]]
    last_outside = spannings(labels, length - 1)
    return last_outside + [
        [*before, Span(length - size, length, label)]
        for size in range(1, length + 1)
        for label in labels
        for before in spannings(labels, length - size)
    ]


def token_spans(spans: list[Span], tags: TagSet) -> TokenSpans:
    return TokenSpans(
        np.array([span.start for span in spans], np.int64),
        np.array([span.end for span in spans], np.int64),
        np.array([tags.labels.index(span.label) for span in spans], np.int64),
    )


def spans_within(lengths: Ints, labels: tuple[str, ...]) -> list[Span]:
    """Every possible span of every sentence of a batch."""
    ends = np.cumsum(lengths).tolist()
    return [
        Span(start, end, label)
        for stop, length in zip(ends, lengths.tolist(), strict=True)
        for start in range(stop - length, stop)
        for end in range(start + 1, stop + 1)
        for label in labels
    ]


@given(SEEDS, TAG_SETS, st.integers(1, 6), SCALES, st.sampled_from([0.0, 1.0, 30.0]))
@settings(max_examples=200)
def test_span_posterior_is_the_mass_of_the_sequences_that_hold_the_span(
    seed: int, tags: TagSet, length: int, scale: float, own_scale: float
) -> None:
    """Among what the scheme writes for all the ways in which a sentence can hold spans."""
    random = np.random.default_rng(seed)
    potentials = legal_potentials(random, own_scale, tags)
    emissions = random.normal(scale=scale, size=(length, len(tags.tags)))
    ways = spannings(tags.labels, length)
    written = [[tags.index[tag] for tag in tags_of(way, length, tags.scheme)] for way in ways]
    scores = sequence_scores(potentials, emissions, np.array(written, np.int32))
    probabilities = np.exp(scores - log_sum(scores))
    spans = spans_within(one(length), tags.labels)

    posteriors = span_posteriors(
        potentials, emissions, one(length), token_spans(spans, tags), tags.span_tags
    )

    masses = dict.fromkeys(spans, 0.0)
    for way, probability in zip(ways, probabilities.tolist(), strict=True):
        for span in way:
            masses[span] += probability
    # Scores of 1e5 keep ten of float64's sixteen digits behind the point.
    np.testing.assert_allclose(posteriors, list(masses.values()), rtol=0, atol=1e-9)


@given(SEEDS, TAG_SETS, SIZES, SCALES)
@settings(max_examples=50)
def test_posteriors_do_not_depend_on_the_other_sentences_and_spans(
    seed: int, tags: TagSet, sizes: list[int], scale: float
) -> None:
    """All spans of a batch at once, or each one alone with its sentence."""
    random = np.random.default_rng(seed)
    potentials = legal_potentials(random, 1.0, tags)
    lengths = np.array(sizes, np.int32)
    emissions = random.normal(scale=scale, size=(sum(sizes), len(tags.tags)))
    ends = np.cumsum(lengths)
    spans = spans_within(lengths, tags.labels)
    spans = [spans[n] for n in random.permutation(len(spans))]

    together = span_posteriors(
        potentials, emissions, lengths, token_spans(spans, tags), tags.span_tags
    )

    for span, posterior in zip(spans[:20], together, strict=False):
        sentence = int(np.searchsorted(ends, span.start, side="right"))
        first, stop = int(ends[sentence] - lengths[sentence]), int(ends[sentence])
        moved = Span(span.start - first, span.end - first, span.label)
        alone = span_posteriors(
            potentials,
            emissions[first:stop],
            one(stop - first),
            token_spans([moved], tags),
            tags.span_tags,
        )
        assert alone[0] == pytest.approx(posterior, rel=1e-6, abs=1e-9)


@given(SEEDS, TAG_SETS, SIZES, SCALES)
@settings(max_examples=50)
def test_a_token_is_outside_or_in_exactly_one_span(
    seed: int, tags: TagSet, sizes: list[int], scale: float
) -> None:
    """At each token of a batch, P(O) and the posteriors of the spans over it sum to 1."""
    random = np.random.default_rng(seed)
    potentials = legal_potentials(random, 1.0, tags)
    lengths = np.array(sizes, np.int32)
    emissions = random.normal(scale=scale, size=(sum(sizes), len(tags.tags)))
    spans = spans_within(lengths, tags.labels)

    posteriors = span_posteriors(
        potentials, emissions, lengths, token_spans(spans, tags), tags.span_tags
    )

    alpha, log_z = forward(potentials, emissions, lengths)
    beta = backward(potentials, emissions, lengths)
    outside = np.exp(alpha[:, 0] + beta[:, 0] - np.repeat(log_z, lengths))
    covered = np.zeros(len(emissions))
    for span, posterior in zip(spans, posteriors, strict=True):
        covered[span.start : span.end] += posterior
    assert (posteriors >= 0).all()
    assert (posteriors <= 1).all()
    np.testing.assert_allclose(outside + covered, 1, atol=1e-8)


@given(
    SEEDS,
    TAG_SETS,
    st.sampled_from([0.0, 1.0, 1e3]),
    arrays(
        np.float32,
        (12, 9),
        elements=st.sampled_from([0.0, 1.0, -1e3, 1e3])
        | st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.lists(st.integers(1, 6), min_size=2, max_size=2),
)
@settings(max_examples=200)
def test_no_emissions_decode_into_an_illegal_sequence(
    seed: int, tags: TagSet, own_scale: float, emissions: NDArray[np.float32], sizes: list[int]
) -> None:
    """Decoded tags are what the scheme writes for their spans, whatever the network says.

    Also for ties, and for scores that leave the legal sequences far behind the illegal ones.
    """
    potentials = legal_potentials(np.random.default_rng(seed), own_scale, tags)
    lengths = np.array(sizes, np.int32)

    decoded = decode(potentials, emissions[: sum(sizes), : len(tags.tags)], lengths)

    for sentence in np.split(decoded, np.cumsum(lengths)[:-1]):
        names = [tags.tags[tag] for tag in sentence]
        assert names == tags_of(spans_of(names), len(names), tags.scheme)


@each_scheme
def test_sentences_do_not_see_their_company(scheme: str) -> None:
    """A batch of sentences of 1 to 300 tokens gives what each gives alone."""
    tags = TagSet(LABELS, scheme)
    random = np.random.default_rng(3)
    potentials = legal_potentials(random, 1.0, tags)
    lengths = np.array([3, 1, 300, 128, 1, 129, 17, 3], np.int32)
    emissions = random.normal(scale=2, size=(lengths.sum(), len(tags.tags)))
    batch_tags = decode(potentials, emissions, lengths)
    batch_alpha, batch_z = forward(potentials, emissions, lengths)
    batch_beta = backward(potentials, emissions, lengths)

    for i, stop in enumerate(np.cumsum(lengths)):
        mine = slice(stop - lengths[i], stop)
        alone = one(lengths[i])
        alpha, log_z = forward(potentials, emissions[mine], alone)
        beta = backward(potentials, emissions[mine], alone)
        np.testing.assert_array_equal(decode(potentials, emissions[mine], alone), batch_tags[mine])
        np.testing.assert_allclose(alpha, batch_alpha[mine], rtol=1e-12)
        np.testing.assert_allclose(beta, batch_beta[mine], rtol=1e-12)
        np.testing.assert_allclose(log_z[0], batch_z[i], rtol=1e-12)


@each_scheme
@pytest.mark.parametrize("length", [1, 2, 127, 128, 129, 5000])
def test_sums_over_any_length_neither_overflow_nor_lose_anything(length: int, scheme: str) -> None:
    """Log Z, and a span as long as the sentence, equal plain loops in logs."""
    tags = TagSet(LABELS, scheme)
    random = np.random.default_rng(length)
    potentials = legal_potentials(random, 1.0, tags)
    emissions = random.normal(scale=5, size=(length, len(tags.tags)))
    alpha = potentials.start + emissions[0]
    for emission in emissions[1:]:
        alpha = np.logaddexp.reduce(alpha[:, None] + potentials.transitions, axis=0) + emission
    written = tags_of([Span(0, length, "org")], length, scheme)
    whole = np.array([[tags.index[tag] for tag in written]], np.int32)
    # So that the span is likely enough for its probability to say something.
    emissions[np.arange(length), whole[0]] += 12
    score = sequence_scores(potentials, emissions, whole)[0]

    with np.errstate(over="raise", invalid="raise"):
        plain = emissions.copy()
        plain[np.arange(length), whole[0]] -= 12
        _, log_z = forward(potentials, plain, one(length))
        _, raised_z = forward(potentials, emissions, one(length))
        spans = token_spans([Span(0, length, "org")], tags)
        posterior = span_posteriors(potentials, emissions, one(length), spans, tags.span_tags)

    assert log_z[0] == pytest.approx(np.logaddexp.reduce(alpha + potentials.end), rel=1e-11)
    assert posterior[0] == pytest.approx(np.exp(score - raised_z[0]), rel=1e-6)


@pytest.mark.training
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tensorflow-addons has no release for it")
def test_decode_and_log_z_equal_tensorflow_addons() -> None:
    """Without start and end scores, on padded batches with lengths 1 to 200."""
    from tensorflow_addons.text import crf_log_norm, viterbi_decode

    random = np.random.default_rng(11)
    lengths = np.array([1, 2, 7, 128, 200], np.int32)
    padded = random.normal(scale=3, size=(5, 200, 6)).astype(np.float32)
    transitions = random.normal(size=(6, 6)).astype(np.float32)
    emissions = padded[np.arange(200) < lengths[:, None]]
    potentials = Potentials(np.zeros(6), transitions.astype(np.float64), np.zeros(6))

    _, log_z = forward(potentials, emissions, lengths)
    decoded = np.split(decode(potentials, emissions, lengths), np.cumsum(lengths)[:-1])

    theirs = crf_log_norm(padded, lengths, transitions).numpy()
    np.testing.assert_allclose(log_z, theirs, rtol=1e-5)
    for row, length, tags in zip(padded, lengths, decoded, strict=True):
        assert tags.tolist() == list(viterbi_decode(row[:length], transitions)[0])


def test_a_batch_without_sentences_has_no_results() -> None:
    tags = TagSet(LABELS)
    potentials = legal_potentials(np.random.default_rng(0), 1.0, tags)
    nothing, none = np.zeros((0, len(tags.tags))), np.zeros(0, np.int32)
    assert decode(potentials, nothing, none).shape == (0,)
    assert forward(potentials, nothing, none)[1].shape == (0,)
    posteriors = span_posteriors(potentials, nothing, none, token_spans([], tags), tags.span_tags)
    assert posteriors.shape == (0,)


def test_what_has_no_tag_sequence_or_does_not_fit_is_refused() -> None:
    potentials = legal_potentials(np.random.default_rng(0), 1.0, TagSet(LABELS[:1]))
    with pytest.raises(ValueError, match="a sentence without tokens has no tag sequence"):
        decode(potentials, np.zeros((2, 3)), np.array([2, 0], np.int32))
    with pytest.raises(ValueError, match=r"potentials do not fit: start \(3,\)"):
        Potentials(np.zeros(3), np.zeros((3, 2)), np.zeros(3))
