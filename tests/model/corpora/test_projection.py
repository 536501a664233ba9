"""Documents become the sentences that extraction would cut, and no span is lost in silence."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import LabelledDocument
from model.corpora.projection import Misfit, project_document
from model.tags import Span, spans_of
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Document

ENGLISH = Segmentation()


def found(document: LabelledDocument, segmentation: Segmentation = ENGLISH) -> list[Span]:
    """The spans, in code points, that the projected tags mark."""
    tokens = tokenize_document(Document("", "", 0, document.text), segmentation)
    sentences = project_document(document, segmentation).sentences
    firsts = tokens.sentence_offsets.tolist()
    return [
        Span(
            int(tokens.token_start[first + span.start]),
            int(tokens.token_end[first + span.end - 1]),
            span.label,
        )
        for first, sentence in zip(firsts, sentences, strict=False)
        for span in spans_of(sentence.tags)
    ]


texts = st.text(st.sampled_from("ab .!?\n-é🚢\u0301"), max_size=25)


@st.composite
def documents(draw: st.DrawFn) -> LabelledDocument:
    text = draw(texts)
    places = st.integers(0, len(text))
    drawn = draw(st.lists(st.tuples(places, places, st.sampled_from("xy")), max_size=6))
    spans = sorted(Span(a, b, label) for a, b, label in drawn if a < b)
    return LabelledDocument("d", text, tuple(spans), 3)


@given(documents(), st.sampled_from([3, 4096]))
def test_every_span_is_tagged_or_reported(document: LabelledDocument, longest: int) -> None:
    """And every tagged span is a gold one or what a report says of one."""
    segmentation = Segmentation(max_sentence_tokens=longest)
    result = project_document(document, segmentation)
    tagged = found(document, segmentation)
    reported = [misfit.span for misfit in result.misfits]
    exact = [span for span in document.entities if span in tagged]
    assert all(span in tagged or span in reported for span in document.entities)
    # Of two equal spans one is tagged, the other overlaps it; else a span has one fate.
    assert len(document.entities) == len(set(exact)) + len(reported)
    instead = sorted(text for misfit in result.misfits for text in misfit.tagged)
    others = sorted(document.text[s.start : s.end] for s in tagged if s not in exact)
    assert instead == others
    assert all(misfit.text == document.text[slice(*_ends(misfit))] for misfit in result.misfits)


def _ends(misfit: Misfit) -> tuple[int, int]:
    return misfit.span.start, misfit.span.end


@given(documents(), st.sampled_from([3, 4096]))
def test_sentences_are_those_of_extraction(document: LabelledDocument, longest: int) -> None:
    segmentation = Segmentation(max_sentence_tokens=longest)
    tokens = tokenize_document(Document("", "", 0, document.text), segmentation)
    sentences = project_document(document, segmentation).sentences
    cut = [tuple(tokens.words[a:b]) for a, b in pairwise(tokens.sentence_offsets.tolist())]
    assert [sentence.words for sentence in sentences] == cut
    assert {sentence.line for sentence in sentences} <= {3}


TEXT = "The Osprey left Hamburg. Anna Lind stayed, so did Bo 🚢 Berg."


@pytest.mark.parametrize(
    ("marked", "kind", "tagged"),
    [
        ("Hamburg", None, ["Hamburg"]),
        ("Bo 🚢 Berg", None, ["Bo 🚢 Berg"]),
        ("Hambur", "boundary", ["Hamburg"]),
        ("sprey l", "boundary", ["Osprey left"]),
        (" Hamburg", "boundary", ["Hamburg"]),
        ("Hamburg. Anna Lind", "sentence", ["Hamburg.", "Anna Lind"]),
        ("amburg. Ann", "sentence", ["Hamburg.", "Anna"]),
        (" ", "blank", []),
    ],
)
def test_a_span_alone(marked: str, kind: str | None, tagged: list[str]) -> None:
    start = TEXT.index(marked)
    span = Span(start, start + len(marked), "x")
    document = LabelledDocument("d", TEXT, (span,), 9)
    assert [TEXT[s.start : s.end] for s in found(document)] == tagged
    misfits = project_document(document, ENGLISH).misfits
    expected = [("d", 9, span, marked, kind, tuple(tagged))] if kind else []
    assert [(m.doc_id, m.line, m.span, m.text, m.kind, m.tagged) for m in misfits] == expected


@pytest.mark.parametrize(
    ("marked", "tagged"),
    [
        (["Anna Lind", "Lind"], "Anna Lind"),  # the longer
        (["Anna Lind", "Lind stayed"], "Lind stayed"),
        (["Anna", "Anna"], "Anna"),  # the same twice
        (["Anna Lin", "Lind"], "Lind"),  # what fits goes before what is longer
        (["Ham", "burg"], "Hamburg"),  # they touch, and share a token
    ],
)
def test_of_spans_that_share_tokens_one_is_tagged(marked: list[str], tagged: str) -> None:
    spans = [Span(TEXT.index(m), TEXT.index(m) + len(m), "x") for m in marked]
    document = LabelledDocument("d", TEXT, tuple(sorted(spans)))
    assert [TEXT[s.start : s.end] for s in found(document)] == [tagged]
    overlaps = [m for m in project_document(document, ENGLISH).misfits if m.kind == "overlap"]
    assert [m.tagged for m in overlaps] == [()]


def test_a_dropped_span_stands_in_no_others_way() -> None:
    text = "Ada Bo Lind Oban Ness"
    spans = (Span(0, 11, "a"), Span(7, 21, "b"), Span(17, 21, "c"))
    assert found(LabelledDocument("d", text, spans)) == [Span(7, 21, "b")]
    spans = (Span(0, 16, "a"), Span(12, 21, "b"), Span(17, 21, "c"))
    document = LabelledDocument("d", text, spans)
    assert found(document) == [spans[0], spans[2]]
    assert [m.span for m in project_document(document, ENGLISH).misfits] == [spans[1]]


def test_a_blank_document_has_no_sentences() -> None:
    assert project_document(LabelledDocument("d", " \n", ()), ENGLISH).sentences == ()
