import re
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.excerpts import ROOM, Entity, Piece, excerpt


def entity(
    start: int, end: int, confidence: float | None = 0.9, sentence: tuple[int, int] = (0, 0)
) -> Entity:
    return Entity(start, end, *sentence, "per", confidence, "")


def shown(pieces: Sequence[Piece]) -> str:
    return "".join("\n".join(piece.lines) for piece in pieces)


def marked(pieces: Sequence[Piece]) -> list[tuple[str, Entity]]:
    return [(piece.lines[0], piece.entity) for piece in pieces if piece.entity]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


texts = st.text(st.sampled_from("ab é𐐷👍🏽\u202e\u0301\n\r\t\x00<&"), min_size=1, max_size=80)


@st.composite
def texts_with_entities(draw: st.DrawFn, repeat: int = 1) -> tuple[str, list[Entity]]:
    text = draw(texts) * repeat
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=30)))
    pairs = zip(places[::2], places[1::2], strict=False)
    confidence = st.none() | st.floats(0, 1, width=32)
    sentence = (0, len(text)) if draw(st.booleans()) else (places[0] if places else 0, len(text))
    return text, [entity(start, end, draw(confidence), sentence) for start, end in pairs]


@given(texts_with_entities())
def test_a_short_text_is_shown_whole_with_all_its_entities(
    drawn: tuple[str, list[Entity]],
) -> None:
    """By code points, whatever stands in it; white space alone is made simpler."""
    text, entities = drawn
    pieces = excerpt(text, entities, doubtful_first=True)
    without = r"\s+"
    assert re.sub(without, "", shown(pieces)) == re.sub(without, "", text)
    assert [found for _, found in marked(pieces)] == sorted(entities)
    for words, found in marked(pieces):
        assert words == " ".join(text[found.start : found.end].split())
    for piece in pieces:
        assert not re.search(r"[\r\n\t]", "".join(piece.lines))


@given(texts_with_entities(repeat=60), st.booleans())
def test_a_long_text_is_cut_and_its_entities_are_not(
    drawn: tuple[str, list[Entity]], doubtful_first: bool
) -> None:
    text, entities = drawn
    pieces = excerpt(text, entities, doubtful_first=doubtful_first)
    assert len(shown(pieces)) < ROOM * 2
    if entities and len(text) > ROOM:
        first = min if doubtful_first else max
        # What a list alone found is neither doubtful nor sure.
        ranks = [0.5 if e.confidence is None else e.confidence for e in entities]
        shown_ranks = [0.5 if e.confidence is None else e.confidence for _, e in marked(pieces)]
        assert first(ranks) in shown_ranks
    for words, found in marked(pieces):
        whole = " ".join(text[found.start : found.end].split())
        assert words == whole or (len(whole) > 160 and words.startswith(whole[:100]))
    # What is between ellipses stands in the text like this.
    plain = re.sub(r"\s+", "", text)
    for part in re.split(r"\s*…\s*", shown(pieces)):
        assert re.sub(r"\s+", "", part) in plain


FIRST = 0x4E00


@st.composite
def crowded_texts(draw: st.DrawFn) -> tuple[str, list[Entity]]:
    """Every character is another one, but for blanks, and entities stand close to each other."""
    lengths = draw(st.lists(st.integers(1, 30), min_size=100, max_size=100))
    confidences = draw(st.lists(st.integers(0, 9), min_size=50, max_size=50))
    word = draw(st.integers(2, 12))
    ends = list(accumulate(lengths))
    spans = zip(ends[::2], ends[1::2], confidences, strict=True)
    text = "".join(chr(FIRST + n) if n % word else " " for n in range(ends[-1]))
    return text, [entity(*span, sentence=(0, len(text))) for span in spans]


@given(crowded_texts())
@settings(max_examples=60)
def test_no_entity_is_cut_in_two_where_a_text_is_cut(drawn: tuple[str, list[Entity]]) -> None:
    text, entities = drawn
    places = {
        ord(character) - FIRST for character in shown(excerpt(text, entities, doubtful_first=True))
    }
    for own in entities:
        whole = {place for place in range(own.start, own.end) if text[place] != " "}
        assert whole <= places or not whole & places, own


def test_an_excerpt_is_made_of_whole_sentences() -> None:
    sentence = "Nothing of note here today. "
    text = sentence * 100
    start = 50 * len(sentence)
    found = entity(start, start + 7, 0.2, (start, start + len(sentence) - 1))
    other = entity(0, 7, 0.9, (0, len(sentence) - 1))
    pieces = excerpt(text, [found, other], doubtful_first=True)
    assert shown(pieces) == f"{sentence.strip()} … {sentence.strip()} …"


def test_a_long_sentence_is_cut_between_words() -> None:
    text = "word " * 1000
    pieces = excerpt(text, [entity(2500, 2504, 0.5, (0, 5000))], doubtful_first=True)
    assert re.fullmatch(r"… (word )+word …", shown(pieces))


def test_a_long_entity_is_cut_in_its_middle() -> None:
    text = "a" * 5000 + "b" * 5000
    ((words, _),) = marked(excerpt(text, [entity(0, 10_000)], doubtful_first=True))
    assert re.fullmatch("a{106} … b{53}", words)


def test_of_two_entities_that_overlap_the_surer_one_is_marked() -> None:
    entities = [entity(0, 5, 0.3), entity(3, 8, 0.8), entity(8, 9, 0.1)]
    pieces = excerpt("abcdefghi", entities, doubtful_first=True)
    assert marked(pieces) == [("defgh", entities[1]), ("i", entities[2])]
    assert shown(pieces) == "abcdefghi"


@pytest.mark.parametrize("place", [(-1, 2), (2, 2), (2, 10)])
def test_an_entity_outside_the_text_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no characters"):
        excerpt("abcdefghi", [entity(*place)], doubtful_first=True)


def test_lines_stay_lines_and_gaps_of_many_are_one() -> None:
    pieces = excerpt("a\r\nb\x85c\n\n \n\nd\t\xa0e", [], doubtful_first=True)
    assert [piece.lines for piece in pieces] == [("a", "b", "c", "", "d e")]
