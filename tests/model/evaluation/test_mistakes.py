"""Mistakes: pairs against a brute-force search, kinds by hand, frequent ones in sentences."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.matching import Kind, Pair, overlaps, pair_spans
from model.evaluation.mistakes import (
    KINDS,
    ComparedText,
    count_kinds,
    find_mistakes,
    most_frequent,
)
from model.tags import Span
from model.text.segmentation import Segmentation


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


@given(span_lists(), span_lists())
def test_overlaps_are_all_there_are_in_order(gold: list[Span], predicted: list[Span]) -> None:
    found = list(overlaps(gold, predicted))
    assert found == [(one, other) for one in gold for other in predicted if shared(one, other)]
    assert all(overlap.shared == shared(*overlap) for overlap in found)


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


def test_frequent_mistakes_are_alike_in_kind_labels_and_lower_case_text() -> None:
    texts = [
        text_of("Porto", [Span(0, 5, "geo")], []),
        text_of("The PORTO", [Span(4, 9, "geo")], []),
        text_of("porto", [Span(0, 5, "org")], []),  # another gold label
        text_of("Porto", [], [Span(0, 5, "geo")]),  # another kind
        text_of("Rio\n  Novo", [Span(0, 10, "geo")], [Span(0, 10, "org")]),
        text_of("rio novo", [Span(0, 8, "geo")], [Span(0, 8, "org")]),
        text_of("rio novo", [Span(0, 8, "geo")], [Span(0, 8, "per")]),  # another prediction
        text_of("Rio novo", [Span(0, 8, "geo")], [Span(0, 8, "geo")]),  # right
    ]
    frequent = most_frequent(find_mistakes(texts), 10)
    assert [(each.count, each.example.kind, each.surface) for each in frequent] == [
        (2, "missed", "porto"),
        (2, "label", "rio novo"),
        (1, "missed", "porto"),
        (1, "invented", "porto"),
        (1, "label", "rio novo"),
    ]
    assert [each.example.source for each in frequent] == [texts[n] for n in (0, 4, 2, 3, 6)]
    assert most_frequent(find_mistakes(texts), 2) == frequent[:2]
    assert most_frequent(find_mistakes(texts), 0) == []


def test_a_mistake_knows_its_confidence_and_its_text() -> None:
    text = "Eva saw Porto and Faro"
    source = ComparedText(
        text,
        gold=[Span(0, 3, "per"), Span(8, 13, "geo")],
        predicted=[Span(8, 22, "geo")],
        confidence=[0.75],
    )
    missed, longer = find_mistakes([source])
    assert (missed.kind, missed.confidence, missed.surface) == ("missed", None, "Eva")
    assert (longer.kind, longer.confidence, longer.surface) == ("boundaries", 0.75, "Porto")
    assert longer.sentence() == (0, text)


@pytest.mark.parametrize(
    ("gold", "start", "sentence"),
    [
        ("Eva", 0, "Eva left Porto."),
        ("Faro", 17, "She lives in Faro."),
        ("Porto.\n She", 0, "Eva left Porto.\n She lives in Faro."),  # across a boundary
        ("\n ", 15, "\n "),  # in no sentence at all
    ],
)
def test_a_mistake_in_a_document_shows_its_sentence(gold: str, start: int, sentence: str) -> None:
    text = "Eva left Porto.\n She lives in Faro."
    first = text.index(gold)
    source = ComparedText(
        text, [Span(first, first + len(gold), "x")], [], [], segmentation=Segmentation()
    )
    (mistake,) = find_mistakes([source])
    assert mistake.sentence() == (start, sentence)
