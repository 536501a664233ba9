"""What gold entities are taken for, against a count over sets of positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.confusion import Confusion, confusion
from model.tags import Span, spans_of

tag_lists = st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b", "B-c"]), max_size=8)
sentences = st.lists(st.tuples(tag_lists, tag_lists), max_size=5)


def brute(gold: list[list[Span]], predicted: list[list[Span]]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}

    def count(row: str, column: str) -> None:
        counts[row, column] = counts.get((row, column), 0) + 1

    for gold_spans, found in zip(gold, predicted, strict=True):
        for span in gold_spans:
            best, taken_for = (0, False), "none"
            for other in found:
                shared = len({*range(span.start, span.end)} & {*range(other.start, other.end)})
                if shared and (shared, span.label == other.label) > best:
                    best, taken_for = (shared, span.label == other.label), other.label
            count(span.label, taken_for)
        for other in found:
            taken = {n for span in gold_spans for n in range(span.start, span.end)}
            if not taken & {*range(other.start, other.end)}:
                count("none", other.label)
    return counts


@given(sentences)
def test_counts_equal_a_slow_count(pairs: list[tuple[list[str], list[str]]]) -> None:
    gold = [spans_of(tags) for tags, _ in pairs]
    predicted = [spans_of(tags) for _, tags in pairs]
    found = confusion(iter(gold), iter(predicted))
    names = (*found.labels, "none")
    counts = {
        (row, column): found.counts[r][c]
        for r, row in enumerate(names)
        for c, column in enumerate(names)
        if found.counts[r][c]
    }
    assert counts == brute(gold, predicted)
    assert set(found.labels) == {s.label for spans in [*gold, *predicted] for s in spans}
    for label, row in zip(found.labels, found.counts, strict=False):
        assert sum(row) == sum(span.label == label for spans in gold for span in spans)


@given(st.lists(tag_lists))
def test_gold_against_itself_is_diagonal(tags: list[list[str]]) -> None:
    spans = [spans_of(sentence) for sentence in tags]
    found = confusion(spans, spans)
    assert all(not n for r, row in enumerate(found.counts) for c, n in enumerate(row) if r != c)


def test_a_boundary_that_is_off_is_no_confusion_of_labels() -> None:
    """New York as York alone stays a place; a label that is called none is its own."""
    found = confusion(
        [[Span(0, 2, "geo"), Span(4, 5, "none")]], [[Span(1, 2, "geo"), Span(6, 7, "none")]]
    )
    assert found == Confusion(("geo", "none"), ((1, 0, 0), (0, 0, 1), (0, 1, 0)))


def test_a_label_that_always_loses_is_listed() -> None:
    found = confusion([[Span(0, 2, "a")]], [[Span(0, 1, "a"), Span(1, 2, "b")]])
    assert found == Confusion(("a", "b"), ((1, 0, 0), (0, 0, 0), (0, 0, 0)))


def test_nothing_is_confused_with_nothing() -> None:
    assert confusion([], []) == Confusion((), ((0,),))


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        confusion([[], []], [[]])
