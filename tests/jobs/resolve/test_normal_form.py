"""Normal forms: what is set aside of a surface, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.resolve.normal_form import normal_form
from jobs.resolve.vocabulary import LABELS, Kind, kind_of

KINDS: tuple[Kind, ...] = ("person", "organisation", "place", "other")


def key(surface: str, kind: Kind = "person") -> str:
    return normal_form(surface, kind).key


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("BASSANI", "Bassani", "person"),
        ("Bassani's", "Bassani", "person"),
        ("Bassani\u2019s", "Bassani", "person"),
        ("Bassani?", "Bassani", "person"),
        ("Zo\u00eb Str\u00f8m", "Zoe Strom", "person"),
        ("Zoe\u0308", "Zo\u00eb", "person"),
        ("Jean-Luc Petit", "Jean Luc Petit", "person"),
        ("Dr. Elena Bassani", "Elena Bassani", "person"),
        ("Rev. Dr. Elena Bassani", "Elena Bassani, PhD", "person"),
        ("E.R. Bassani", "E. R. Bassani", "person"),
        ("Doctor Bassani", "Dr Bassani", "person"),
        ("Bassani Holdings Ltd.", "Bassani Holdings", "organisation"),
        ("Bassani Holdings Limited", "The Bassani Holdings Ltd", "organisation"),
        ("Bassani & Sons", "Bassani and Sons", "organisation"),
        ("U.N.", "UN", "organisation"),
        ("St. Orso", "Saint Orso", "place"),
        ("the Marches", "Marches", "place"),
    ],
)
def test_two_spellings_of_one_name_have_one_key(one: str, other: str, kind: Kind) -> None:
    assert key(one, kind) == key(other, kind)


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("Mr. Bassani", "Mrs. Bassani", "person"),
        ("Mr. Bassani", "Bassani", "person"),
        ("Mrs. Tom Young", "Tom Young", "person"),
        ("Bassani Jr.", "Bassani", "person"),
        ("Elena Bassani", "Elena Bassano", "person"),
        ("US", "us", "organisation"),
        ("US", "Us", "organisation"),
        ("Reading", "reading", "place"),
        ("Ford Co.", "Ford", "organisation"),
        ("Orso 1", "Orso 2", "organisation"),
        ("\u0439\u043e\u0434", "\u0438\u043e\u0434", "other"),  # a mark that makes another letter
        ("St. Orso", "Saint Orso", "other"),
        ("?", "!", "other"),
    ],
)
def test_two_names_have_two_keys(one: str, other: str, kind: Kind) -> None:
    assert key(one, kind) != key(other, kind)


def test_what_was_left_out_of_a_key_and_tells_names_apart_is_its_qualifier() -> None:
    assert normal_form("Ms. Tom Young", "person").qualifier == "f"
    assert normal_form("Mr. Tom Young", "person").qualifier == "m"
    assert normal_form("Dr. Tom Young", "person").qualifier == ""
    assert normal_form("Bassani Holdings GmbH", "organisation").qualifier == "gmbh"
    assert normal_form("Bassani Holdings Incorporated", "organisation").qualifier == "inc"


@pytest.mark.parametrize("surface", ["Bassani", "E. R. Bassani", "Mr. T. Young", "O'Neil & Sons"])
def test_a_name_is_clean(surface: str) -> None:
    assert normal_form(surface, "person").is_clean


@pytest.mark.parametrize(
    "surface", ["Bassani?", "** Bassani", "Bassani. Then", "Bassani--she", "Bassani\n\nYes", "-"]
)
def test_a_name_with_something_beside_it_is_not(surface: str) -> None:
    assert not normal_form(surface, "person").is_clean


@given(st.text(min_size=1), st.sampled_from(KINDS))
def test_any_text_has_a_key(surface: str, kind: Kind) -> None:
    form = normal_form(surface, kind)
    assert form.key
    assert all(form.words)


LETTERS = st.text("abcdefghijklmnop", min_size=4, max_size=8).map(str.capitalize)


@given(st.lists(LETTERS, min_size=1, max_size=4), st.sampled_from(KINDS))
def test_case_signs_and_possessives_change_no_key(words: list[str], kind: Kind) -> None:
    name = " ".join(words)
    for written in (name.upper(), f"{name}'s", f"{name}?", f"_{name}_", "-".join(words)):
        assert key(written, kind) == key(name, kind)


def test_labels_are_known_by_what_they_are_called() -> None:
    assert kind_of("PER", LABELS) == kind_of("person", LABELS) == "person"
    assert kind_of("Org", LABELS) == "organisation"
    assert kind_of("geo", LABELS) == "place"
    assert kind_of("Chemical", LABELS) == "other"


@given(st.text("aZé1. -", max_size=6), st.text("xyzé", min_size=4), st.text("aZ. "))
def test_a_stop_behind_a_long_word_is_of_no_name(before: str, word: str, behind: str) -> None:
    assert not normal_form(f"{before}{word}. {behind}", "person").is_clean
    assert normal_form(f"Al {word.upper()}. Z", "person").is_clean is False
    assert normal_form(f"Al {word[:3]}. Z", "person").is_clean
