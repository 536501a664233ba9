"""Drift: the index is what its formula says, and no small night alarms."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.drift import compare as drift
from model.drift.compare import compare, drift_in_words, population_stability_index
from model.drift.profile import CONFIDENCE_BINS, LENGTH_BOUNDS, Profile

COUNTS = st.lists(st.tuples(*[st.integers(0, 10**6)] * 2), min_size=1, max_size=12)

BASELINE = Profile(
    tokens=100_000,
    unknown_tokens=1_000,
    sentence_lengths=(10, 200, 700, 1000, 1200, 900, 700, 100, 5, 0, 0),
    confidences={
        "geo": (0, 1, 5, 50, 120, 180, 220, 360, 700, 2400),
        "per": (0, 0, 9, 40, 100, 160, 150, 130, 200, 900),
        "eve": (0, 0, 1, 1, 1, 2, 2, 3, 4, 0),
    },
)


def scaled(profile: Profile, factor: float) -> Profile:
    """The same kind of text, more or less of it."""
    return Profile(
        tokens=round(profile.tokens * factor),
        unknown_tokens=round(profile.unknown_tokens * factor),
        sentence_lengths=tuple(round(count * factor) for count in profile.sentence_lengths),
        confidences={
            label: tuple(round(count * factor) for count in counts)
            for label, counts in profile.confidences.items()
        },
    )


def levels(found: dict[str, Any]) -> dict[str, str | None]:
    return {name: statistic.get("level") for name, statistic in found["statistics"].items()}


@given(COUNTS)
def test_the_index_is_what_its_formula_says(counts: list[tuple[int, int]]) -> None:
    """Brute force: with half an observation more in each bin, the two Kullback-Leibler sums."""
    expected, found = (np.array(column) + 0.5 for column in zip(*counts, strict=True))
    p, q = expected / expected.sum(), found / found.sum()
    oracle = float((p * np.log(p / q)).sum() + (q * np.log(q / p)).sum())
    index = population_stability_index(*zip(*counts, strict=True))
    assert index == pytest.approx(oracle, abs=1e-9)
    assert index >= 0


@given(COUNTS)
def test_the_index_is_the_same_with_the_two_exchanged(counts: list[tuple[int, int]]) -> None:
    expected, found = zip(*counts, strict=True)
    assert population_stability_index(expected, found) == pytest.approx(
        population_stability_index(found, expected)
    )


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_the_index_of_equal_counts_is_zero(counts: list[int]) -> None:
    assert population_stability_index(counts, counts) == 0


def test_the_index_grows_as_more_moves_and_stays_finite_where_a_bin_is_empty() -> None:
    """What moves from one bin to another, in steps, up to all of it."""
    indices = [
        population_stability_index([500, 500], [500 - moved, 500 + moved])
        for moved in range(0, 501, 100)
    ]
    assert all(smaller < larger for smaller, larger in pairwise(indices))
    assert indices[-1] < math.inf
    assert population_stability_index([0, 0], [0, 0]) == 0


def test_an_empty_bin_says_less_where_there_are_few_observations() -> None:
    few, many = (population_stability_index([9 * n, n], [10 * n, 0]) for n in (1, 100))
    assert few < 0.25 < many


def test_as_many_bins_are_expected_of_both() -> None:
    with pytest.raises(ValueError, match="3 bins and 2, expected as many"):
        population_stability_index([1, 2, 3], [1, 2])


@pytest.mark.parametrize("factor", [0.3, 1, 40])
@pytest.mark.parametrize("min_confidence", [0, 0.35, 0.8])
def test_the_same_kind_of_text_is_stable_however_much_of_it(
    factor: float, min_confidence: float
) -> None:
    found = compare(BASELINE, scaled(BASELINE, factor), min_confidence)
    assert set(levels(found).values()) == {"stable"}
    assert found["level"] == "stable"
    assert drift_in_words(found) is None


CHANGES: dict[str, Profile] = {
    "unknown_words": replace(BASELINE, unknown_tokens=15_000),
    "entities_per_1000_tokens": replace(BASELINE, confidences=scaled(BASELINE, 0.4).confidences),
    "labels": replace(
        BASELINE,
        confidences={
            "geo": BASELINE.confidences["per"],
            "per": BASELINE.confidences["geo"],
            "art": BASELINE.confidences["eve"],
        },
    ),
    "confidence": replace(
        BASELINE,
        confidences={label: counts[::-1] for label, counts in BASELINE.confidences.items()},
    ),
    "sentence_lengths": replace(BASELINE, sentence_lengths=BASELINE.sentence_lengths[::-1]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_statistic_alone_is_drift(name: str) -> None:
    found = compare(BASELINE, CHANGES[name])
    assert {key for key, level in levels(found).items() if level == "drift"} == {name}
    assert found["level"] == "drift"
    words = drift_in_words(found)
    assert words is not None
    assert words.startswith(f"unlike the model's training data in {name.replace('_', ' ')} (")


def test_a_warning_names_each_statistic_that_drifted_with_its_figure() -> None:
    changed = replace(CHANGES["confidence"], unknown_tokens=15_000, tokens=250_000)
    found = compare(BASELINE, changed)
    index = found["statistics"]["confidence"]["value"]
    assert drift_in_words(found) == (
        "unlike the model's training data in entities per 1000 tokens (23, in training 57.4), "
        f"confidence (PSI {index:.2f})"
    )


def test_what_is_between_the_limits_is_moderate() -> None:
    found = compare(BASELINE, replace(BASELINE, unknown_tokens=7_000))
    statistic = found["statistics"]["unknown_words"]
    assert statistic["limits"] == [0.1, 0.25]
    assert 0.1 < statistic["value"] < 0.25
    assert statistic["level"] == found["level"] == "moderate"
    assert (statistic["baseline"], statistic["run"]) == (0.01, 0.07)
    assert drift_in_words(found) is None


def test_no_entities_at_all_are_drift() -> None:
    """There are no labels to compare then, but their absence is one."""
    found = compare(BASELINE, replace(BASELINE, confidences={}))
    assert levels(found) == {
        "unknown_words": "stable",
        "entities_per_1000_tokens": "drift",
        "labels": None,
        "confidence": None,
        "sentence_lengths": "stable",
    }
    reason = "too few entities to compare: the run has 0, expected at least 500"
    assert found["statistics"]["labels"] == {"reason": reason}


def test_text_without_sentence_ends_is_drift() -> None:
    lengths = (*[0] * (len(LENGTH_BOUNDS) - 1), 25)
    found = compare(BASELINE, replace(BASELINE, sentence_lengths=lengths))
    assert levels(found)["sentence_lengths"] == "drift"


@pytest.mark.parametrize(
    ("baseline", "run", "reason"),
    [
        (None, BASELINE, "the model has no baseline statistics"),
        (
            scaled(BASELINE, 0.04),
            BASELINE,
            "too few tokens to compare: the baseline has 4,000, expected at least 5,000",
        ),
        (
            BASELINE,
            scaled(CHANGES["confidence"], 0.19),
            "too few tokens to compare: the run has 19,000, expected at least 20,000",
        ),
    ],
)
def test_too_little_is_not_judged(baseline: Profile | None, run: Profile, reason: str) -> None:
    assert compare(baseline, run) == {"reason": reason}
    assert drift_in_words({"reason": reason}) is None


def test_rare_entities_are_not_judged_by_the_few_that_there_are() -> None:
    rare = replace(BASELINE, confidences={"geo": (0,) * 9 + (150,)})
    found = compare(rare, replace(rare, confidences={}))
    assert levels(found)["entities_per_1000_tokens"] is None
    assert found["statistics"]["entities_per_1000_tokens"]["reason"] == (
        "too few entities to compare: the baseline has 150, which makes 150 in a run of this size, "
        "expected at least 200"
    )


@pytest.mark.parametrize("min_confidence", [n / 20 for n in range(21)])
def test_entities_that_were_not_written_are_expected_of_neither(min_confidence: float) -> None:
    """A run of the same text that leaves out entities below a confidence is as stable."""
    whole = math.ceil(min_confidence * 20 / 2)  # the first bin that is whole
    cut = {label: (*[0] * whole, *counts[whole:]) for label, counts in BASELINE.confidences.items()}
    found = compare(BASELINE, replace(BASELINE, confidences=cut), min_confidence)
    assert found["level"] == "stable"
    expected = "stable" if whole < CONFIDENCE_BINS else None
    assert levels(found)["labels"] == levels(found)["entities_per_1000_tokens"] == expected
    assert levels(found)["confidence"] == ("stable" if whole < CONFIDENCE_BINS - 1 else None)


def test_a_threshold_in_the_middle_of_a_bin_leaves_that_bin_out() -> None:
    """Half a bin cannot be compared with a whole one."""
    half = {label: (*counts[:3], 0, *counts[4:]) for label, counts in BASELINE.confidences.items()}
    run = replace(BASELINE, confidences=half)
    found = compare(BASELINE, run, 0.37)["statistics"]["confidence"]
    assert (found["value"], len(found["run"])) == (0, 6)


@pytest.mark.parametrize(
    ("min_confidence", "reason"),
    [
        (0.9, "--min_confidence 0.9 leaves one bin of confidence"),
        (0.95, "--min_confidence 0.95 leaves no bin of confidence whole"),
    ],
)
def test_a_high_threshold_leaves_no_confidence_to_compare(
    min_confidence: float, reason: str
) -> None:
    found = compare(BASELINE, BASELINE, min_confidence)
    assert found["statistics"]["confidence"] == {"reason": reason}


def test_draws_of_the_same_kind_do_not_alarm() -> None:
    """At the least size that is judged: a thousand draws of independent observations."""
    random = np.random.default_rng(5)
    share = drift.RUN_TOKENS / BASELINE.tokens

    def drawn(counts: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(random.poisson(np.array(counts) * share).tolist())

    for _ in range(1000):
        run = Profile(
            tokens=drift.RUN_TOKENS,
            unknown_tokens=int(random.poisson(BASELINE.unknown_tokens * share)),
            sentence_lengths=drawn(BASELINE.sentence_lengths),
            confidences={label: drawn(c) for label, c in BASELINE.confidences.items()},
        )
        assert compare(BASELINE, run)["level"] == "stable"
