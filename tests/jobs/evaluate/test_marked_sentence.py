"""Excerpts: within their room, entities marked, nothing in them that a terminal would obey."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.evaluate.marked_sentence import Segment, cells, marked_sentence, shorten
from model.evaluation.mistakes import ComparedText, Mistake, find_mistakes
from model.tags import Span
from model.text.escaping import harmless


def mistake_of(text: str, gold: Span | None, predicted: Span | None) -> Mistake:
    (mistake,) = find_mistakes(
        [
            ComparedText(
                text,
                [gold] if gold else [],
                [predicted] if predicted else [],
                [0.5] if predicted else [],
            )
        ]
    )
    return mistake


def shown(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def test_boundaries_of_both_sides_are_marked() -> None:
    text = "We met Ana de Sousa in Faro."
    mistake = mistake_of(text, Span(7, 19, "per"), Span(7, 10, "per"))
    assert marked_sentence(mistake, 80) == [
        Segment("We met "),
        Segment("Ana", gold=True, predicted=True),
        Segment(" de Sousa", gold=True),
        Segment(" in Faro."),
    ]


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (28, "We met Ana de Sousa in Faro."),
        (22, "…met Ana de Sousa in …"),
        (17, "… Ana de Sousa i…"),
        (12, "Ana de Sousa"),
        (7, "Ana …sa"),
    ],
)
def test_what_stands_around_goes_first_and_evenly(room: int, expected: str) -> None:
    mistake = mistake_of("We met Ana de Sousa in Faro.", Span(7, 19, "per"), None)
    assert shown(marked_sentence(mistake, room)) == expected


def test_an_entity_at_an_end_leaves_its_room_to_the_other_side() -> None:
    text = "Faro is a town that many people visit in summer"
    assert (
        shown(marked_sentence(mistake_of(text, Span(0, 4, "geo"), None), 20))
        == "Faro is a town that…"
    )
    last = mistake_of(text, Span(41, 47, "tim"), None)
    assert shown(marked_sentence(last, 20)) == "…ple visit in summer"


@given(
    st.text(st.sampled_from("aé日\u0301🚢 \n\x1b\u202e"), min_size=1, max_size=40),
    st.data(),
    st.integers(4, 60),
)
def test_it_fits_its_room_and_prints(text: str, data: st.DataObject, room: int) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    segments = marked_sentence(mistake_of(text, Span(start, end, "x"), None), room)
    assert cells(shown(segments)) <= room
    assert shown(segments).isprintable()
    assert any(segment.gold for segment in segments)


@given(st.text(max_size=30), st.integers(1, 30))
def test_shortened_text_fits_its_room_and_prints(text: str, room: int) -> None:
    short = shorten(text, room)
    assert cells(short) <= room
    assert harmless(short) == short


def test_cells_are_columns_of_a_terminal() -> None:
    assert [cells(text) for text in ("abc", "日本", "e\u0301", "🚢", "Zoë", "")] == [
        *(3, 4, 1),
        *(2, 3, 0),
    ]
