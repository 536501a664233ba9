"""Scores of a tagger: right by hand, the same from tokens and from raw text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.corpora import LabelledDocument
from model.evaluation.entity_scores import ScoreRow
from model.evaluation.scoring import (
    apart,
    character_spans,
    score_documents,
    score_sentences,
)
from model.tagger.artifact import Artifact
from model.tagger.tagger import Tagger, tag_documents
from model.tags import Span, spans_of, tags_of
from model.text.segmentation import retokenize, token_offsets, tokenize_document
from schemas.records import Document, TaggedDocument

SENTENCES = [
    ["The", "council", "met", "in", "Lisbon", "."],
    ["Maria", "Santos", "said", "12", "ships", "left", ",", "and", "nobody", "came", "."],
    ["O'Neil", "paid", "3,000.50", "in", "2019", "!"],
    ["a"],
]


@pytest.fixture(scope="module")
def tagger(tiny_model: Artifact) -> Tagger:
    return Tagger(tiny_model)


def tagged_sentences(tagger: Tagger, sentences: list[list[str]]) -> list[TaggedDocument]:
    _, tagged = score_sentences(tagger, sentences, [["O"] * len(words) for words in sentences])
    return tagged


def as_tags(words: list[str], tagged: TaggedDocument) -> list[str]:
    """What was found in a sentence, as tags of its words."""
    starts, ends = token_offsets(" ".join(words))
    positions = {int(start): n for n, start in enumerate(starts)}
    ending = {int(end): n + 1 for n, end in enumerate(ends)}
    return tags_of(
        [Span(positions[s.start], ending[s.end], s.label) for s in character_spans(tagged)],
        len(words),
    )


@pytest.fixture(scope="module")
def words() -> list[list[str]]:
    """The sentences as extraction would cut them."""
    return [retokenize(sentence, ["O"] * len(sentence))[0] for sentence in SENTENCES]


def test_a_tagger_that_finds_the_gold_scores_one(tagger: Tagger, words: list[list[str]]) -> None:
    """Its own output as gold: all right; and with one entity taken out of the gold, one less."""
    tagged = tagged_sentences(tagger, words)
    gold = [as_tags(*pair) for pair in zip(words, tagged, strict=True)]
    count = sum(len(document.labels) for document in tagged)
    assert count >= 2

    scores, _ = score_sentences(tagger, words, gold)
    assert scores.micro == ScoreRow(1.0, 1.0, 1.0, count)

    first = next(n for n, tags in enumerate(gold) if spans_of(tags))
    less = list(gold)
    less[first] = tags_of(spans_of(gold[first])[1:], len(gold[first]))
    scores, _ = score_sentences(tagger, words, less)
    assert scores.micro == ScoreRow(
        (count - 1) / count, 1.0, 2 * (count - 1) / (2 * count - 1), count - 1
    )


def test_a_span_that_is_off_by_one_token_or_by_label_is_wrong(
    tagger: Tagger, words: list[list[str]]
) -> None:
    tagged = tagged_sentences(tagger, words)
    found = [as_tags(*pair) for pair in zip(words, tagged, strict=True)]
    renamed = [
        [tag if tag == "O" else f"{tag[:2]}{'org' if tag[2:] == 'geo' else 'geo'}" for tag in tags]
        for tags in found
    ]
    assert score_sentences(tagger, words, renamed)[0].micro.f1 == 0
    longer = [
        tags_of([Span(0, len(tags), "nat")] if spans_of(tags) else [], len(tags)) for tags in found
    ]
    scores = score_sentences(tagger, words, longer)[0]
    assert scores.micro.f1 == 0
    assert scores.labels["nat"].support == sum(bool(spans_of(tags)) for tags in found)


def test_documents_of_one_sentence_score_as_their_words_do(
    tagger: Tagger, words: list[list[str]]
) -> None:
    """Raw text that is cut into the same words gives the same rows and the same figures."""
    words = [sentence for sentence in words if "3" not in sentence]  # its `.` would end a sentence
    texts = [" ".join(sentence) for sentence in words]
    segmentation = tagger.artifact.segmentation
    for text, sentence in zip(texts, words, strict=True):
        cut = tokenize_document(Document("", "", 0, text), segmentation)
        assert (list(cut.words), len(cut.sentence_start)) == (sentence, 1)
    gold_tags = [["B-geo", *["O"] * (len(sentence) - 1)] for sentence in words]
    gold = [(Span(0, len(sentence[0]), "geo"),) for sentence in words]
    documents = [
        LabelledDocument(str(n), text, spans, n)
        for n, (text, spans) in enumerate(zip(texts, gold, strict=True))
    ]

    by_words, from_words = score_sentences(tagger, words, gold_tags)
    by_text, from_text = score_documents(tagger, documents)

    assert by_words == by_text
    assert by_words.micro.support == len(words)
    for one, other in zip(from_words, from_text, strict=True):
        assert character_spans(one) == character_spans(other)
        np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-6)


def test_gold_in_code_points_is_compared_in_code_points(tagger: Tagger) -> None:
    """Emoji, CRLF and double spaces before an entity shift nothing."""
    text = "🚢🚢\r\n  e\u0301!  In 2019 the river rose, and the mayor of Porto asked for help."
    segmentation = tagger.artifact.segmentation
    (tagged,) = tag_documents(tagger, [tokenize_document(Document("", "", 0, text), segmentation)])
    found = tuple(character_spans(tagged))
    assert found
    scores, _ = score_documents(tagger, [LabelledDocument("d", text, found, 1)])
    assert scores.micro == ScoreRow(1.0, 1.0, 1.0, len(found))
    shifted = tuple(Span(span.start + 1, span.end + 1, span.label) for span in found)
    scores, _ = score_documents(tagger, [LabelledDocument("d", text, shifted, 1)])
    assert scores.micro.f1 == 0


def test_nothing_to_score_scores_nothing(tagger: Tagger) -> None:
    assert score_documents(tagger, []) == score_sentences(tagger, [], [])
    scores, _ = score_documents(tagger, [LabelledDocument("d", " \n", (), 1)])
    assert scores.micro == ScoreRow(0.0, 0.0, 0.0, 0)


bounds = st.lists(st.integers(0, 12), min_size=2, max_size=2, unique=True).map(sorted)


@given(
    st.lists(
        st.builds(lambda pair, label: Span(pair[0], pair[1], label), bounds, st.sampled_from("ab"))
    )
)
def test_of_spans_that_overlap_the_longest_is_kept_then_the_earliest(spans: list[Span]) -> None:
    """As a plain loop has it that compares each with all that are kept."""
    expected: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start - span.end, span)):
        if all(span.end <= other.start or other.end <= span.start for other in expected):
            expected.append(span)
    kept, dropped = apart(spans)
    assert kept == sorted(expected)
    assert sorted([*kept, *dropped]) == sorted(spans)
    assert dropped == sorted(dropped)
