"""A teacher's documents become sentences in which nothing doubtful is sure."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import LabelledDocument
from model.corpora.projection import project_document, project_silver
from model.corpora.records import Certainty
from model.tags import Span, spans_of
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document

ENGLISH = Segmentation()
TEXT = "Maria Reis left Porto. Rui stayed."
MARIA, PORTO, RUI = Span(0, 10, "per"), Span(16, 21, "geo"), Span(23, 26, "per")


def told(
    *entities: Span, certainty: Certainty | None = None, text: str = TEXT
) -> list[tuple[str, str, float]]:
    """Words, tags and certainties, end to end."""
    document = LabelledDocument("d", text, entities, certainty=certainty)
    silver = project_silver(document, ENGLISH)
    return [
        (word, tag, round(sure, 3))
        for sentence, its in zip(silver.sentences, silver.certainty, strict=True)
        for word, tag, sure in zip(sentence.words, sentence.tags, its, strict=True)
    ]


def test_without_scores_all_is_sure_and_tagged_as_gold_would_be() -> None:
    found = told(MARIA, PORTO, RUI)
    assert {sure for *_, sure in found} == {1.0}
    gold = project_document(LabelledDocument("d", TEXT, (MARIA, PORTO, RUI)), ENGLISH).sentences
    assert [tag for _, tag, _ in found] == list(chain.from_iterable(each.tags for each in gold))


def test_tokens_are_as_sure_as_their_span_and_others_as_the_document() -> None:
    assert told(MARIA, PORTO, certainty=Certainty((0.9, 0.4), rest=0.7)) == [
        ("Maria", "B-per", 0.9),
        ("Reis", "I-per", 0.9),
        ("left", "O", 0.7),
        ("Porto", "B-geo", 0.4),
        (".", "O", 0.7),
        ("Rui", "O", 0.7),
        ("stayed", "O", 0.7),
        (".", "O", 0.7),
    ]


def test_what_was_not_read_says_nothing_beside_its_spans() -> None:
    """A token that is read in part is not read."""
    partly = Certainty((1.0,), read=((0, 13),))
    assert [sure for *_, sure in told(PORTO, certainty=partly)] == [1, 1, 0, 1, 0, 0, 0, 0]
    nowhere = Certainty((1.0,), read=())
    assert [sure for *_, sure in told(PORTO, certainty=nowhere)] == [0, 0, 0, 1, 0, 0, 0, 0]


def test_a_span_that_does_not_fit_says_nothing_of_its_tokens() -> None:
    """Within a word, across sentences, over another one, and one that is not sure at all."""
    document = LabelledDocument(
        "d", TEXT, (Span(0, 3, "per"), Span(6, 21, "geo"), PORTO, Span(16, 26, "per"))
    )
    silver = project_silver(document, ENGLISH)
    assert [each.kind for each in silver.misfits] == ["boundary", "overlap", "sentence"]
    found = told(*document.entities)
    assert found[:5] == [
        ("Maria", "O", 0),
        ("Reis", "B-geo", 1),
        ("left", "I-geo", 1),
        ("Porto", "I-geo", 1),
        (".", "O", 0),
    ]
    assert told(PORTO, certainty=Certainty((0.0,)))[3] == ("Porto", "O", 0)


def test_of_spans_that_overlap_the_surest_is_believed() -> None:
    """Of two labels of one span too; said twice, it is as sure as it is once."""
    longer = Span(0, 15, "geo")
    found = told(MARIA, longer, certainty=Certainty((0.9, 0.2)))
    assert found[:3] == [("Maria", "B-per", 0.9), ("Reis", "I-per", 0.9), ("left", "O", 0.0)]
    other = Span(0, 10, "geo")
    found = told(other, MARIA, certainty=Certainty((0.1, 0.9)))
    assert found[:2] == [("Maria", "B-per", 0.9), ("Reis", "I-per", 0.9)]
    document = LabelledDocument("d", TEXT, (MARIA, MARIA), certainty=Certainty((0.9, 0.3)))
    silver = project_silver(document, ENGLISH)
    assert not silver.misfits
    assert silver.certainty[0][0] == pytest.approx(0.9)


texts = st.text(st.sampled_from("ab .!?\n-é🚢\u0301"), max_size=25)
shares = st.sampled_from([0.0, 0.3, 1.0])


@st.composite
def documents(draw: st.DrawFn) -> LabelledDocument:
    text = draw(texts)
    places = st.integers(0, len(text))
    drawn = draw(st.lists(st.tuples(places, places, st.sampled_from("xy")), max_size=6))
    spans = tuple(sorted({Span(a, b, label) for a, b, label in drawn if a < b}))
    part = st.tuples(places, places).map(lambda pair: (min(pair), max(pair)))
    parts = st.lists(part, max_size=2).map(tuple)
    certainty = Certainty(tuple(draw(shares) for _ in spans), draw(shares), draw(st.none() | parts))
    return LabelledDocument("d", text, spans, certainty=draw(st.none() | st.just(certainty)))


@given(documents())
def test_whatever_a_teacher_says_only_its_own_spans_are_tagged(document: LabelledDocument) -> None:
    """Each with its own certainty; what touches a span that is not tagged is not sure."""
    tokens = tokenize_document(Document("", "", 0, document.text), ENGLISH)
    silver = project_silver(document, ENGLISH)
    sure = list(chain.from_iterable(silver.certainty))
    tags = list(chain.from_iterable(each.tags for each in silver.sentences))
    assert len(sure) == len(tags) == len(tokens.words)
    assert all(0 <= share <= 1 for share in sure)
    certainties = document.certainty.entities if document.certainty else (1.0,) * 9
    certainty_of = dict(zip(document.entities, certainties, strict=False))
    starts, ends = tokens.token_start.tolist(), tokens.token_end.tolist()
    tagged = {
        Span(starts[span.start], ends[span.end - 1], span.label): sure[span.start : span.end]
        for span in spans_of(tags)
    }
    for span, shares_of_it in tagged.items():
        assert {round(share, 3) for share in shares_of_it} == {certainty_of[span]}
    for span in document.entities:
        touched = [
            n
            for n, (a, b) in enumerate(zip(starts, ends, strict=True))
            if a < span.end and b > span.start
        ]
        if span not in tagged:
            assert all(tags[n] != "O" or sure[n] == 0 for n in touched)
