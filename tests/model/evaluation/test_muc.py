"""MUC counts: each kind of error by hand, strict figures equal ours, groups equal whole texts."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator  # type: ignore[import-untyped]  # it ships no types

from model.evaluation.entity_scores import ScoreRow, entity_scores
from model.evaluation.mistakes import ComparedText, count_kinds, find_mistakes
from model.evaluation.muc import SCHEMES, MucCounts, Scheme, muc_scores
from model.tags import Span

LABELS = ["geo", "org", "per"]


@st.composite
def span_lists(draw: st.DrawFn) -> list[Span]:
    """Spans in order of the text without overlaps."""
    cuts = sorted(draw(st.sets(st.integers(0, 30), max_size=12)))
    stretches = [pair for pair in pairwise(cuts) if draw(st.integers(0, 3))]
    return [Span(start, end, draw(st.sampled_from(LABELS))) for start, end in stretches]


corpora = st.lists(st.tuples(span_lists(), span_lists()), max_size=5)
Corpus = list[tuple[list[Span], list[Span]]]


def sides(corpus: Corpus) -> tuple[list[list[Span]], list[list[Span]]]:
    return [gold for gold, _ in corpus], [predicted for _, predicted in corpus]


def counted(counts: MucCounts) -> tuple[int, int, int, int, int]:
    return counts.correct, counts.incorrect, counts.partial, counts.missed, counts.spurious


def assert_equal(scores: ScoreRow, expected: ScoreRow) -> None:
    assert scores.precision == pytest.approx(expected.precision)
    assert scores.recall == pytest.approx(expected.recall)
    assert scores.f1 == pytest.approx(expected.f1)
    assert scores.support == expected.support


@given(corpora)
def test_strict_figures_are_those_of_our_own_metrics(corpus: Corpus) -> None:
    gold, predicted = sides(corpus)
    ours, theirs = entity_scores(gold, predicted), muc_scores(gold, predicted)
    assert_equal(theirs.micro["strict"].scores, ours.micro)
    assert_equal(theirs.macro["strict"], ours.macro)
    assert list(theirs.labels) == list(ours.labels)
    for label, row in theirs.labels.items():
        assert_equal(row["strict"].scores, ours.labels[label])


@given(corpora)
def test_strict_counts_are_those_of_the_kinds_in_plain_words(corpus: Corpus) -> None:
    texts = [ComparedText("x" * 30, gold, found, [0.5] * len(found)) for gold, found in corpus]
    kinds = count_kinds(find_mistakes(texts))
    strict = muc_scores(*sides(corpus)).micro["strict"]
    assert strict.incorrect == kinds["boundaries"] + kinds["label"] + kinds["both"]
    assert strict.missed == kinds["missed"]
    assert strict.spurious == kinds["invented"]


@given(corpora.filter(bool))
def test_counts_are_those_of_the_library_on_whole_texts(corpus: Corpus) -> None:
    """Ours go by groups of overlapping spans; an empty first text changes nothing."""

    def entities(spans: list[Span]) -> list[dict[str, Any]]:
        return [{"label": s.label, "start": s.start, "end": s.end - 1} for s in spans]

    gold, predicted = sides(corpus)
    whole = Evaluator(
        [entities(spans) for spans in gold],
        [entities(spans) for spans in predicted],
        LABELS,
        loader="dict",
    ).evaluate()
    ours = muc_scores([[], *gold], [[], *predicted])
    rows = [(ours.micro, whole["overall"])]
    rows += [(row, whole["entities"][label]) for label, row in ours.labels.items()]
    for row, expected in rows:
        for scheme, counts in row.items():
            result = expected[scheme]
            assert counted(counts) == (
                *(result.correct, result.incorrect, result.partial),
                *(result.missed, result.spurious),
            )
            assert counts.scores.f1 == pytest.approx(result.f1)
            assert counts.scores.precision == pytest.approx(result.precision)
            assert counts.scores.recall == pytest.approx(result.recall)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        # correct, incorrect, partial, missed, spurious: strict, exact, partial, ent_type
        ([Span(4, 9, "geo")], [(1, 0, 0, 0, 0)] * 4),
        (
            [Span(4, 7, "geo")],  # boundaries
            [(0, 1, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (1, 0, 0, 0, 0)],
        ),
        (
            [Span(4, 9, "org")],  # label
            [(0, 1, 0, 0, 0), (1, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0, 1, 0, 0, 0)],
        ),
        (
            [Span(8, 12, "org")],  # both
            [(0, 1, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 1, 0, 0, 0)],
        ),
        ([], [(0, 0, 0, 1, 0)] * 4),
        ([Span(9, 12, "geo")], [(0, 0, 0, 1, 1)] * 4),  # ends are half-open: no overlap
    ],
)
def test_each_kind_of_error(
    predicted: list[Span], expected: list[tuple[int, int, int, int, int]]
) -> None:
    scores = muc_scores([[Span(4, 9, "geo")]], [predicted])
    assert [counted(scores.micro[scheme]) for scheme in SCHEMES] == expected


def test_a_partial_match_is_worth_half() -> None:
    scores = muc_scores([[Span(0, 4, "geo"), Span(6, 9, "geo")]], [[Span(0, 3, "geo")]])
    assert_equal(scores.micro["partial"].scores, ScoreRow(0.5, 0.25, 1 / 3, 2))
    assert_equal(scores.micro["ent_type"].scores, ScoreRow(1.0, 0.5, 2 / 3, 2))


def test_less_than_a_hundredth_of_a_gold_entity_is_no_overlap() -> None:
    gold = [Span(0, 101, "geo")]
    assert counted(muc_scores([gold], [[Span(99, 101, "geo")]]).micro["strict"])[1] == 1
    assert counted(muc_scores([gold], [[Span(100, 101, "geo")]]).micro["strict"])[3:] == (1, 1)


def test_of_another_label_is_missed_there_and_spurious_here() -> None:
    scores = muc_scores([[Span(0, 4, "geo")]], [[Span(0, 4, "org")]])
    assert counted(scores.labels["geo"]["strict"]) == (0, 0, 0, 1, 0)
    assert counted(scores.labels["org"]["strict"]) == (0, 0, 0, 0, 1)


def test_nothing_scores_nothing() -> None:
    for scores in (muc_scores([], []), muc_scores([[]], [[]])):
        assert scores.labels == {}
        for scheme in SCHEMES:
            assert counted(scores.micro[scheme]) == (0, 0, 0, 0, 0)
            assert scores.micro[scheme].scores == ScoreRow(0.0, 0.0, 0.0, 0)
            assert scores.macro[scheme] == ScoreRow(0.0, 0.0, 0.0, 0)


def test_a_text_with_thousands_of_entities_is_counted_in_linear_time() -> None:
    """Each with each would be 1.6 billion comparisons."""
    spans = [Span(3 * n, 3 * n + 2, "geo") for n in range(20_000)]
    assert muc_scores([spans], [spans]).micro["strict"].correct == len(spans)


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        muc_scores([[], []], [[]])


def test_json_has_a_row_for_each_scheme_over_all_and_by_label() -> None:
    loaded = muc_scores([[Span(0, 4, "geo")]], [[Span(0, 3, "geo")]]).to_json()
    row = {
        **dict.fromkeys(("correct", "incorrect", "missed", "spurious"), 0),
        "partial": 1,
        **dict.fromkeys(("precision", "recall", "f1"), 0.5),
        "support": 1,
    }
    scheme: Scheme = "partial"
    assert loaded["micro"][scheme] == row
    assert loaded["labels"]["geo"][scheme] == row
    assert loaded["macro"][scheme] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 1}
    assert list(loaded["micro"]) == list(loaded["macro"]) == list(SCHEMES)
