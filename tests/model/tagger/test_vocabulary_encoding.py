"""Equal text gives equal ids, and every word has features, known or not."""

import random
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model.tagger.encoding import CASINGS, Casing, WordEncoder, casing_of
from model.tagger.vocabulary import PADDING, RESERVED, UNKNOWN, Vocabulary, normalize
from model.text.composition import composed

TEXT = [
    *("the", "ferry", "left", "Lisbon", "at", "7", "and", "the", "ferry", "left", "Porto"),
    *("at", "9", "in", "2019", "or", "2020", ".", ".", "."),
]
WORDS = st.lists(st.text(min_size=1, max_size=30), max_size=12)


@given(WORDS, st.randoms(use_true_random=False))
def test_a_vocabulary_depends_on_the_words_and_not_on_their_order(
    words: list[str], shuffler: random.Random
) -> None:
    shuffled = list(words)
    shuffler.shuffle(shuffled)
    assert Vocabulary.of(shuffled) == Vocabulary.of(words)


def test_words_stand_most_frequent_first_and_ties_by_code_point() -> None:
    vocabulary = Vocabulary.of(TEXT)
    assert vocabulary.words == (
        *(".",),
        *("0", "0000", "at", "ferry", "left", "the"),
        *("and", "in", "lisbon", "or", "porto"),
    )


def test_characters_are_counted_as_written_and_kept_from_two_on() -> None:
    vocabulary = Vocabulary.of(["Ana", "ana", "Aña", "7", "7"])
    assert vocabulary.characters == ("a", "7", "A", "n")


def test_rare_words_are_left_out_by_their_normalized_count() -> None:
    """`Ferry` and `ferry` are one word, and so are `7` and `9`."""
    words = ["Ferry", "ferry", "7", "9", "Porto"]
    assert Vocabulary.of(words, min_count=2).words == ("0", "ferry")
    assert Vocabulary.of(words, min_count=3).words == ()


def test_ids_follow_the_reserved_ones() -> None:
    vocabulary = Vocabulary(("the", "a"), ("t", "h"))
    assert vocabulary.word_ids == {"the": RESERVED, "a": RESERVED + 1}
    assert vocabulary.character_ids == {"t": RESERVED, "h": RESERVED + 1}
    assert {PADDING, UNKNOWN} == set(range(RESERVED))


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Lisbon", "lisbon"), ("F-16", "f-00"), ("3,000", "0,000"), ("٣", "0"), ("ÉVORA", "évora")],
)
def test_normalize_lowers_and_writes_digits_as_zeros(word: str, expected: str) -> None:
    assert normalize(word) == expected


@given(st.text(max_size=30))
def test_words_that_differ_in_digits_alone_are_one(word: str) -> None:
    other = "".join("7" if character.isdigit() else character for character in word)
    assert normalize(other) == normalize(word)


@pytest.mark.parametrize(
    ("word", "casing"),
    [
        *(("ferry", Casing.LOWER), ("o'neil", Casing.LOWER), ("f16", Casing.LOWER)),
        *(("Ferry", Casing.TITLE), ("A", Casing.UPPER), ("NATO", Casing.UPPER)),
        *(("McKay", Casing.MIXED), ("中文", Casing.MIXED)),
        *(("2019", Casing.NUMBER), ("F16", Casing.WITH_DIGIT), ("3,000", Casing.WITH_DIGIT)),
        *((".", Casing.OTHER), ("🚢", Casing.OTHER), ("", Casing.OTHER), ("_", Casing.OTHER)),
    ],
)
def test_casing_is_the_shape_of_a_word(word: str, casing: Casing) -> None:
    assert casing_of(word) is casing


ENCODER = WordEncoder(Vocabulary.of(TEXT), max_characters=7)


@example(["00", "0\xad"])
@given(WORDS)
def test_every_word_has_features_within_the_tables(words: list[str]) -> None:
    encoded = ENCODER.encode(words)
    rows = len(words)
    assert encoded.word_ids.shape == encoded.casing.shape == (rows,)
    read = list(map(composed, words))  # a soft hyphen within a word is none of its characters
    assert encoded.characters.shape == (rows, min(7, max(map(len, read), default=1)))
    assert {array.dtype for array in encoded} == {np.dtype(np.int32)}
    assert not rows or encoded.word_ids.min() >= UNKNOWN
    assert not rows or encoded.word_ids.max() < len(ENCODER.vocabulary.words) + RESERVED
    assert ((encoded.casing > 0) & (encoded.casing < CASINGS)).all()
    # Padding stands right of the characters, and nowhere among them.
    sizes = [min(len(word), 7) for word in read]
    for row, size in zip(encoded.characters, sizes, strict=True):
        assert (row[:size] >= UNKNOWN).all()
        assert (row[size:] == PADDING).all()


@given(WORDS)
def test_a_word_is_encoded_alike_in_any_company(words: list[str]) -> None:
    together = ENCODER.encode(words)
    for i, word in enumerate(words):
        alone = ENCODER.encode([word])
        size = alone.characters.shape[1]
        assert alone.word_ids[0] == together.word_ids[i]
        assert alone.casing[0] == together.casing[i]
        assert alone.characters[0].tolist() == together.characters[i, :size].tolist()


def test_known_words_and_characters_get_their_ids_and_others_the_unknown_one() -> None:
    encoded = ENCODER.encode(["FERRY", "quiz"])
    words, characters = ENCODER.vocabulary.word_ids, ENCODER.vocabulary.character_ids
    assert encoded.word_ids.tolist() == [words["ferry"], UNKNOWN]
    assert encoded.characters[1].tolist() == [UNKNOWN, UNKNOWN, characters["i"], UNKNOWN, 0]


@pytest.mark.parametrize(("limit", "read"), [(7, "abcwxyz"), (4, "abyz"), (1, "z"), (26, None)])
def test_of_a_long_word_head_and_tail_are_read(limit: int, read: str | None) -> None:
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    encoder = WordEncoder(Vocabulary((), tuple(alphabet)), limit)
    long = encoder.encode([alphabet]).characters[0]
    expected = [alphabet.index(c) + RESERVED for c in read or alphabet]
    assert long.tolist() == expected


def test_no_words_encode_into_empty_arrays() -> None:
    encoded = ENCODER.encode([])
    assert [array.shape for array in encoded] == [(0,), (0,), (0, 1)]


@given(WORDS)
def test_each_form_of_unicode_of_a_word_has_the_same_features(words: list[str]) -> None:
    composed, decomposed = (
        ENCODER.encode([unicodedata.normalize(form, word) for word in words])
        for form in ("NFC", "NFD")
    )
    for one, other in zip(composed, decomposed, strict=True):
        assert one.tolist() == other.tolist()


def test_a_word_is_looked_up_without_soft_hyphens_and_composed() -> None:
    encoder = WordEncoder(Vocabulary.of(["Zoe\u0308", "Zo\u00eb", "fer\u00adry"]))
    assert encoder.vocabulary.words == ("zo\u00eb", "ferry")
    first, *others = encoder.encode(["zo\u00eb", "zoe\u0308", "z\u00adoe\u0308"]).word_ids.tolist()
    assert others == [first, first]
    assert encoder.encode(["FER\u00adRY", "ferry"]).word_ids.tolist() == [RESERVED + 1] * 2


def test_words_that_a_vocabulary_of_old_holds_decomposed_are_found() -> None:
    old = Vocabulary(("zoe\u0308", "ferry"), ())
    found = WordEncoder(old).encode(["Zoe\u0308", "Zo\u00eb", "ferry"]).word_ids.tolist()
    assert found == [RESERVED, RESERVED, RESERVED + 1]
