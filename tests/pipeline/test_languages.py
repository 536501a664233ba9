"""What texts are in adds up over files, and gives a warning from a share on."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.languages import language_sums, language_warnings

ENGLISH = "The minister said on Monday that the talks would go on for another week."
GERMAN = "Der Minister sagte am Montag, dass die Gespräche noch eine Woche dauern."
THAI = "รัฐมนตรีกล่าว"


@given(st.lists(st.sampled_from((ENGLISH, GERMAN, THAI, "Oslo")), max_size=12), st.integers(0, 12))
def test_sums_of_parts_add_up_to_those_of_the_whole(texts: list[str], cut: int) -> None:
    parts = [language_sums(some, some) for some in (texts[:cut], texts[cut:])]
    together = sum(map(Counter, parts), Counter[str]())
    whole = Counter(language_sums(texts, texts))
    assert +together == +whole
    assert whole["characters_without_blanks"] == len(THAI) * texts.count(THAI)
    assert whole["language/de"] == texts.count(GERMAN)


def warnings(found: dict[str, int], *, cuts_characters: bool = True) -> list[str]:
    sums = {"characters": 1000, **found}
    return list(language_warnings(sums, "en", cuts_characters=cuts_characters))


def test_a_share_of_other_languages_is_told_from_a_twentieth_on() -> None:
    assert warnings({}) == warnings({"language/en": 9}) == []
    assert warnings({"language/en": 96, "language/de": 4}) == []
    few = {"language/fr": 2, "language/de": 5, "language/da": 1, "language/nl": 1}
    (warning,) = warnings({"language/en": 91, **few})
    assert warning == (
        "9 of 100 documents whose language was found out are in another than the model's, en: "
        "de 5.0%, fr 2.0%, nl 1.0%, ...; --languages en leaves them out"
    )


@pytest.mark.parametrize(("count", "cuts", "told"), [(10, False, 1), (9, False, 0), (500, True, 0)])
def test_scripts_without_blanks_are_told_of_where_the_model_does_not_cut_them(
    count: int, cuts: bool, told: int
) -> None:
    found = warnings({"characters_without_blanks": count}, cuts_characters=cuts)
    assert len(found) == told
    assert all(warning.startswith("1.0% of the characters are of scripts") for warning in found)


def test_of_a_model_without_a_language_nothing_is_told() -> None:
    sums = {"characters": 10, "language/de": 10}
    assert list(language_warnings(sums, None, cuts_characters=True)) == []
