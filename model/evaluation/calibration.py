"""Confidence that holds what it says: a temperature for the CRF, and measures of calibration.

All potentials of the CRF are divided by one number T, fitted on labelled sentences (temperature
scaling: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2). The confidence
of a span stays a probability of a CRF, and the decoded tags stay the same.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.corpora import LabelledSentence, split_sentences
from model.evaluation.entity_scores import ScoreRow
from model.tagger.crf import Emissions, Potentials, Scores, TokenSpans, decode
from model.tagger.padding import pad_documents
from model.tagger.span_posteriors import span_posteriors
from model.tagger.tagger import Tagger
from model.tags import SpanTags, spans_of
from model.text.segmentation import document_of_words
from schemas.records import Ints

Truth = NDArray[np.bool_]

BINS = 15  # as many as Guo et al.
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)

_LEAST, _MOST = 0.2, 10.0  # temperatures
_GRID = 9
_WIDTH = 1e-3  # of the last interval around log T
_GOLDEN = (math.sqrt(5) - 1) / 2
# With fewer right or fewer wrong spans, T would follow a handful of them.
FEWEST = 20
# Bounds what a wrong span of confidence 1 costs: a single one would decide about T otherwise.
_CERTAIN = 1e-9
_SEED = 0
_SENTENCES = 1000  # that go through the network together


@dataclass(frozen=True)
class Bin:
    """The spans whose confidence lies in one interval: how many, mean confidence, share right."""

    spans: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Reliability:
    """How far confidence is from the share of spans that are right, in `BINS` equal intervals.

    ece, mce: expected and maximum calibration error (Guo et al. 2017, equations 3 and 5); brier:
    mean squared distance of confidence from 1 (right) or 0. All are 0 where there is no span.
    """

    ece: float
    mce: float
    brier: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Threshold:
    """What is left of the found spans from a confidence on: strict scores, and their share."""

    confidence: float
    precision: float
    recall: float
    f1: float
    kept: float


@dataclass(frozen=True)
class Sample:
    """Labelled sentences as calibration sees them."""

    sentences: int
    found: int
    right: int
    gold: int

    @classmethod
    def of(cls, found: Sequence["FoundSpans"]) -> "Sample":
        """What there is in several parts together."""
        counts = [(len(f.lengths), len(f.right), int(f.right.sum()), f.gold) for f in found]
        return cls(*map(sum, zip(*counts, strict=True)))

    @property
    def wrong(self) -> int:
        return self.found - self.right


@dataclass(frozen=True)
class Calibration:
    """A temperature, fitted on labelled sentences, and what it is worth on others.

    before: at temperature 1; after, thresholds: each part of the sentences at the temperature that
    the other parts give.
    """

    temperature: float
    fitted_on: Sample
    before: Reliability
    after: Reliability
    thresholds: tuple[Threshold, ...]

    @property
    def is_fitted(self) -> bool:
        """Whether there were enough spans; without them the temperature stays 1."""
        return _is_enough(self.fitted_on.right, self.fitted_on.found)

    def to_json(self) -> dict[str, Any]:
        """The fields under their names, unrounded."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class FoundSpans:
    """The spans that a tagger decodes, and what gives their confidence at any temperature."""

    potentials: Potentials
    emissions: Emissions  # (token, tag)
    lengths: Ints  # (sentence,)
    spans: TokenSpans
    span_tags: SpanTags
    right: Truth  # (span,) whether it is in the gold with its start, its end and its label
    gold: int

    def confidence(self, temperature: float) -> Scores:
        """The posterior of each span under the CRF of this temperature, (span,)."""
        own, t = self.potentials, temperature
        tempered = Potentials(own.start / t, own.transitions / t, own.end / t)
        emissions = self.emissions / np.float32(t)
        return span_posteriors(tempered, emissions, self.lengths, self.spans, self.span_tags)


Judged = Sequence[tuple[Tagger, Sequence[LabelledSentence]]]


def calibrate(judged: Judged) -> Calibration:
    """Fit the temperature on labelled sentences, and measure crosswise what it is worth on others.

    judged: taggers, each with the sentences that it is asked about, none of which it was trained
    on. Their own temperature is 1, and one is fitted for all. Each one's sentences are a part of
    the measurement; those of a single one are halved, equal texts in the same half.
    """
    if len(judged) == 1:
        [(tagger, sentences)] = judged
        judged = [(tagger, half) for half in split_sentences(sentences, 0.5, _SEED)]
    found = [find_spans(tagger, part) for tagger, part in judged]
    right = np.concatenate([each.right for each in found])
    at_others = [
        each.confidence(_fitted(found[:number] + found[number + 1 :]))
        for number, each in enumerate(found)
    ]
    confidence, sample = np.concatenate(at_others), Sample.of(found)
    return Calibration(
        temperature=_fitted(found),
        fitted_on=sample,
        before=reliability(_confidence(found, 1.0), right),
        after=reliability(confidence, right),
        thresholds=tuple(threshold_table(confidence, right, sample.gold)),
    )


def _fitted(found: Sequence[FoundSpans]) -> float:
    right = np.concatenate([each.right for each in found])
    return fit_temperature(lambda temperature: _confidence(found, temperature), right)


def _confidence(found: Sequence[FoundSpans], temperature: float) -> Scores:
    return np.concatenate([each.confidence(temperature) for each in found])


def find_spans(tagger: Tagger, sentences: Sequence[LabelledSentence]) -> FoundSpans:
    """What the tagger decodes in tokenized sentences, next to their gold tags."""
    emissions = [np.zeros((0, len(tagger.artifact.tags.tags)), np.float32)]
    for first in range(0, len(sentences), _SENTENCES):
        some = [document_of_words(s.words) for s in sentences[first : first + _SENTENCES]]
        emissions.append(tagger.emit(pad_documents(some)).emissions)
    emitted = np.concatenate(emissions)
    lengths = np.array([len(sentence.words) for sentence in sentences], np.int32)
    spans = tagger.spans_of(decode(tagger.potentials, emitted, lengths))
    firsts = np.cumsum(lengths) - lengths
    gold = {
        (first + span.start, first + span.end, span.label)
        for first, sentence in zip(firsts.tolist(), sentences, strict=True)
        for span in spans_of(sentence.tags)
    }
    found = zip(spans.start.tolist(), spans.end.tolist(), tagger.labels[spans.label], strict=True)
    return FoundSpans(
        potentials=tagger.potentials,
        emissions=emitted,
        lengths=lengths,
        spans=spans,
        span_tags=tagger.artifact.tags.span_tags,
        right=np.array([span in gold for span in found], bool),
        gold=len(gold),
    )


def fit_temperature(confidence_at: Callable[[float], Scores], right: Truth) -> float:
    """The temperature in [0.2, 10] whose confidences say best which spans are right.

    It minimises the log loss of `right` (span,) given `confidence_at(T)` (span,): the best point
    of a grid, then golden-section search in log T around it (Kiefer 1953). Three digits after the
    point; 1.0 where there are fewer than 20 right spans or fewer than 20 wrong ones.
    """
    if not _is_enough(int(right.sum()), len(right)):
        return 1.0

    def loss(log_temperature: float) -> float:
        return log_loss(confidence_at(math.exp(log_temperature)), right)

    grid: list[float] = np.linspace(math.log(_LEAST), math.log(_MOST), _GRID).tolist()
    best = int(np.argmin([loss(point) for point in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    left, middle = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_middle = loss(left), loss(middle)
    while high - low > _WIDTH:
        if at_left < at_middle:
            high, middle, at_middle = middle, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, middle, at_middle
            middle = low + _GOLDEN * (high - low)
            at_middle = loss(middle)
    return round(math.exp((low + high) / 2), 3)


def _is_enough(right: int, found: int) -> bool:
    return min(right, found - right) >= FEWEST


def log_loss(confidence: Scores, right: Truth) -> float:
    """Mean of -log(confidence) of the right spans and -log(1 - confidence) of the wrong ones."""
    truth = np.where(right, confidence, 1.0 - confidence)
    return float(-np.log(np.maximum(truth, _CERTAIN)).mean())


def reliability(confidence: Scores, right: Truth, bins: int = BINS) -> Reliability:
    """Calibration of spans (span,) in equal bins ((m - 1) / bins, m / bins]."""
    edges = np.arange(1, bins) / bins
    place = np.searchsorted(edges, confidence, side="left")
    counts = np.bincount(place, minlength=bins)
    filled = np.maximum(counts, 1)
    said = np.bincount(place, weights=confidence, minlength=bins) / filled
    held = np.bincount(place, weights=right, minlength=bins) / filled
    gaps = np.abs(said - held)
    spans = max(len(right), 1)
    return Reliability(
        ece=float(counts @ gaps) / spans,
        mce=float(gaps.max()),
        brier=float(np.square(confidence - right).sum()) / spans,
        bins=tuple(map(Bin, counts.tolist(), said.tolist(), held.tolist())),
    )


def threshold_table(confidence: Scores, right: Truth, gold: int) -> list[Threshold]:
    """Scores of the spans of at least each confidence of `THRESHOLDS`, among `gold` entities."""
    rows = []
    for threshold in THRESHOLDS:
        kept = confidence >= threshold
        count = int(kept.sum())
        row = ScoreRow.of_counts(int(right[kept].sum()), count, gold)
        share = count / max(len(kept), 1)
        rows.append(Threshold(threshold, row.precision, row.recall, row.f1, share))
    return rows
