"""Words kept whole: which fine tokens they join, and that they join nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text.segmentation import Segmentation, split_word, token_offsets, tokenize_document
from schemas.records import Document

PIECES = st.sampled_from(
    [
        *"aSI7-.,:&'",
        "\u2019",
        "\u2010",
        " ",
        "Mr",
        "st",
        "ll",
        "led",
        "Neil",
        "inc",
        "\u00e9",
        "\U0001f6a2",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
@settings(max_examples=500)
def test_words_are_runs_of_fine_tokens_that_touch(text: str) -> None:
    """Each begins where a fine token begins, ends where one ends, and holds no blank."""
    fine_starts, fine_ends = (set(offsets.tolist()) for offsets in token_offsets(text))
    for start, end in zip(*token_offsets(text, "whole"), strict=True):
        assert start in fine_starts
        assert end in fine_ends
        assert not any(character.isspace() for character in text[start:end])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the U.S.-led force", "the|U.S.-led|force"),
        ("in the U.S. and the U.S", "in|the|U.S.|and|the|U.S"),
        ("at 5 a.m. sharp.", "at|5|a.m.|sharp|."),
        ("Mr. Reis met Dr. Costa at Alma Corp. in Nov. 1999", None),
        ("vitamin C. They", "vitamin|C|.|They"),
        ("Ana's boat, the crews' oars", "Ana|'s|boat|,|the|crews|'|oars"),
        ("it\u2019s O\u2019Neil's", "it|\u2019s|O\u2019Neil|'s"),
        ("we don't know they'll go", "we|don't|know|they|'ll|go"),
        ("1,000.50 at 10:30, or 1,2", "1,000.50|at|10:30|,|or|1,2"),
        ("Port-au-Prince - a port -x y-", "Port-au-Prince|-|a|port|-|x|y|-"),
        ("AT&T & Co.", "AT&T|&|Co.|"),
        ("end.Next a,b x:y", "end|.|Next|a|,|b|x|:|y"),
        ("...", ".|.|."),
    ],
)
def test_what_is_kept_whole(text: str, words: str | None) -> None:
    expected = text.split() if words is None else [word for word in words.split("|") if word]
    assert split_word(text, "whole") == expected


def test_no_sentence_begins_behind_a_title() -> None:
    text = "They met Ms. Reis. Ms. Costa left for St. Ives."
    document = tokenize_document(Document("d", "s", 0, text), Segmentation(tokens="whole"))
    found = [text[a:b] for a, b in zip(document.sentence_start, document.sentence_end, strict=True)]
    assert found == ["They met Ms. Reis.", "Ms. Costa left for St. Ives."]
