"""Confidence at a temperature is a probability, decodes the same, and is measured as defined."""

import json
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.corpora import LabelledSentence, split_sentences
from model.evaluation.calibration import (
    BINS,
    THRESHOLDS,
    FoundSpans,
    Sample,
    calibrate,
    find_spans,
    fit_temperature,
    log_loss,
    reliability,
    threshold_table,
)
from model.tagger.artifact import Artifact
from model.tagger.crf import Potentials, TokenSpans, decode
from model.tagger.padding import pad_documents
from model.tagger.tagger import Tagger
from model.tags import Span, TagSet, spans_of
from model.text.segmentation import document_of_words

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]

TAGS = TagSet(("geo", "per"))
SEEDS = st.integers(0, 2**32 - 1)
TEMPERATURES = st.floats(0.2, 10.0)

confidences = st.lists(
    st.tuples(st.floats(0, 1) | st.sampled_from([n / BINS for n in range(BINS + 1)]), st.booleans())
)


def columns(pairs: list[tuple[float, bool]]) -> tuple[Scores, Truth]:
    return (
        np.array([confidence for confidence, _ in pairs], np.float64),
        np.array([right for _, right in pairs], bool),
    )


def random_potentials(random: np.random.Generator) -> Potentials:
    tags = len(TAGS.tags)
    return Potentials(
        np.where(TAGS.legal_start, random.normal(size=tags), -np.inf),
        np.where(TAGS.legal_transition, random.normal(size=(tags, tags)), -np.inf),
        random.normal(size=tags),
    )


def every_span(length: int) -> list[Span]:
    return [
        Span(start, end, label)
        for start in range(length)
        for end in range(start + 1, length + 1)
        for label in TAGS.labels
    ]


def found_spans(potentials: Potentials, emissions: Scores, spans: list[Span]) -> FoundSpans:
    return FoundSpans(
        potentials=potentials,
        emissions=emissions,
        lengths=np.array([len(emissions)], np.int32),
        spans=TokenSpans(
            np.array([span.start for span in spans], np.int64),
            np.array([span.end for span in spans], np.int64),
            np.array([TAGS.labels.index(span.label) for span in spans], np.int64),
        ),
        span_tags=TAGS.span_tags,
        right=np.zeros(len(spans), bool),
        gold=0,
    )


@given(SEEDS, st.integers(1, 4), TEMPERATURES)
@settings(max_examples=60)
def test_confidence_at_a_temperature_is_the_mass_of_sequences_of_the_scaled_scores(
    seed: int, length: int, temperature: float
) -> None:
    """Each sequence weighs exp(score / T); all sequences are enumerated. So it is a probability."""
    random = np.random.default_rng(seed)
    potentials = random_potentials(random)
    emissions = random.normal(scale=3, size=(length, len(TAGS.tags)))
    masses: dict[Span, float] = dict.fromkeys(every_span(length), 0.0)
    total = 0.0
    for tags in product(range(len(TAGS.tags)), repeat=length):
        score = potentials.start[tags[0]] + potentials.end[tags[-1]]
        score += sum(emissions[n, tag] for n, tag in enumerate(tags))
        score += sum(potentials.transitions[pair] for pair in pairwise(tags))
        weight = float(np.exp(score / temperature))
        total += weight
        if weight:
            for span in spans_of([TAGS.tags[tag] for tag in tags]):
                masses[span] += weight
    confidence = found_spans(potentials, emissions, list(masses)).confidence(temperature)
    np.testing.assert_allclose(confidence, [m / total for m in masses.values()], atol=1e-6)
    assert ((confidence >= 0) & (confidence <= 1)).all()


@given(SEEDS, st.integers(1, 9), TEMPERATURES)
@settings(max_examples=60)
def test_a_temperature_changes_no_decoded_tag(seed: int, length: int, temperature: float) -> None:
    random = np.random.default_rng(seed)
    own = random_potentials(random)
    emissions = random.normal(scale=3, size=(length, len(TAGS.tags)))
    lengths = np.array([length], np.int32)
    tempered = Potentials(
        own.start / temperature, own.transitions / temperature, own.end / temperature
    )
    np.testing.assert_array_equal(
        decode(tempered, emissions / temperature, lengths), decode(own, emissions, lengths)
    )


def at_temperature(logits: Scores, temperature: float) -> Scores:
    confidence: Scores = 1 / (1 + np.exp(-logits / temperature))
    return confidence


@pytest.mark.parametrize("temperature", [0.25, 0.8, 1.0, 1.3, 2.5, 8.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_temperature_that_the_truth_was_drawn_with_is_found(
    temperature: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2 * temperature, size=40_000) + temperature
    right = random.random(len(logits)) < at_temperature(logits, temperature)
    found = fit_temperature(lambda t: at_temperature(logits, t), right)
    assert found == pytest.approx(temperature, rel=0.04)


@given(SEEDS)
@settings(max_examples=20)
def test_no_temperature_of_a_fine_grid_has_a_smaller_loss(seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(random.uniform(-1, 3), random.uniform(0.2, 6), size=300)
    right = random.random(len(logits)) < at_temperature(logits, random.uniform(0.1, 20))
    right[:20], right[-20:] = True, False
    found = fit_temperature(lambda t: at_temperature(logits, t), right)
    assert 0.2 <= found <= 10
    grid = np.geomspace(0.2, 10, 2000)
    least = min(log_loss(at_temperature(logits, t), right) for t in grid)
    assert log_loss(at_temperature(logits, found), right) <= least + 1e-4


@pytest.mark.parametrize(
    "right", [[], [True] * 500, [False] * 500, [True] * 500 + [False] * 19, [True] * 19]
)
def test_with_too_few_spans_of_a_kind_the_temperature_stays_1(right: list[bool]) -> None:
    """And no posterior is computed for it."""

    def never(temperature: float) -> Scores:
        raise AssertionError(temperature)

    assert fit_temperature(never, np.array(right, bool)) == 1.0


def test_a_wrong_span_of_confidence_1_costs_a_finite_loss() -> None:
    loss = log_loss(np.array([1.0, 0.0, 1.0]), np.array([False, True, True]))
    assert loss == pytest.approx(2 / 3 * -np.log(1e-9))


@given(confidences)
def test_reliability_equals_a_slow_count(pairs: list[tuple[float, bool]]) -> None:
    """A bin has the confidences above its lower edge, up to and with its upper one."""
    measured = reliability(*columns(pairs))
    ece = mce = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        inside = [p for p in pairs if low < p[0] <= high or (number == 0 and p[0] == 0)]
        found = measured.bins[number]
        assert found.spans == len(inside)
        if not inside:
            assert (found.confidence, found.right) == (0, 0)
            continue
        said = sum(confidence for confidence, _ in inside) / len(inside)
        held = sum(right for _, right in inside) / len(inside)
        assert (found.confidence, found.right) == pytest.approx((said, held))
        ece += len(inside) / len(pairs) * abs(said - held)
        mce = max(mce, abs(said - held))
    brier = sum((confidence - right) ** 2 for confidence, right in pairs) / max(len(pairs), 1)
    assert (measured.ece, measured.mce, measured.brier) == pytest.approx((ece, mce, brier))


@given(confidences, st.integers(0, 5))
def test_thresholds_equal_a_slow_count_and_keep_less_and_less(
    pairs: list[tuple[float, bool]], missed: int
) -> None:
    """A span at a threshold is kept; the first row is the scores without one."""
    confidence, right = columns(pairs)
    gold = int(right.sum()) + missed
    rows = threshold_table(confidence, right, gold)
    assert [row.confidence for row in rows] == list(THRESHOLDS)
    for row in rows:
        kept = [is_right for said, is_right in pairs if said >= row.confidence]
        precision = sum(kept) / len(kept) if kept else 0
        recall = sum(kept) / gold if gold else 0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
        share = len(kept) / len(pairs) if pairs else 0
        assert (row.precision, row.recall, row.f1, row.kept) == pytest.approx(
            (precision, recall, f1, share)
        )
    for before, after in pairwise(rows):
        assert after.recall <= before.recall
        assert after.kept <= before.kept


WORDS = ("the", "council", "of", "lisbon", "met", "maria", "river", "on", "monday", "in", "Oslo")


@pytest.fixture(scope="module")
def tagger(tiny_model: Artifact) -> Tagger:
    return Tagger(tiny_model)


@pytest.fixture(scope="module")
def sentences(tagger: Tagger) -> list[LabelledSentence]:
    """400 sentences, 350 of them distinct, whose gold has about half of what is decoded."""
    random = np.random.default_rng(3)
    texts = [tuple(random.choice(WORDS, size=random.integers(3, 12))) for _ in range(350)]
    texts += texts[:50]
    decoded = find_spans(tagger, [LabelledSentence(words, ("O",) * len(words)) for words in texts])
    tags = decode(decoded.potentials, decoded.emissions, decoded.lengths)
    names = iter(tagger.artifact.tags.tags[tag] for tag in tags)
    gold = [tuple(next(names) for _ in words) for words in texts]
    return [
        LabelledSentence(words, tags if len(words) % 2 else ("O",) * len(words))
        for words, tags in zip(texts, gold, strict=True)
    ]


def test_found_spans_are_right_where_the_gold_has_them(
    tagger: Tagger, sentences: list[LabelledSentence], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whatever groups the sentences go through the network; posteriors are the tagger's own."""
    found = find_spans(tagger, sentences)
    owner = np.searchsorted(np.cumsum(found.lengths), found.spans.start, side="right")
    np.testing.assert_array_equal(found.right, found.lengths[owner] % 2 == 1)
    assert found.gold == found.right.sum()
    assert 0 < found.gold < len(found.right)
    assert Sample.of([found]).sentences == len(sentences)

    monkeypatch.setattr("model.evaluation.calibration._SENTENCES", 7)
    again = find_spans(tagger, sentences)
    np.testing.assert_array_equal(again.spans, found.spans)
    np.testing.assert_allclose(again.confidence(1.0), found.confidence(1.0), atol=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_what_was_measured_is_what_a_tagger_of_that_temperature_says(
    tiny_model: Artifact, tagger: Tagger, sentences: list[LabelledSentence], temperature: float
) -> None:
    tempered = Tagger(replace(tiny_model, temperature=temperature))
    batch = pad_documents([document_of_words(sentence.words) for sentence in sentences])
    said = np.concatenate([document.confidence for document in tempered.tag(batch)])
    measured = find_spans(tagger, sentences).confidence(temperature)
    np.testing.assert_allclose(measured, said, atol=1e-4)


def test_calibration_fits_on_all_and_measures_halves_crosswise(
    tagger: Tagger, sentences: list[LabelledSentence]
) -> None:
    calibration = calibrate([(tagger, sentences)])
    whole = find_spans(tagger, sentences)
    assert calibration.fitted_on == Sample.of([whole])
    assert calibration.is_fitted
    assert calibration.temperature == fit_temperature(whole.confidence, whole.right) != 1.0
    assert sum(one.spans for one in calibration.after.bins) == len(whole.right)
    assert calibration.thresholds[0].kept == 1.0
    halves = split_sentences(sentences, 0.5, 0)
    assert abs(len(halves[0]) - len(halves[1])) <= 2
    crosswise = calibrate([(tagger, half) for half in halves])
    assert (crosswise.after, crosswise.thresholds) == (calibration.after, calibration.thresholds)
    assert calibration == calibrate([(tagger, sentences)])
    assert json.loads(json.dumps(calibration.to_json()))["temperature"] == calibration.temperature


def test_no_part_is_measured_at_a_temperature_that_it_helped_to_fit(
    tagger: Tagger, sentences: list[LabelledSentence]
) -> None:
    parts = [sentences[first : first + 100] for first in range(0, 400, 100)]
    found = [find_spans(tagger, part) for part in parts]
    confidence, right = [], np.concatenate([each.right for each in found])
    for number, each in enumerate(found):
        others = [part for n, part in enumerate(parts) if n != number]
        temperature = calibrate([(tagger, part) for part in others]).temperature
        confidence.append(each.confidence(temperature))
    calibration = calibrate([(tagger, part) for part in parts])
    assert calibration.after == reliability(np.concatenate(confidence), right)
    assert calibration.after != calibration.before


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_sentences_are_no_error(
    tagger: Tagger, sentences: list[LabelledSentence], count: int
) -> None:
    calibration = calibrate([(tagger, sentences[:count])])
    assert calibration.temperature == 1.0
    assert not calibration.is_fitted
    assert calibration.before == calibration.after
