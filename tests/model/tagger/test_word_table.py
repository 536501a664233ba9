"""The table of folded words: bounded, and never wrong about a word, whatever was met before."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.tagger.artifact import Artifact
from model.tagger.emissions import EmissionGraph
from model.tagger.padding import BUCKET_CELLS, pad_documents
from model.tagger.tagger import Tagger
from model.tagger.vocabulary import normalize
from model.tagger.word_table import WordTable
from model.text.segmentation import tokenize_document
from schemas.records import Document, Floats, Ints

WORDS = [
    *("Lisbon", "lisbon", "the", "THE", "river", "12", "1912", "Zzyzx", "qqq", ",", "🚢"),
    *("m" * 64, "m" * 65, "m" * 66, "m" * 40 + "x" + "m" * 40),
]


@pytest.fixture(scope="module")
def told() -> dict[int, str]:
    """The word at each position of the small table, as it told of them."""
    return {}


@pytest.fixture(scope="module")
def small(tiny_model: Artifact, told: dict[int, str]) -> WordTable:
    """Room for six words, shared by all tests: what they leave there is part of the trial."""

    def stored(words: Sequence[str], positions: Ints) -> None:
        told.update(zip(positions.tolist(), words, strict=True))

    return WordTable(tiny_model.encoder, EmissionGraph(tiny_model.weights, 6), stored)


@pytest.fixture(scope="module")
def ample(tiny_model: Artifact) -> WordTable:
    """Room for all words, so that a row is computed once and stays."""
    return WordTable(tiny_model.encoder, EmissionGraph(tiny_model.weights, len(WORDS)))


def rows_of(folded: WordTable, positions: Ints) -> Floats:
    assert isinstance(folded.network, EmissionGraph)
    rows: Floats = folded.network.rows.numpy()
    return rows.reshape(folded.capacity, -1)[positions]


@given(st.lists(st.sets(st.sampled_from(WORDS), min_size=1, max_size=6), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)  # the first call traces the graph
def test_every_word_has_its_own_row_whatever_was_met_before(
    small: WordTable,
    told: dict[int, str],
    ample: WordTable,
    tiny_model: Artifact,
    calls: list[set[str]],
) -> None:
    for words in map(sorted, calls):
        found = small.find(words)
        assert [told[position] for position in found.positions.tolist()] == words
        assert len(set(found.positions.tolist())) == len(words)
        expected = rows_of(ample, ample.find(words).positions)
        np.testing.assert_allclose(rows_of(small, found.positions), expected, atol=1e-5)
        known = tiny_model.encoder.vocabulary.word_ids
        assert found.known.tolist() == [normalize(word) in known for word in words]


def test_the_words_that_were_not_seen_for_longest_make_room(
    tiny_model: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still there is not computed again, and a table that is full stays as it is."""
    folded = WordTable(tiny_model.encoder, EmissionGraph(tiny_model.weights, 4))
    computed: list[str] = []
    encode = type(tiny_model.encoder).encode

    def counted(encoder: object, words: Sequence[str]) -> object:
        computed.extend(words)
        return encode(tiny_model.encoder, words)

    monkeypatch.setattr(type(tiny_model.encoder), "encode", counted)
    for words, expected in (
        (["a", "b"], ["a", "b"]),
        (["c", "d"], ["c", "d"]),
        (["a", "d"], []),
        (["e"], ["e"]),  # takes the place of b or c
        (["f", "a"], ["f"]),  # takes the place of the other one
        (["a", "d", "e", "f"], []),
        (["b"], ["b"]),
    ):
        computed.clear()
        folded.find(words)
        assert computed == expected
    with pytest.raises(ValueError, match="5 distinct words, the table has 4 rows"):
        folded.find(["1", "2", "3", "4", "5"])


def test_a_huge_word_is_not_kept(small: WordTable) -> None:
    small.find(["x" * 10_000_000, "y" * 10_000_000])
    assert all(len(word) <= 64 for word in small.kept)


def test_a_table_that_is_too_small_for_a_bucket_is_refused(tiny_model: Artifact) -> None:
    with pytest.raises(ValueError, match=f"folded_words is 100, expected at least {BUCKET_CELLS}"):
        Tagger(tiny_model, folded_words=100)


def test_more_distinct_words_than_rows_change_nothing(
    tiny_model: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch whose vocabulary has ten times the table's rows, in a dozen buckets."""
    text = " ".join(f"Porto and x{n} met y{n}." for n in range(300))
    document = tokenize_document(Document("d", "s", 0, text), tiny_model.segmentation)
    expected = Tagger(tiny_model).tag(pad_documents([document]))[0]
    monkeypatch.setattr("model.tagger.padding.BUCKET_CELLS", 60)
    monkeypatch.setattr("model.tagger.tagger.BUCKET_CELLS", 60)
    found = Tagger(tiny_model, folded_words=60).tag(pad_documents([document]))[0]
    assert len(expected.labels) > 100
    assert found.labels == expected.labels
    assert found.unknown_tokens == expected.unknown_tokens
    np.testing.assert_array_equal(found.start_char, expected.start_char)
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-5)


def test_threads_may_share_a_tagger(tiny_model: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a table so small that every batch overwrites the other thread's rows."""
    monkeypatch.setattr("model.tagger.padding.BUCKET_CELLS", 40)
    monkeypatch.setattr("model.tagger.tagger.BUCKET_CELLS", 40)
    tagger = Tagger(tiny_model, folded_words=40)
    batches = [
        pad_documents(
            [
                tokenize_document(
                    Document("d", "s", 0, f"Maria of {name} met Rui{name} in Porto. " * 40),
                    tiny_model.segmentation,
                )
            ]
        )
        for name in ("Faro", "Lisbon", "Tomar")
    ]
    expected = [tagger.tag(batch)[0] for batch in batches]
    failures: list[str] = []

    def work(n: int) -> None:
        for _ in range(5):
            found = tagger.tag(batches[n])[0]
            if found.labels != expected[n].labels or not np.allclose(
                found.confidence, expected[n].confidence, atol=1e-5
            ):
                failures.append(batches[n].documents[0].document.text)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_table_survives_an_error(tiny_model: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words whose rows could not be made are made later; no word gets another's row."""
    folded = WordTable(tiny_model.encoder, EmissionGraph(tiny_model.weights, 3))
    folded.find(["a", "b", "c"])
    expected = {word: rows_of(folded, folded.find([word]).positions) for word in "abc"}
    with monkeypatch.context() as broken:
        broken.setattr(folded.network, "store", failing)
        with pytest.raises(MemoryError):
            folded.find(["d", "e"])
    for words in (["a"], ["b", "c"], ["a", "b", "c"], ["d"], ["a"], ["c", "b"]):
        positions = folded.find(words).positions
        for word, row in zip(words, rows_of(folded, positions), strict=True):
            if word in expected:
                np.testing.assert_allclose(row, expected[word][0], atol=1e-5)
    assert len(folded.kept) == 3


def failing(*arguments: object) -> None:
    raise MemoryError
