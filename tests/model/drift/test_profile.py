"""Baseline statistics: what was tagged, counted again by hand, and back from the artifact."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.drift.compare import BASELINE_TOKENS
from model.drift.profile import (
    CONFIDENCE_BINS,
    LENGTH_BOUNDS,
    Profile,
    baseline_statistics,
    profile_of,
    profile_of_baseline,
)
from model.tagger.artifact import BUNDLED, Artifact, load_artifact, read_files
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document, TaggedDocument

TEXTS = [
    "Maria met the council in Lisbon on Monday. Ships left. A river froze at the harbour, he said.",
    "",
    "The " + "ships and " * 250 + "Oslo.",
]


@pytest.fixture(scope="module")
def tagged(tiny_model: Artifact) -> list[TaggedDocument]:
    documents = [Document(str(n), "in.jsonl", n, text) for n, text in enumerate(TEXTS)]
    tokenized = [tokenize_document(document, Segmentation()) for document in documents]
    return list(tag_documents(Tagger(tiny_model), tokenized))


def test_statistics_count_what_was_tagged(tagged: list[TaggedDocument]) -> None:
    statistics = baseline_statistics(tagged)
    tokens = sum(document.tokens for document in tagged)
    entities = [
        (label, float(confidence))
        for document in tagged
        for label, confidence in zip(document.labels, document.confidence, strict=True)
    ]
    assert len(entities) > 1
    assert statistics["tokens"] == tokens
    unknown = sum(document.unknown_tokens for document in tagged)
    assert (statistics["unknown_tokens"], statistics["unknown_word_rate"]) == (
        unknown,
        pytest.approx(unknown / tokens),
    )
    histogram = [0] * CONFIDENCE_BINS
    for _, confidence in entities:
        histogram[min(int(confidence * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += 1
    assert statistics["confidence_histogram"] == histogram
    by_label = statistics["confidence_histogram_by_label"]
    assert [sum(column) for column in zip(*by_label.values(), strict=True)] == histogram
    for label, rate in statistics["entities_per_1000_tokens"].items():
        count = sum(1 for other, _ in entities if other == label)
        assert (sum(by_label[label]), rate) == (count, pytest.approx(1000 * count / tokens))
    assert {label for label, _ in entities} == set(by_label)


def test_every_sentence_of_a_document_counts_in_the_bin_of_its_length(
    tagged: list[TaggedDocument],
) -> None:
    lengths = dict(zip(LENGTH_BOUNDS, profile_of(tagged).sentence_lengths, strict=True))
    # "Ships left." has three tokens, the last document's one sentence more than 500.
    assert lengths == {**dict.fromkeys(LENGTH_BOUNDS, 0), 1: 1, 5: 1, 10: 1, 200: 1}
    assert sum(lengths.values()) == sum(document.sentences for document in tagged)


def test_a_confidence_that_is_shown_as_a_bins_bound_is_in_the_bin_above(
    tagged: list[TaggedDocument],
) -> None:
    """As `--min_confidence` lets it through, though 0.7 in float32 is below 0.7."""
    document = TaggedDocument(
        **{name: getattr(tagged[0], name) for name in TaggedDocument.__slots__}
        | {
            "labels": ("geo",) * 12,
            "confidence": np.array([0, *(n / 10 for n in range(1, 10)), 0.99, 1], np.float32),
        }
    )
    assert profile_of([document]).confidences == {"geo": (1,) * 9 + (3,)}


def test_statistics_of_nothing_are_zeros() -> None:
    statistics = baseline_statistics([])
    assert (statistics["tokens"], statistics["unknown_word_rate"]) == (0, 0)
    assert not any(statistics["confidence_histogram"])
    assert not any(statistics["sentence_lengths"]["counts"])
    assert profile_of_baseline(statistics) == Profile(0, 0, (0,) * len(LENGTH_BOUNDS), {})


def test_the_profile_comes_back_from_the_file(tagged: list[TaggedDocument]) -> None:
    stored = json.loads(json.dumps(baseline_statistics(tagged)))
    assert profile_of_baseline(stored) == profile_of(tagged)


@pytest.mark.parametrize(
    "change",
    [
        {"sentence_lengths": {"bounds": [1, 9], "counts": [3, 4]}},
        {"sentence_lengths": 3},
        {"confidence_histogram_by_label": {"geo": [1, 2]}},
    ],
)
def test_statistics_of_another_making_are_no_profile(
    change: dict[str, Any], tagged: list[TaggedDocument]
) -> None:
    assert profile_of_baseline({**baseline_statistics(tagged), **change}) is None
    assert profile_of_baseline({"tokens": 0}) is None


@pytest.mark.parametrize("directory", [path for path in BUNDLED.iterdir() if path.is_dir()])
def test_bundled_models_have_a_baseline_to_compare_with(directory: Path) -> None:
    artifact = load_artifact(read_files(directory), str(directory))
    profile = profile_of_baseline(artifact.baseline)
    assert profile is not None
    assert profile.tokens >= BASELINE_TOKENS
    assert set(profile.confidences) == set(artifact.tags.labels)
    assert sum(map(sum, profile.confidences.values())) == sum(
        artifact.baseline["confidence_histogram"]
    )
