"""What a text is in, where its beginning shows it."""

import pytest

from model.text.identification import identifiable, identify

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
