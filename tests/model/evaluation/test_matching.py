"""Overlaps and pairs against a brute-force search, and the kinds of mistakes by hand."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.matching import Kind, Pair, overlaps, pair_spans
from model.evaluation.mistakes import KINDS, ComparedText, count_kinds, find_mistakes
from model.tags import Span


@st.composite
def span_lists(draw: st.DrawFn) -> list[Span]:
    """Spans in order of the text without overlaps, with and without gaps."""
    cuts = sorted(draw(st.sets(st.integers(0, 16), max_size=9)))
    stretches = [pair for pair in pairwise(cuts) if draw(st.integers(0, 3))]
    return [Span(start, end, draw(st.sampled_from(["geo", "org"]))) for start, end in stretches]


def shared(one: Span, other: Span) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def worth(pairs: list[tuple[Span, Span]]) -> tuple[int, int, int]:
    return (
        len(pairs),
        sum(one.label == other.label for one, other in pairs),
        sum(shared(one, other) for one, other in pairs),
    )


def best_worth(gold: list[Span], predicted: list[Span]) -> tuple[int, int, int]:
    """The worth of the best of all sets of overlapping pairs without a common span."""
    overlaps = [(one, other) for one in gold for other in predicted if shared(one, other)]
    best = (0, 0, 0)
    for size in range(1, min(len(gold), len(predicted)) + 1):
        for pairs in combinations(overlaps, size):
            if len({one for one, _ in pairs}) == len({other for _, other in pairs}) == size:
                best = max(best, worth(list(pairs)))
    return best


def kinds_of(gold: list[Span], predicted: list[Span]) -> list[Kind | None]:
    return [pair.kind for pair in pair_spans(gold, predicted)]


def text_of(text: str, gold: list[Span], predicted: list[Span]) -> ComparedText:
    return ComparedText(text, gold, predicted, [0.5] * len(predicted))


@given(span_lists(), span_lists())
def test_overlaps_are_all_there_are_in_order(gold: list[Span], predicted: list[Span]) -> None:
    found = list(overlaps(gold, predicted))
    assert found == [(one, other) for one in gold for other in predicted if shared(one, other)]
    assert all(overlap.shared == shared(*overlap) for overlap in found)


@given(span_lists(), span_lists())
def test_pairs_are_the_best_there_are_and_leave_nothing_out(
    gold: list[Span], predicted: list[Span]
) -> None:
    pairs = pair_spans(gold, predicted)
    both = [(pair.gold, pair.predicted) for pair in pairs if pair.gold and pair.predicted]
    assert all(shared(one, other) for one, other in both)
    assert worth(both) == best_worth(gold, predicted)
    assert [pair.gold for pair in pairs if pair.gold] == gold
    assert [pair.predicted for pair in pairs if pair.predicted] == predicted


@given(span_lists(), span_lists())
def test_kinds_add_up_to_both_sides_and_right_means_equal(
    gold: list[Span], predicted: list[Span]
) -> None:
    found = kinds_of(gold, predicted)
    assert found.count(None) == len(set(gold) & set(predicted))
    assert len(found) - found.count("invented") == len(gold)
    assert len(found) - found.count("missed") == len(predicted)
    counts = count_kinds(find_mistakes([text_of("x" * 20, gold, predicted)]))
    assert list(counts) == list(KINDS)
    assert all(counts[kind] == found.count(kind) for kind in KINDS)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        ([Span(4, 9, "geo")], [None]),
        ([Span(4, 7, "geo")], ["boundaries"]),
        ([Span(2, 12, "geo")], ["boundaries"]),
        ([Span(4, 9, "org")], ["label"]),
        ([Span(4, 10, "org")], ["both"]),
        ([], ["missed"]),
        ([Span(9, 12, "geo")], ["missed", "invented"]),  # it touches, and does not overlap
        ([Span(4, 6, "geo"), Span(6, 9, "geo")], ["invented", "boundaries"]),  # cut in two
        ([Span(4, 6, "geo"), Span(6, 9, "org")], ["boundaries", "invented"]),
        ([Span(0, 2, "org"), Span(4, 9, "geo")], ["invented", None]),
    ],
)
def test_each_kind_of_mistake(predicted: list[Span], expected: list[Kind | None]) -> None:
    assert kinds_of([Span(4, 9, "geo")], predicted) == expected


def test_a_long_entity_over_two_is_paired_with_that_of_its_label() -> None:
    gold = [Span(0, 6, "geo"), Span(7, 9, "org")]
    found = Span(0, 9, "org")
    assert pair_spans(gold, [found]) == [Pair(gold[0], None), Pair(gold[1], found)]


def test_thousands_of_entities_in_one_text_are_paired() -> None:
    """In linear time, even where one span overlaps all others."""
    small = [Span(2 * n, 2 * n + 1, "geo") for n in range(30_000)]
    assert kinds_of(small, small) == [None] * len(small)
    pairs = kinds_of([Span(0, 60_000, "geo")], small)
    assert (pairs.count("boundaries"), pairs.count("invented")) == (1, len(small) - 1)
