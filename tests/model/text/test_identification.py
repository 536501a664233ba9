"""What a text is in, where its beginning shows it."""

import math

import py3langid
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text.identification import _likeliest, identifiable, identify

TEXTS = {
    "en": "The minister said on Monday that the talks would go on for another week.",
    "de": "Der Minister sagte am Montag, dass die Gespräche noch eine Woche dauern.",
    "fr": "Le ministre a déclaré lundi que les discussions dureraient une semaine.",
    "zh": "部长星期一表示，会谈还将持续一个星期，双方都希望达成协议。",
    "ru": "Министр сообщил в понедельник, что переговоры продлятся ещё неделю.",
}


@pytest.mark.parametrize(("language", "text"), TEXTS.items())
def test_a_sentence_shows_its_language_whatever_follows_far_behind(
    language: str, text: str
) -> None:
    assert identify(text) == language
    assert identify(f"\n\n {text}\n" + text * 10 + TEXTS["en"] * 50) == language
    assert language in identifiable()


@pytest.mark.parametrize("text", ["", " " * 1000, "Oslo", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"])
def test_of_names_and_numbers_nothing_is_said(text: str) -> None:
    assert identify(text) is None


@given(
    st.text(min_size=1) | st.lists(st.sampled_from(sorted(TEXTS.values())), min_size=1).map("".join)
)
def test_the_likeliest_language_is_that_of_the_whole_product(text: str) -> None:
    """Which multiplies what the text does not have too; the order of a sum is all that differs."""
    try:
        ranked = py3langid.rank(text)
    except UnicodeEncodeError:  # half a pair alone
        return
    (_, best), *_ = ((code, float(score)) for code, score in ranked)
    scores = {code: float(score) - best for code, score in ranked}
    language, share = _likeliest(text)
    assert scores[language] == pytest.approx(0, abs=0.02)
    assert share == pytest.approx(1 / sum(map(math.exp, scores.values())), rel=0.02)
