"""Lists beside a model: what they do not touch stays as it was, and they depend on no batch."""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from model.gazetteer.counts import counts_of_names, named_counts, term_counts
from model.gazetteer.lists import gazetteer_of
from model.gazetteer.matching import Gazetteer
from model.tagger.artifact import Artifact
from model.tagger.crf import TokenSpans
from model.tagger.padding import BUCKET_CELLS, pad_documents
from model.tagger.tagger import Tagger, tag_documents
from model.text.segmentation import tokenize_document
from schemas.records import ORIGINS, Document, TaggedDocument, TokenizedDocument

TEXTS = [
    "The council met in Lisbon on Monday. Maria Santos said that 12 ships left the harbour!",
    "",
    "🚢🚢 Évora… e\u0301vora? (Rui & Ana) paid 3,000.50 to O'Neil.",
    "Ships of the river council, " * 60,
    "The harbour is of the river. " * 30,
]
Row = tuple[int, int, str, float]


@pytest.fixture(scope="module", params=[True, False], ids=["compiled", "tensorflow"])
def compiled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def model(tiny_models: Mapping[str, Artifact]) -> Artifact:
    return tiny_models["BIOES"]


@pytest.fixture(scope="module")
def documents(model: Artifact) -> list[TokenizedDocument]:
    cut = (Document(f"d{n}", "s", n, text) for n, text in enumerate(TEXTS))
    return [tokenize_document(document, model.segmentation) for document in cut]


@pytest.fixture(scope="module")
def plain(
    model: Artifact, documents: list[TokenizedDocument], compiled: bool
) -> list[TaggedDocument]:
    return list(tag_documents(Tagger(model, compiled=compiled), documents))


def listed(model: Artifact, *rows: Mapping[str, str]) -> Gazetteer:
    data = "\n".join(map(json.dumps, rows)).encode()
    return gazetteer_of({"list.jsonl": data}, model.segmentation)[0]


def rows_of(document: TaggedDocument) -> list[Row]:
    columns = (document.start_char.tolist(), document.end_char.tolist(), document.labels)
    return list(zip(*columns, document.confidence.tolist(), strict=True))


def origins(document: TaggedDocument) -> list[str]:
    assert document.listed
    return [ORIGINS[code] for code in document.listed.origin.tolist()]


def found(documents: Sequence[TaggedDocument]) -> list[tuple[str, str, float]]:
    return [
        (document.document.text[start:end], label, confidence)
        for document in documents
        for start, end, label, confidence in rows_of(document)
    ]


@pytest.fixture(scope="module")
def some(plain: list[TaggedDocument]) -> tuple[str, str]:
    """The text and label of an entity that the model finds, which stands nowhere else."""
    counts = Counter(text.casefold() for text, _, _ in found(plain))
    return next((t, label) for t, label, _ in found(plain) if counts[t.casefold()] == 1)


def test_the_sample_is_one(plain: list[TaggedDocument], model: Artifact) -> None:
    """Or the promises below would say nothing."""
    assert len(found(plain)) > 10
    assert len(model.tags.labels) >= 2


def test_terms_that_are_nowhere_change_nothing(
    model: Artifact,
    documents: list[TokenizedDocument],
    plain: list[TaggedDocument],
    compiled: bool,
) -> None:
    gazetteer = listed(model, {"term": "Nowhere at all", "label": "X"})
    tagger = Tagger(model, gazetteer=gazetteer, compiled=compiled)
    for with_list, without in zip(tag_documents(tagger, documents), plain, strict=True):
        assert rows_of(with_list) == rows_of(without)
        assert origins(with_list) == ["model"] * len(without.labels)
        assert with_list.listed
        assert with_list.listed.ids == (None,) * len(without.labels)
        assert named_counts(term_counts([with_list])) == {}


@pytest.mark.parametrize("policy", ["forbid", "override"])
def test_rows_that_a_rule_does_not_touch_are_as_before(
    model: Artifact,
    documents: list[TokenizedDocument],
    plain: list[TaggedDocument],
    some: tuple[str, str],
    compiled: bool,
    policy: str,
) -> None:
    """Their confidence included."""
    text, _ = some
    label = "*" if policy == "forbid" else "other"
    gazetteer = listed(model, {"term": text, "label": label, "case": "exact", "policy": policy})
    tagger = Tagger(model, gazetteer=gazetteer, compiled=compiled)
    tagged = list(tag_documents(tagger, documents))
    before = Counter((n, *row) for n, document in enumerate(plain) for row in rows_of(document))
    after = Counter(
        (n, *row)
        for n, document in enumerate(tagged)
        for row, origin in zip(rows_of(document), origins(document), strict=True)
        if origin == "model"
    )
    gone = before - after
    assert not after - before
    assert {TEXTS[n][start:end] for n, start, end, _, _ in gone} >= {text}
    for n, start, end, _, _ in gone:
        assert text in TEXTS[n][start:end] or policy == "override"
    new = [each for document in tagged for each in origins(document) if each != "model"]
    assert set(new) == ({"gazetteer"} if policy == "override" else set())


def test_what_both_find_has_the_models_confidence_and_the_lists_id(
    model: Artifact,
    documents: list[TokenizedDocument],
    plain: list[TaggedDocument],
    some: tuple[str, str],
    compiled: bool,
) -> None:
    text, label = some
    gazetteer = listed(model, {"term": text, "label": label, "id": "e-1", "case": "exact"})
    tagged = list(tag_documents(Tagger(model, gazetteer=gazetteer, compiled=compiled), documents))
    marked = [
        (document.document.text[row[0] : row[1]], own, row)
        for document in tagged
        if document.listed
        for row, origin, own in zip(
            rows_of(document), origins(document), document.listed.ids, strict=True
        )
        if origin == "both"
    ]
    ((found_text, own, row),) = marked
    assert (found_text, own) == (text, "e-1")
    assert row in [row for document in plain for row in rows_of(document)]


def test_a_rules_confidence_is_the_models_posterior_of_that_span(
    model: Artifact,
    documents: list[TokenizedDocument],
    plain: list[TaggedDocument],
    compiled: bool,
) -> None:
    """Null for a label that the model lacks, and where it found another thing."""
    label = model.tags.labels[0]
    free, taken = set[str](), set[str]()
    for document, found_there in zip(documents, plain, strict=True):
        inside = [row[:2] for row in rows_of(found_there)]
        for word, start in zip(document.words, document.token_start.tolist(), strict=True):
            is_taken = any(a <= start < b for a, b in inside)
            (taken if is_taken else free).add(word)
    words = sorted(free - taken)
    rows = [
        *({"term": word, "label": label, "case": "exact"} for word in words[1:]),
        {"term": words[0], "label": "other", "case": "exact"},
        *(
            {"term": word, "label": label, "policy": "override", "case": "exact"}
            for word in sorted(taken - free)[:3]
        ),
    ]
    tagger = Tagger(model, gazetteer=listed(model, *rows), compiled=compiled)
    base = Tagger(model, compiled=compiled)
    checked, nulls = 0, 0
    for document in documents:
        (tagged,) = tagger.tag(pad_documents([document]))
        if not document.words:
            continue
        lengths = np.diff(document.sentence_offsets)
        emissions = base.emit(pad_documents([document])).emissions
        (own,) = base.tag(pad_documents([document]))
        spans = list(zip(own.start_char.tolist(), own.end_char.tolist(), strict=True))
        for row, origin in zip(rows_of(tagged), origins(tagged), strict=True):
            start, end, name, confidence = row
            if origin != "gazetteer":
                continue
            is_contradicted = any(a < end and start < b for a, b in spans)
            if name == "other" or is_contradicted:
                assert np.isnan(confidence)
                nulls += 1
                continue
            first = document.token_start.tolist().index(start)
            last = document.token_end.tolist().index(end) + 1
            span = TokenSpans(*(np.array([value]) for value in (first, last, 0)))
            (expected,) = base.crf.posteriors(emissions, lengths, span)
            assert confidence == pytest.approx(expected, abs=1e-6)
            checked += 1
    assert checked
    assert nulls


def test_company_and_order_change_no_row(
    model: Artifact, documents: list[TokenizedDocument], some: tuple[str, str], compiled: bool
) -> None:
    text, label = some
    rows = [
        {"term": text, "label": label, "id": "1", "policy": "override"},
        {"term": "the river", "label": "water"},
        {"term": "river", "label": "water", "policy": "override"},
        {"term": "harbour", "label": "*", "policy": "forbid"},
        {"term": "of the river council", "label": "body"},
    ]
    tagger = Tagger(model, gazetteer=listed(model, *rows), compiled=compiled)
    alone = [tagger.tag(pad_documents([document]))[0] for document in documents]
    order = [n % len(documents) for n in range(2 * len(documents))]
    random.Random(3).shuffle(order)
    together = tagger.tag(pad_documents([documents[n] for n in order]))
    assert any("gazetteer" in origins(document) for document in alone)
    for n, document in zip(order, together, strict=True):
        same, own = alone[n], document.listed
        assert same.listed
        assert own
        assert document.labels == same.labels
        assert np.array_equal(document.start_char, same.start_char)
        np.testing.assert_allclose(document.confidence, same.confidence, atol=1e-5)
        assert np.array_equal(own.origin, same.listed.origin)
        assert own.ids == same.listed.ids
        assert term_counts([document]) == term_counts([same])


def test_what_is_counted_of_terms_is_what_became_of_them(
    model: Artifact, documents: list[TokenizedDocument], some: tuple[str, str], compiled: bool
) -> None:
    text, label = some
    rows = [
        {"term": text, "label": "another", "case": "exact"},
        {"term": "of the river", "label": "water", "policy": "override"},
    ]
    tagger = Tagger(model, gazetteer=listed(model, *rows), compiled=compiled)
    tagged = list(tag_documents(tagger, documents))
    sums: Counter[str] = Counter()
    for document in tagged:
        sums.update(named_counts(term_counts([document])))
    counts = counts_of_names(sums)
    assert counts == term_counts(tagged)
    made = [
        label for d in tagged for label, o in zip(d.labels, origins(d), strict=True) if o != "model"
    ]
    assert counts.entities == {"water": len(made)} == {"water": counts.fired[1]}
    assert counts.disagreed[0, label] == 1
    assert 0 not in counts.fired


def test_terms_are_found_however_many_words_stand_between(model: Artifact, compiled: bool) -> None:
    """The table of words has room for fewer than a batch has, and forgets those of the last one."""
    terms = listed(model, {"term": "Tarn Hollow", "label": "hut", "policy": "override"})
    tagger = Tagger(model, BUCKET_CELLS, gazetteer=terms, compiled=compiled)
    many = "".join(f"w{n} " for n in range(BUCKET_CELLS + 10))
    halves = ["".join(f"v{n} " for n in range(a, a + BUCKET_CELLS // 2)) for a in (0, BUCKET_CELLS)]
    for text in (f"Tarn Hollow. {many} tarn hollow.", *halves, "At Tarn Hollow.", *halves, many):
        document = tokenize_document(Document("d", "s", 0, text), model.segmentation)
        (tagged,) = tagger.tag(pad_documents([document]))
        spans = zip(tagged.start_char.tolist(), tagged.labels, strict=True)
        starts = [start for start, label in spans if label == "hut"]
        wanted = [at for at in (text.find("Tarn"), text.find("tarn")) if at >= 0]
        assert starts == wanted
