"""Fewer entities than in the last run: what is told apart from chance, and what is not."""

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.drift.compare import compare, drift_in_words
from model.drift.last_run import LastRun, _log_chance, compare_with_last
from model.drift.profile import CONFIDENCE_BINS, LENGTH_BOUNDS, Profile

LAST = LastRun("r1", 2_000, 200, {"per": 120, "geo": 80})


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 500), st.integers(1, 500))
def test_the_bound_is_never_below_the_chance_and_exact_where_nothing_was_found(
    before: int, now: int, tokens: int, later: int
) -> None:
    """Brute force: the binomial's lower tail, summed up."""
    share, both = later / (tokens + later), before + now
    tail = math.fsum(
        math.comb(both, k) * share**k * (1 - share) ** (both - k) for k in range(now + 1)
    )
    bound = math.exp(_log_chance(before, now, share))
    assert tail <= bound * (1 + 1e-9)
    if now == 0:
        assert bound == pytest.approx(tail, rel=1e-9)


@pytest.mark.parametrize(
    ("tokens", "entities", "level", "label"),
    [
        (2_000, {}, "drift", None),
        (2_000, {"per": 120, "geo": 80}, "stable", None),
        (2_000, {"per": 30, "geo": 20}, "drift", None),
        (2_000, {"per": 48, "geo": 26}, "moderate", None),
        (20_000, {"per": 1_200, "geo": 0}, "drift", "geo"),
        (2_000, {"per": 120, "new": 80}, "stable", None),  # 80 of one label may be one document's
        (500, {}, "drift", None),
        (2_000, {"per": 2_000, "geo": 2_000}, "stable", None),
        (200, {}, "drift", None),
        (200, {"per": 7, "geo": 2}, "stable", None),  # 20 were to be expected: that may be chance
    ],
)
def test_a_fall_is_one_that_chance_has_not(
    tokens: int, entities: dict[str, int], level: str, label: str | None
) -> None:
    last = LastRun("r1", 20_000, 2_000, {"per": 1_200, "geo": 800}) if tokens > 2_000 else LAST
    found = compare_with_last(last, tokens, entities)
    assert (found["level"], found.get("label")) == (level, label)
    assert found["baseline"] == pytest.approx(100 if label is None else 40)


def test_few_expected_entities_are_not_judged() -> None:
    """Nor is there an error where the run has no token."""
    for tokens in (0, 199):
        found = compare_with_last(LAST, tokens, {})
        assert "too few entities to compare: run r1 has 200" in found["reason"]


def test_small_runs_of_one_kind_of_text_do_not_alarm() -> None:
    """Of 2,000 pairs of runs with equal rates, of any two sizes, none drifts."""
    chance = random.Random(5)
    for _ in range(2_000):
        rate, sizes = chance.uniform(0.01, 0.2), [chance.randrange(50, 5_000) for _ in range(2)]
        before, now = (round(chance.gauss(rate * size, math.sqrt(rate * size))) for size in sizes)
        last = LastRun("r1", sizes[0], max(before, 0), {"per": max(before, 0)})
        found = compare_with_last(last, sizes[1], {"per": max(now, 0)})
        assert found.get("level", "stable") != "drift", (sizes, before, now)


def profile(tokens: int, entities: int) -> Profile:
    bins = (0,) * (CONFIDENCE_BINS - 1) + (entities,)
    return Profile(tokens, 0, (1,) * len(LENGTH_BOUNDS), {"per": bins} if entities else {})


def test_a_fall_is_drift_also_where_nothing_else_can_be_compared() -> None:
    found = compare(None, profile(2_000, 0), last=LAST)
    assert found["level"] == "drift"
    reasons: list[Any] = [s.get("reason") for s in found["statistics"].values()]
    assert reasons == ["the model has no baseline statistics"] * 5 + [None]
    told = "far poorer in entities than those of run r1 (0 per 1,000 tokens, then 100)"
    assert drift_in_words(found) == told
    assert compare(None, profile(100, 0), last=LAST) == {"reason": reasons[0]}
    assert compare(None, profile(2_000, 200)) == {"reason": reasons[0]}
