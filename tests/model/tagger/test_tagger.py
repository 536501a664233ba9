"""What is found in a document depends on the document alone, and stands where it says."""

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.tagger.artifact import Artifact
from model.tagger.padding import PART_TOKENS, WINDOW_TOKENS, pad_documents
from model.tagger.tagger import Tagger, tag_documents
from model.tagger.vocabulary import normalize
from model.tags import SCHEMES
from model.text.segmentation import Segmentation, tokenize_document
from schemas.records import Bucket, Document, TaggedDocument, TokenizedDocument

TEXTS = [
    "The council met in Lisbon on Monday. Maria Santos said that 12 ships left the harbour!",
    "",
    "In 2019 the river rose,\r\nand the mayor of Porto asked for help.  Nobody came.",
    "🚢🚢 Évora… e\u0301vora? (Rui & Ana) paid 3,000.50 to O'Neil.",
    " \n ",
    "a",
    "Ships of the river council, " * 60,  # one sentence that runs in windows
    "The harbour is of the river. " * 30,
]


@pytest.fixture(scope="module", params=list(SCHEMES))
def tiny_model(request: pytest.FixtureRequest, tiny_models: Mapping[str, Artifact]) -> Artifact:
    """What this module promises it promises for every tag scheme."""
    return tiny_models[request.param]


@pytest.fixture(scope="module", params=[True, False], ids=["compiled", "tensorflow"])
def tagger(request: pytest.FixtureRequest, tiny_model: Artifact) -> Tagger:
    """And with either arithmetic."""
    return Tagger(tiny_model, compiled=request.param)


@pytest.fixture(scope="module")
def documents(tiny_model: Artifact) -> list[TokenizedDocument]:
    return [
        tokenize_document(Document(f"d{n}", "s", n, text), tiny_model.segmentation)
        for n, text in enumerate(TEXTS)
    ]


@pytest.fixture(scope="module")
def alone(tagger: Tagger, documents: list[TokenizedDocument]) -> list[TaggedDocument]:
    """Each document tagged in a batch of its own."""
    return [tagger.tag(pad_documents([document]))[0] for document in documents]


def assert_same_rows(found: TaggedDocument, expected: TaggedDocument) -> None:
    assert found.document is expected.document
    assert found.labels == expected.labels
    for name in ("sentence", "sentence_start", "sentence_end", "start_char", "end_char"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-5)
    assert (found.sentences, found.tokens) == (expected.sentences, expected.tokens)
    assert found.unknown_tokens == expected.unknown_tokens
    assert np.array_equal(found.sentence_lengths, expected.sentence_lengths)


def test_the_sample_holds_entities_of_several_labels(alone: list[TaggedDocument]) -> None:
    """Or the promises below would say nothing."""
    assert len({label for document in alone for label in document.labels}) >= 2
    assert sum(len(document.labels) for document in alone) > 50
    assert any(document.sentence.any() for document in alone)


@pytest.mark.parametrize("seed", range(5))
def test_company_and_order_change_no_row(
    tagger: Tagger,
    documents: list[TokenizedDocument],
    alone: list[TaggedDocument],
    seed: int,
) -> None:
    order = [n % len(documents) for n in range(2 * len(documents))]
    random.Random(seed).shuffle(order)
    together = tagger.tag(pad_documents([documents[n] for n in order]))
    for n, found in zip(order, together, strict=True):
        assert_same_rows(found, alone[n])


@pytest.mark.parametrize("bound", [1, 30, 10**6])
def test_the_size_of_batches_changes_no_row(
    tagger: Tagger,
    documents: list[TokenizedDocument],
    alone: list[TaggedDocument],
    bound: int,
) -> None:
    for found, expected in zip(tag_documents(tagger, documents, bound), alone, strict=True):
        assert_same_rows(found, expected)


def test_tagging_again_gives_exactly_the_same(
    tagger: Tagger, documents: list[TokenizedDocument]
) -> None:
    first, second = (tagger.tag(pad_documents(documents)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.confidence, other.confidence)


def test_entities_lie_on_tokens_in_their_sentence_and_never_overlap(
    documents: list[TokenizedDocument], alone: list[TaggedDocument]
) -> None:
    for document, tagged in zip(documents, alone, strict=True):
        assert set(tagged.start_char.tolist()) <= set(document.token_start.tolist())
        assert set(tagged.end_char.tolist()) <= set(document.token_end.tolist())
        assert (tagged.start_char < tagged.end_char).all()
        assert (tagged.end_char[:-1] <= tagged.start_char[1:]).all()
        assert (tagged.sentence_start <= tagged.start_char).all()
        assert (tagged.end_char <= tagged.sentence_end).all()
        np.testing.assert_array_equal(
            tagged.sentence_start, document.sentence_start[tagged.sentence]
        )
        np.testing.assert_array_equal(tagged.sentence_end, document.sentence_end[tagged.sentence])


def test_counts_and_confidences(
    documents: list[TokenizedDocument], alone: list[TaggedDocument], tiny_model: Artifact
) -> None:
    """Unknown are the tokens whose normalized form the vocabulary lacks; repeats count."""
    known = set(tiny_model.encoder.vocabulary.words)
    for document, tagged in zip(documents, alone, strict=True):
        assert tagged.tokens == len(document.words)
        assert tagged.sentences == len(document.sentence_start)
        lengths = [stop - first for first, stop in pairwise(document.sentence_offsets.tolist())]
        assert tagged.sentence_lengths.tolist() == lengths
        assert tagged.unknown_tokens == sum(normalize(w) not in known for w in document.words)
        assert tagged.confidence.dtype == np.float32
        assert ((tagged.confidence > 0) & (tagged.confidence <= 1)).all()
        assert set(tagged.labels) <= set(tiny_model.tags.labels)


@pytest.mark.parametrize("temperature", [0.3, 1.7, 6.0])
def test_a_temperature_changes_confidence_alone(
    tagger: Tagger,
    tiny_model: Artifact,
    documents: list[TokenizedDocument],
    alone: list[TaggedDocument],
    temperature: float,
) -> None:
    """It is the one that forward-backward gives for emissions and CRF divided by it."""
    tempered = Tagger(replace(tiny_model, temperature=temperature))
    batch = pad_documents(documents)
    found = tempered.tag(batch)
    for one, other in zip(found, alone, strict=True):
        assert_same_rows(replace(one, confidence=other.confidence), other)
    assert np.abs(found[0].confidence - alone[0].confidence).max() > 0.01

    np.testing.assert_allclose(
        tempered.emit(batch).emissions, tagger.emit(batch).emissions / temperature, atol=1e-4
    )
    for name in ("start", "transitions", "end"):
        scores, own = (getattr(each.potentials, name) for each in (tempered, tagger))
        np.testing.assert_allclose(scores, own / temperature, rtol=1e-6)


@pytest.mark.parametrize("rank", [0, 10, -1])
def test_entities_below_the_least_confidence_are_left_out_and_others_stay(
    tiny_model: Artifact, documents: list[TokenizedDocument], rank: int
) -> None:
    batch = pad_documents(documents)
    # A new one too: what a tagger met before may change the last digit of a confidence.
    everything = Tagger(tiny_model).tag(batch)
    least = float(np.sort(np.concatenate([d.confidence for d in everything]))[rank])
    some = Tagger(tiny_model, min_confidence=least).tag(batch)
    for whole, found in zip(everything, some, strict=True):
        kept = whole.confidence >= least
        columns = ("sentence", "sentence_start", "sentence_end", "start_char", "end_char")
        expected = {name: getattr(whole, name)[kept] for name in (*columns, "confidence")}
        labels = tuple(np.array(whole.labels, object)[kept])
        assert_same_rows(found, replace(whole, labels=labels, **expected))
    assert sum(len(document.labels) for document in some) > 0


def test_empty_documents_have_no_entities(tagger: Tagger, tiny_model: Artifact) -> None:
    blank = [
        tokenize_document(Document("d", "s", n, text), tiny_model.segmentation)
        for n, text in enumerate(["", " \r\n"])
    ]
    for tagged in tagger.tag(pad_documents(blank)):
        assert (tagged.sentences, tagged.tokens, tagged.unknown_tokens) == (0, 0, 0)
        assert tagged.labels == ()
        assert len(tagged.confidence) == len(tagged.start_char) == len(tagged.sentence) == 0
    assert tagger.tag(pad_documents([])) == []


def test_every_token_of_a_long_sentence_has_emissions(tagger: Tagger, tiny_model: Artifact) -> None:
    """Windows leave no gap, and the context they are cut with makes their emissions agree."""
    words = "the river council of lisbon met and maria said it was on monday , in the harbour"
    text = " ".join([words] * 60)
    document = tokenize_document(Document("d", "s", 0, text), tiny_model.segmentation)
    assert len(document.sentence_start) == 1
    assert len(document.words) > 3 * WINDOW_TOKENS

    cut = tagger.emit(pad_documents([document])).emissions

    assert cut.shape == (len(document.words), len(tiny_model.tags.tags))
    assert (np.abs(cut).sum(axis=1) > 0).all()
    distinct = sorted(set(document.words))
    rows = tagger.words.find(distinct)
    size = len(document.words)
    whole, unknown = tagger.network.blank(size), np.empty(size, bool)
    numbers = np.array([distinct.index(word) for word in document.words], np.int32)
    zero, end = np.zeros(1, np.int32), np.array([size], np.int32)
    bucket = Bucket(numbers[None], end, zero, zero, end)
    tagger.network.emit(bucket, rows, whole, unknown)
    whole = whole[:, : cut.shape[1]]
    # An LSTM forgets: 32 tokens of context decide nearly all that is beyond them.
    assert np.abs(cut - whole).max() < 0.01 * np.abs(whole).max()


def test_a_long_sentence_can_hold_entities_to_its_end(tagger: Tagger, tiny_model: Artifact) -> None:
    text = "in 2019 the river rose , and porto asked for help , " * 120
    document = tokenize_document(Document("d", "s", 0, text), tiny_model.segmentation)
    tagged = tagger.tag(pad_documents([document]))[0]
    assert tagged.sentences == 1
    assert tagged.start_char[-1] > 0.98 * len(text)
    assert np.diff(tagged.start_char).max() < 100


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
@settings(max_examples=40)
def test_no_text_breaks_the_tagger(tagger: Tagger, texts: list[str]) -> None:
    """Any Unicode goes through, and every entity is a stretch of visible text."""
    segmentation = tagger.artifact.segmentation
    made = [
        tokenize_document(Document("d", "s", n, text), segmentation) for n, text in enumerate(texts)
    ]
    for text, tagged in zip(texts, tagger.tag(pad_documents(made)), strict=True):
        for start, end in zip(tagged.start_char, tagged.end_char, strict=True):
            assert re.fullmatch(r"\S(.*\S)?", text[start:end], re.DOTALL)


def test_what_is_computed_in_pieces_is_the_same(
    tagger: Tagger, tiny_model: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words are folded, and sentences decoded, in groups: memory stays bounded."""
    text = "The council met in Lisbon. Maria said the ships left at 10:45. " * 9
    documents = [
        tokenize_document(Document(str(n), "", 0, text + str(n)), Segmentation()) for n in range(3)
    ]
    whole = tagger.tag(pad_documents(documents))
    monkeypatch.setattr("model.tagger.crf._PACKED_TOKENS", 7)
    monkeypatch.setattr("model.tagger.crf._PACKED_SENTENCES", 2)
    monkeypatch.setattr("model.tagger.word_table._PROJECTED_WORDS", 3)
    for expected, found in zip(
        whole, Tagger(tiny_model).tag(pad_documents(documents)), strict=True
    ):
        assert len(found.labels) > 0
        assert found.labels == expected.labels
        np.testing.assert_array_equal(found.start_char, expected.start_char)
        np.testing.assert_array_equal(found.end_char, expected.end_char)
        np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-5)


def test_a_text_longer_than_is_run_at_once_has_the_entities_of_its_paragraphs(
    tagger: Tagger, tiny_model: Artifact
) -> None:
    """Its words are not all written out, and its batch has no buckets."""
    paragraph = (
        "Maria met the mayor of Lisbon on Monday.\n\n“Vega” left Oslo, and Anna went home.\n\n"
    )
    segmentation = tiny_model.segmentation

    def tagged(text: str) -> TaggedDocument:
        document = tokenize_document(Document("d", "s", 0, text), segmentation)
        (found,) = tagger.tag(pad_documents([document]))
        return found

    alone = tagged(paragraph)
    times = PART_TOKENS // alone.tokens + 100
    long = tagged(paragraph * times)
    assert long.tokens == times * alone.tokens > PART_TOKENS
    assert long.labels == alone.labels * times
    assert long.unknown_tokens == times * alone.unknown_tokens
    shifts = np.repeat(np.arange(times) * len(paragraph), len(alone.labels))
    assert (long.start_char == np.tile(alone.start_char, times) + shifts).all()
    assert (long.end_char == np.tile(alone.end_char, times) + shifts).all()
    assert np.allclose(long.confidence, np.tile(alone.confidence, times), atol=1e-5)
