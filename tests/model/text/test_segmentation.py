"""Tokens and sentences stand where their offsets say, in any text; labels survive re-splitting."""

import json
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.tags import Span, spans_of
from model.text.scripts import count_without_blanks
from model.text.segmentation import (
    TOKEN_STYLES,
    Segmentation,
    TokenStyle,
    retokenize,
    split_word,
    token_offsets,
    tokenize_document,
)
from schemas.errors import ArtifactError, RecordError
from schemas.records import Document, TokenizedDocument

# Pieces that break naive offsets: wide characters, marks, odd blanks, line ends, control codes.
ODD = (
    *("\r\n", "\x85", "\x00", "\u00a0", "\u2028", "\u200b", "\ufeff", "\t", "  ", "\n\n"),
    *(
        "🚢",
        "👩‍🚀",
        "🇵🇹",
        "e\u0301",
        "n\u0303o",
        "\u0301",
        "ﬁ",
        "ß",
        "中文",
        "हिन्दी",
        "_",
        "٣",
        "½",
    ),
    *("Dr. Ana Reis left. ", "It rained! ", 'He asked: "Why?" ', "a.b", "...", "O'Neil", "3,000"),
    *("U.S.-led", "Ms.", "'s", "-", ".", "AT&T"),
)
SHY = "\u00ad"
STYLES = st.sampled_from(TOKEN_STYLES)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(ODD),
        st.text(max_size=8),
        st.characters(max_codepoint=0x10FFFF, exclude_categories=["Cs"]),
    ),
    max_size=12,
).map("".join)


def tokenized(text: str, segmentation: Segmentation | None = None) -> TokenizedDocument:
    return tokenize_document(Document("d", "s", 0, text), segmentation or Segmentation())


@given(TEXTS)
@example("A\u0301\r\n🚢\x85\x00b")
@settings(max_examples=200)
def test_words_are_exactly_the_slices_that_their_offsets_name(text: str) -> None:
    document = tokenized(text)
    slices = [text[a:b] for a, b in zip(document.token_start, document.token_end, strict=True)]
    assert list(document.words) == slices


@given(TEXTS, STYLES)
@settings(max_examples=200)
def test_tokens_cover_every_visible_character_once_and_no_blank(
    text: str, style: TokenStyle
) -> None:
    covered = np.zeros(len(text), int)
    for start, end in zip(*token_offsets(text, style), strict=True):
        covered[start:end] += 1
    assert covered.tolist() == [0 if character.isspace() else 1 for character in text]


@given(TEXTS)
@settings(max_examples=200)
def test_without_marks_tokens_are_those_of_the_plain_pattern(text: str) -> None:
    plain = "".join(c for c in text if not unicodedata.category(c).startswith("M") and c != SHY)
    assert list(tokenized(plain).words) == re.findall(r"\w+|[^\w\s]", plain)


def test_a_combining_mark_stays_in_its_word() -> None:
    assert list(tokenized("cafe\u0301s, हिन्दी").words) == ["cafe\u0301s", ",", "हिन्दी"]


@given(TEXTS, st.integers(1, 6), STYLES)
@settings(max_examples=200)
def test_sentences_partition_the_tokens(text: str, cap: int, style: TokenStyle) -> None:
    """No sentence is empty or over the cap; each stands from its first token to its last."""
    document = tokenized(text, Segmentation(tokens=style, max_sentence_tokens=cap))
    offsets = document.sentence_offsets
    assert offsets[0] == 0
    assert offsets[-1] == len(document.words)
    sizes = np.diff(offsets)
    assert ((sizes >= 1) & (sizes <= cap)).all()
    np.testing.assert_array_equal(document.sentence_start, document.token_start[offsets[:-1]])
    np.testing.assert_array_equal(document.sentence_end, document.token_end[offsets[1:] - 1])


@given(TEXTS, st.integers(1, 6))
@settings(max_examples=100)
def test_the_cap_only_adds_boundaries(text: str, cap: int) -> None:
    """Tokens stay, every sentence end stays, and only sentences over the cap are cut."""
    whole, capped = tokenized(text), tokenized(text, Segmentation(max_sentence_tokens=cap))
    assert list(capped.words) == list(whole.words)
    expected = {
        cut
        for start, stop in zip(whole.sentence_offsets, whole.sentence_offsets[1:], strict=False)
        for cut in range(start, stop, cap)
    }
    assert set(capped.sentence_offsets.tolist()) == expected | {len(whole.words)}


@pytest.mark.parametrize("text", ["", " ", "\r\n\t \x85\u2028", "\u00a0" * 40])
def test_blank_text_has_no_sentence_and_no_token(text: str) -> None:
    document = tokenized(text)
    assert not document.words
    assert document.sentence_offsets.tolist() == [0]
    assert len(document.token_start) == len(document.token_end) == 0
    assert len(document.sentence_start) == len(document.sentence_end) == 0


def test_sentences_end_where_a_reader_would_end_them() -> None:
    """Not at abbreviations or decimals; line ends and emoji before them shift nothing."""
    text = "🚢🚢 Dr. Silva paid 3.50 euros.\r\nThe  ferry left at noon! Nobody knew why."
    document = tokenized(text)
    found = [text[a:b] for a, b in zip(document.sentence_start, document.sentence_end, strict=True)]
    assert found == [
        "🚢🚢 Dr. Silva paid 3.50 euros.",
        "The  ferry left at noon!",
        "Nobody knew why.",
    ]


WORDS = st.lists(
    st.one_of(st.sampled_from(ODD), st.text(min_size=1, max_size=6))
    .map(lambda word: "".join(c for c in word if not c.isspace()))
    .filter(bool),
    min_size=1,
    max_size=8,
)


@given(WORDS, STYLES)
@settings(max_examples=150)
def test_split_words_are_the_tokens_of_the_joined_text(words: list[str], style: TokenStyle) -> None:
    """Training on words cut one by one sees what extraction sees in running text."""
    split = [token for word in words for token in split_word(word, style)]
    assert split == list(tokenized(" ".join(words), Segmentation(tokens=style)).words)
    assert retokenize(words, ["O"] * len(words), style)[0] == split


@pytest.mark.parametrize("word", ["\x85", " ", ""])
def test_a_blank_word_stays_a_word(word: str) -> None:
    """GMB holds some: a labelled sentence never loses a word."""
    assert split_word(word) == [word]
    assert retokenize(["a", word], ["B-geo", "I-geo"]) == (["a", word], ["B-geo", "I-geo"])


def in_characters(words: list[str], tags: list[str]) -> list[Span]:
    """Spans in code points of the words end to end."""
    ends = np.cumsum([len(word) for word in words]).tolist()
    starts = [end - len(word) for end, word in zip(ends, words, strict=True)]
    return [Span(starts[s.start], ends[s.end - 1], s.label) for s in spans_of(tags)]


@given(st.data(), WORDS)
@settings(max_examples=150)
def test_retokenized_tags_mark_the_same_stretches(data: st.DataObject, words: list[str]) -> None:
    tags, previous = [], "O"
    for _ in words:
        legal = ["O", "B-geo", "B-per", *({f"I-{previous[2:]}"} if previous != "O" else ())]
        previous = data.draw(st.sampled_from(legal))
        tags.append(previous)
    new_words, new_tags = retokenize(words, tags)
    assert "".join(new_words) == "".join(words)
    assert in_characters(new_words, new_tags) == in_characters(words, tags)


def test_words_and_tags_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        retokenize(["a", "b"], ["O"])


def test_settings_survive_json_and_foreign_ones_are_refused() -> None:
    settings_ = Segmentation("pt", "whole", 99)
    assert Segmentation(**json.loads(json.dumps(settings_.to_json()))) == settings_
    assert Segmentation(language="xx", max_sentence_tokens=9, version=1).language
    with pytest.raises(ArtifactError, match="segmentation version 3 is not one that this release"):
        Segmentation(version=3)
    with pytest.raises(ValueError, match="language is 'xx', expected a code that has rules"):
        Segmentation("xx")
    with pytest.raises(ValueError, match="tokens is 'coarse', expected fine or whole"):
        Segmentation(tokens="coarse")  # type: ignore[arg-type]  # what a foreign file may hold
    with pytest.raises(ValueError, match="max_sentence_tokens is 0, expected >= 1"):
        Segmentation(max_sentence_tokens=0)


def test_every_gold_span_of_the_shared_documents_begins_and_ends_with_a_token(
    shared_data: Path,
) -> None:
    """So that tokens alone cost no recall when extraction starts from raw text."""
    lines = (shared_data / "gmb" / "dev_documents.jsonl").read_text("utf-8").split("\n")
    spans = 0
    for line in filter(None, lines):
        document = json.loads(line)
        starts, ends = (set(offsets.tolist()) for offsets in token_offsets(document["text"]))
        for entity in document["entities"]:
            assert entity["start"] in starts, (document["id"], entity)
            assert entity["end"] in ends, (document["id"], entity)
            spans += 1
    assert spans > 1000


SHORT = st.lists(
    st.one_of(
        st.sampled_from(("Zoë", "Ünal", "É.U.", "wash\u00adton", "\u00ad", "が", "한국", "Å")),
        st.sampled_from((" ", ". ", "\n", "\n\n", "Mr. ", "\u201c", '"', "Ki-\n", "|", "\t", "1")),
    ),
    max_size=16,
).map("".join)


@given(SHORT, STYLES, st.booleans())
@settings(max_examples=300)
def test_a_text_is_cut_alike_in_each_form_of_unicode(
    text: str, style: TokenStyle, characters: bool
) -> None:
    segmentation = Segmentation(tokens=style, characters=characters)
    composed, decomposed = (
        tokenized(unicodedata.normalize(form, text), segmentation) for form in ("NFC", "NFD")
    )
    assert [unicodedata.normalize("NFC", word) for word in decomposed.words] == list(composed.words)
    assert decomposed.sentence_offsets.tolist() == composed.sentence_offsets.tolist()


def test_a_word_with_soft_hyphens_is_one_word() -> None:
    assert list(tokenized("Wash\u00ading\u00adton rose").words) == [
        "Wash\u00ading\u00adton",
        "rose",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("王芳访问了Oslo。", ["王", "芳", "访", "问", "了", "Oslo", "。"]),
        ("東京タワー2号", ["東", "京", "タ", "ワ", "ー", "2", "号"]),
        ("か\u3099きon", ["か\u3099", "き", "on"]),
        ("กันที่ A", ["กั", "น", "ที่", "A"]),
        ("ແມ່ນ", ["ແ", "ມ່", "ນ"]),
        ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("မြန်မာ", ["မြ", "န်", "မာ"]),
        ("2024年5月", ["2024", "年", "5", "月"]),
        ("한국 हिन्दी Zoë", ["한국", "हिन्दी", "Zoë"]),
        ("𠀋𠂉a", ["𠀋", "𠂉", "a"]),
    ],
)
def test_scripts_without_blanks_are_cut_into_characters_with_their_marks(
    text: str, words: list[str]
) -> None:
    assert list(tokenized(text, Segmentation(characters=True)).words) == words


@given(TEXTS, STYLES)
@settings(max_examples=200)
def test_characters_only_add_cuts_and_leave_other_scripts_alone(
    text: str, style: TokenStyle
) -> None:
    """Between fine tokens; joined ones may differ beside them, as the `'s` in `'sက` does."""
    fine, cut = token_offsets(text), token_offsets(text, characters=True)
    assert set(fine[0].tolist()) <= set(cut[0].tolist())
    assert set(fine[1].tolist()) <= set(cut[1].tolist())
    joined = token_offsets(text, style, characters=True)
    assert set(joined[0].tolist()) <= set(cut[0].tolist())
    if not count_without_blanks(text):
        assert [a.tolist() for a in joined] == [a.tolist() for a in token_offsets(text, style)]


@given(WORDS, STYLES)
@settings(max_examples=150)
def test_split_words_are_those_of_the_joined_text_with_characters_too(
    words: list[str], style: TokenStyle
) -> None:
    split = [token for word in words for token in split_word(word, style, characters=True)]
    segmentation = Segmentation(tokens=style, characters=True)
    assert split == list(tokenized(" ".join(words), segmentation).words)


def test_a_document_of_too_many_tokens_is_refused_and_says_how_many_it_may_have() -> None:
    with pytest.raises(
        RecordError, match=r"^The document has 16,000,001 tokens, more than the 16,"
    ):
        tokenize_document(Document("d", "s", 0, "." * 16_000_001), Segmentation())


def test_the_words_of_a_long_document_are_cut_out_when_they_are_asked_for() -> None:
    text = "Zoe\u0308 met Ana\u00ad Berg . " * 60_000
    words = tokenize_document(Document("d", "s", 0, text), Segmentation()).words
    expected = text.split()
    assert list(words) == expected
    assert (len(words), words[-2], words[7:9]) == (300_000, "Berg", expected[7:9])
