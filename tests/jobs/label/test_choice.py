"""The choice: the same whatever the order of the pool, never a repeat, and what teaches most."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.label.choice import choose, is_alike
from jobs.label.passages import Candidate, Passage

WORDS = list("abcdefghijkl")


def candidate(
    words: Sequence[str], worth: Sequence[Sequence[float]], source: str = "a"
) -> Candidate:
    """The first words are its features, with a row of worth each."""
    passage = Passage(" ".join(words), "d", source, 0, tuple(words))
    rows = np.array(worth, np.float32).reshape(len(worth), -1)
    return Candidate(passage, tuple(words[: len(worth)]), rows)


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True))
    number = st.floats(0, 3, width=32)
    worth = draw(
        st.lists(st.lists(number, min_size=2, max_size=2), min_size=1, max_size=len(words))
    )
    return candidate(words, worth, draw(st.sampled_from("abc")))


POOLS = st.lists(candidates(), max_size=15, unique_by=lambda each: each.passage.text)


def texts(chosen: Sequence[Candidate]) -> list[str]:
    return [each.passage.text for each in chosen]


@given(POOLS, st.integers(1, 20), st.integers(0, 5), st.randoms())
def test_the_choice_depends_on_no_order_and_repeats_nothing(
    pool: list[Candidate], budget: int, seed: int, random: Random
) -> None:
    chosen = choose(pool, budget, seed)
    shuffled = pool[:]
    random.shuffle(shuffled)
    assert texts(choose(shuffled, budget, seed)) == texts(chosen)
    assert len(chosen) <= budget
    words = [frozenset(each.passage.words) for each in chosen]
    assert not any(is_alike(one, two) for n, one in enumerate(words) for two in words[:n])
    left = [each for each in pool if each.passage.text not in texts(chosen)]
    if len(chosen) < budget:
        assert all(
            any(is_alike(frozenset(each.passage.words), other) for other in words) for each in left
        )


@given(POOLS, st.integers(1, 20), st.integers(0, 5))
def test_a_smaller_budget_gets_the_beginning_of_a_larger_one(
    pool: list[Candidate], budget: int, seed: int
) -> None:
    whole = texts(choose(pool, 20, seed))
    assert texts(choose(pool, budget, seed)) == whole[:budget]


def worth_of(chosen: Sequence[Candidate]) -> list[float]:
    """What the choice is worth after each step, by its definition: plain loops, all anew."""
    words: dict[str, int] = {}
    sources: dict[str, int] = {}
    labels = [0.0, 0.0]
    gains = []
    for each in chosen:
        gain = 0.0
        for row, name in enumerate(each.features):
            for label, value in enumerate(each.worth[row].tolist()):
                gain += value * 0.5 ** words.get(name, 0) / (1 + labels[label]) ** 0.5
        gain /= (10 + len(each.passage.words)) ** 0.5
        gains.append(gain / (1 + sources.get(each.passage.source, 0)) ** 0.5)
        for row, name in enumerate(each.features):
            words[name] = words.get(name, 0) + 1
            for label in range(2):
                labels[label] += float(each.worth[row][label])
        sources[each.passage.source] = sources.get(each.passage.source, 0) + 1
    return gains


@given(POOLS, st.integers(0, 5))
def test_each_step_takes_what_adds_most_of_all_that_is_left(
    pool: list[Candidate], seed: int
) -> None:
    """Though few are looked at again after each."""
    chosen = choose(pool, 6, seed)
    for step, each in enumerate(chosen):
        before = chosen[:step]
        known = [frozenset(one.passage.words) for one in before]
        gain = worth_of([*before, each])[-1]
        for other in pool:
            words = frozenset(other.passage.words)
            if other not in before and not any(is_alike(words, one) for one in known):
                assert worth_of([*before, other])[-1] <= gain + 1e-5


def test_nothing_is_chosen_from_nothing_and_all_of_a_small_pool() -> None:
    assert choose([], 5, 0) == []
    pool = [candidate([word, f"{word}x"], [[1, 0]]) for word in "abc"]
    assert sorted(texts(choose(pool, 99, 0))) == sorted(texts(pool))


def test_of_a_known_word_a_label_and_a_source_less_is_taken() -> None:
    pool = [
        candidate(["ana", "one", "two"], [[3, 0]]),
        candidate(["ana", "three", "four"], [[2.9, 0]]),  # the same word
        candidate(["ben", "five", "six"], [[2, 0]]),  # the same label
        candidate(["cem", "seven", "eight"], [[0, 1.9]]),  # the same source
        candidate(["dora", "nine", "ten"], [[0, 1.8]], source="b"),
    ]
    order = [each.passage.words[1] for each in choose(pool, 4, 0)]
    assert order[:2] == ["one", "nine"]
    assert set(order[2:]) == {"five", "seven"}


def test_what_was_chosen_before_counts_too() -> None:
    known = candidate(["ana", "one", "two"], [[1, 0]])
    pool = [candidate(["ana", "two", "one"], [[9, 0]]), candidate(["ben", "x"], [[1, 0]])]
    assert texts(choose(pool, 5, 0, beside=[known])) == ["ben x"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c d e f g h i j", "a b c d e f g h i k", True),
        ("a b c", "a b d", False),
        ("a", "a", True),
    ],
)
def test_what_differs_by_a_word_of_ten_is_alike(one: str, other: str, expected: bool) -> None:
    assert is_alike(frozenset(one.split()), frozenset(other.split())) is expected
