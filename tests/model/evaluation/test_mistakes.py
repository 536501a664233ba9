"""Mistakes: the frequent ones, each in its sentence."""

import pytest

from model.evaluation.mistakes import ComparedText, find_mistakes, most_frequent
from model.tags import Span
from model.text.segmentation import Segmentation


def text_of(text: str, gold: list[Span], predicted: list[Span]) -> ComparedText:
    return ComparedText(text, gold, predicted, [0.5] * len(predicted))


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
