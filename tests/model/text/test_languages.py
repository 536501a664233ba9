"""A language is one that the splitter has rules for, or refused with the nearest."""

import pytest
import sentencex
from hypothesis import given
from hypothesis import strategies as st

from model.text.languages import LANGUAGES, NEIGHBOURS, RULES, WITHOUT_BLANKS, language_code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        *(("en", "en"), ("EN", "en"), ("en-US", "en"), ("pt_BR", "pt"), (" de ", "de")),
        *(("zh-Hans", "zh"), ("gl", "gl")),
    ],
)
def test_a_code_is_taken_in_any_case_and_with_any_region(given: str, code: str) -> None:
    assert language_code(given) == code


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        *(("english", "en"), ("Englisch", "en"), ("german", "de"), ("deu", "de"), ("fra", "fr")),
        *(("chinese", "zh"), ("xx", "en"), ("", "en"), ("sv", "en")),
    ],
)
def test_another_is_refused_with_the_nearest(given: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"expected a code such as {nearest}, of a language"):
        language_code(given)


@given(st.text(max_size=12))
def test_what_is_taken_is_known(language: str) -> None:
    try:
        assert language_code(language) in LANGUAGES
    except ValueError:
        assert language not in LANGUAGES


def _differs(code: str) -> bool:
    """Whether the splitter takes an abbreviation of English for none, or a word for one."""
    return any(
        len(sentencex.get_sentence_boundaries(code, text))
        != len(sentencex.get_sentence_boundaries("xx", text))
        for text in ("x phd. Word", "x č. Word")
    )


def test_the_splitter_has_other_rules_for_each_of_them_than_for_what_it_does_not_know() -> None:
    """Else `--language` would change nothing, unsaid."""
    same = [code for code in {*RULES, *NEIGHBOURS.split()} - {"en"} if not _differs(code)]
    assert same == []
    assert not any(map(_differs, WITHOUT_BLANKS))
