"""Words kept whole: which fine tokens they join, and that they join nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.text import word_joining
from model.text.segmentation import Segmentation, split_word, token_offsets, tokenize_document
from schemas.records import Document, Ints, Positions

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


def every_tie(text: str, starts: Ints, ends: Ints) -> tuple[Positions, Ints, Ints]:
    """All tokens that could be ties by what they are, whatever stands beside them."""
    ties, lefts, rights = [], [], []
    for n, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if text[start:end] in {*".,:&-'\u2010\u2011\u2019"}:
            ties.append(n)
            lefts.append(starts[n - 1] if n and ends[n - 1] == start else start)
            touches = n + 1 < len(starts) and starts[n + 1] == end
            rights.append(ends[n + 1] if touches else end)
    return np.array(ties, np.int64), np.array(lefts, np.int32), np.array(rights, np.int32)


@given(st.lists(PIECES | st.sampled_from(["\u00ad", "\u0301", "\u00a0", "\u0663"])).map("".join))
@settings(max_examples=1000)
def test_what_is_not_looked_at_would_tie_nothing(text: str) -> None:
    fine = token_offsets(text)
    found = word_joining.join_tokens(text, *fine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_joining, "_possible_ties", every_tie)
        expected = word_joining.join_tokens(text, *fine)
    assert [column.tolist() for column in found] == [column.tolist() for column in expected]


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
