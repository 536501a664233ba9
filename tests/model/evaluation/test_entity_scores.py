"""Scores equal a brute-force count, and figures that were worked out by hand."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.entity_scores import EntityScores, ScoreRow, entity_scores
from model.tags import Span, spans_of

SPANS = [Span(start, end, label) for start, end, label in product((0, 1), (2, 3), ("geo", "per"))]
span_sets = st.sets(st.sampled_from(SPANS))


def brute(gold: list[set[Span]], predicted: list[set[Span]], label: str | None) -> ScoreRow:
    """The definition, one entity at a time, with F1 as the harmonic mean."""
    right = found = wanted = 0
    for gold_spans, predicted_spans in zip(gold, predicted, strict=True):
        for span in predicted_spans:
            if label in (None, span.label):
                found += 1
                right += any(span == other for other in gold_spans)
        wanted += sum(label in (None, span.label) for span in gold_spans)
    precision = right / found if found else 0.0
    recall = right / wanted if wanted else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return ScoreRow(precision, recall, f1, wanted)


def assert_close(scores: ScoreRow, expected: ScoreRow) -> None:
    assert scores.precision == pytest.approx(expected.precision)
    assert scores.recall == pytest.approx(expected.recall)
    assert scores.f1 == pytest.approx(expected.f1)
    assert scores.support == expected.support


def scores_of_tags(gold: list[str], predicted: list[str]) -> EntityScores:
    return entity_scores([spans_of(gold)], [spans_of(predicted)])


@given(st.lists(st.tuples(span_sets, span_sets), max_size=6))
def test_scores_equal_a_brute_force_count(cases: list[tuple[set[Span], set[Span]]]) -> None:
    gold = [case[0] for case in cases]
    predicted = [case[1] for case in cases]
    scores = entity_scores(iter(gold), iter(predicted))
    assert_close(scores.micro, brute(gold, predicted, None))
    present = {span.label for case in cases for spans in case for span in spans}
    assert list(scores.labels) == sorted(present)
    for label in present:
        assert_close(scores.labels[label], brute(gold, predicted, label))


@given(st.lists(st.tuples(span_sets, span_sets), max_size=6))
def test_macro_is_the_mean_over_the_labels_in_the_gold(
    cases: list[tuple[set[Span], set[Span]]],
) -> None:
    gold = [case[0] for case in cases]
    predicted = [case[1] for case in cases]
    rows = [
        brute(gold, predicted, label)
        for label in sorted({span.label for spans in gold for span in spans})
    ]
    count = len(rows) or 1
    expected = ScoreRow(
        sum(row.precision for row in rows) / count,
        sum(row.recall for row in rows) / count,
        sum(row.f1 for row in rows) / count,
        sum(row.support for row in rows),
    )
    assert_close(entity_scores(gold, predicted).macro, expected)


def test_a_label_that_is_only_predicted_does_not_lower_the_macro_scores() -> None:
    scores = entity_scores([[Span(0, 1, "per")]], [[Span(0, 1, "per"), Span(1, 2, "geo")]])
    assert scores.macro == ScoreRow(1.0, 1.0, 1.0, 1)


@given(st.lists(span_sets, min_size=1, max_size=6))
def test_gold_against_itself_is_perfect_or_empty(gold: list[set[Span]]) -> None:
    support = sum(map(len, gold))
    score = 1.0 if support else 0.0
    assert entity_scores(gold, gold).micro == ScoreRow(score, score, score, support)


def test_a_case_worked_out_as_conlleval_does() -> None:
    """4 gold entities, 5 found, 2 right: precision 40 %, recall 50 %, F1 44.44 %."""
    scores = scores_of_tags(
        ["B-PER", "I-PER", "O", "B-LOC", "O", "B-ORG", "I-ORG", "O", "B-LOC"],
        ["B-PER", "I-PER", "O", "B-ORG", "O", "B-ORG", "B-ORG", "O", "I-LOC"],
    )
    assert_close(scores.micro, ScoreRow(2 / 5, 2 / 4, 4 / 9, 4))
    assert_close(scores.labels["PER"], ScoreRow(1, 1, 1, 1))
    assert_close(scores.labels["LOC"], ScoreRow(1, 1 / 2, 2 / 3, 2))
    assert_close(scores.labels["ORG"], ScoreRow(0, 0, 0, 1))


@pytest.mark.parametrize(
    "predicted",
    [
        ["O", "B-PER", "O", "O"],  # too short
        ["O", "B-PER", "I-PER", "I-PER"],  # too long
        ["O", "B-LOC", "I-LOC", "O"],  # another label
        ["O", "B-PER", "B-PER", "O"],  # cut in two
    ],
)
def test_an_entity_that_is_nearly_right_is_wrong(predicted: list[str]) -> None:
    scores = scores_of_tags(["O", "B-PER", "I-PER", "O"], predicted)
    assert scores.micro.f1 == 0.0
    assert scores.micro.support == 1


def test_outside_tokens_count_for_nothing() -> None:
    short = scores_of_tags(["B-PER", "O"], ["B-PER", "O"])
    assert scores_of_tags(["B-PER"] + ["O"] * 500, ["B-PER"] + ["O"] * 500) == short


def test_the_same_span_in_another_sentence_is_wrong() -> None:
    scores = entity_scores([[SPANS[0]], []], [[], [SPANS[0]]])
    assert scores.micro == ScoreRow(0.0, 0.0, 0.0, 1)


def test_an_entity_given_twice_counts_once() -> None:
    scores = entity_scores([[SPANS[0], SPANS[0]]], [[SPANS[0], SPANS[0]]])
    assert scores.micro == ScoreRow(1.0, 1.0, 1.0, 1)


def test_nothing_to_divide_by_gives_zero() -> None:
    nothing = ScoreRow(0.0, 0.0, 0.0, 0)
    assert entity_scores([], []) == EntityScores(nothing, {})
    assert entity_scores([[]], [[SPANS[0]]]).labels == {SPANS[0].label: nothing}


def test_sides_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        entity_scores([[], []], [[]])


def test_json_has_exactly_the_documented_keys() -> None:
    scores = entity_scores([[Span(0, 1, "per")]], [[Span(0, 1, "per"), Span(1, 2, "geo")]])
    assert json.loads(json.dumps(scores.to_json())) == {
        "micro": {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1},
        "macro": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
        "labels": {
            "geo": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0},
            "per": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
        },
    }
