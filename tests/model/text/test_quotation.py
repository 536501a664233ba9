"""A quotation mark at the edge of a name stays only where its partner stands in the name too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text.quotation import QUOTATION_MARKS, without_lone_quotes


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("“ New York Times", "New York Times"),
        ("New York Times ”", "New York Times"),
        ("« Le Monde", "Le Monde"),
        ("' Oslo", "Oslo"),
        ("Oslo ’", "Oslo"),
        ("”", ""),
        ("'", ""),
        ("“ Heart ” of Oslo", "“ Heart ” of Oslo"),
        ('" The Trial "', '" The Trial "'),
        ("' 90s", "' 90s"),
        ("O ' Neil", "O ' Neil"),
        ("Oslo", "Oslo"),
    ],
)
def test_a_lone_mark_goes_and_a_pair_stays(words: str, left: str) -> None:
    tokens = words.split()
    start, end = without_lone_quotes(tokens, 0, len(tokens))
    assert " ".join(tokens[start:end]) == left


@given(st.lists(st.sampled_from(("Oslo", "of", "1", *sorted(QUOTATION_MARKS))), min_size=1))
def test_at_most_one_mark_goes_and_no_word_does(words: list[str]) -> None:
    start, end = without_lone_quotes(words, 0, len(words))
    gone = words[:start] + words[end:]
    assert len(gone) <= 1
    assert set(gone) <= QUOTATION_MARKS
