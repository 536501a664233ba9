"""The steps by themselves, against what they would find by looking at every pair."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.resolve.counts import is_short_for, longer_forms
from jobs.resolve.normal_form import normal_form
from jobs.resolve.steps.initials import abbreviates
from tests.jobs.resolve.made_outputs import write_run
from tests.jobs.resolve.test_resolve import canonical, people, resolve

WORDS = st.sampled_from(["Mr.", "Mrs.", "Dr.", "Ada", "A.", "B.", "Orso", "Berg", "of", "?", "Jr."])
NAMES = st.lists(st.lists(WORDS, min_size=1, max_size=4).map(" ".join), max_size=8)


@given(NAMES)
def test_longer_forms_are_those_of_all_pairs(surfaces: list[str]) -> None:
    forms = [normal_form(surface, "person") for surface in surfaces]
    expected: dict[str, set[str]] = {}
    for short in forms:
        for long in forms:
            is_long = long.is_clean and (long.title or len(long.words) > 1)
            if short.words and is_long and is_short_for(short, long):
                expected.setdefault(short.key, set()).add(long.key)
    found = dict(longer_forms(forms))
    assert found == {key: tuple(sorted(keys)) for key, keys in expected.items()}


@given(*[st.lists(st.sampled_from(["ada", "a", "al", "b", "orso"]), max_size=4)] * 2)
def test_a_whole_first_name_abbreviates_only_names_that_begin_with_it(
    short: list[str], full: list[str]
) -> None:
    if abbreviates(short, full):
        assert short[0] == full[0] or len(short[0]) == 1


@pytest.mark.parametrize("others", [[], ["Konstantinopolska-upon-the-Water"]])
def test_spellings_just_similar_enough_are_joined_whatever_else_there_is(
    tmp_path: Path, others: list[str]
) -> None:
    """Two of twenty letters differ, and 0.9 is asked for."""
    names = [["Konstantinopolixwska"]] * 10 + [["Konstantinopolyzwska"], others]
    write_run(tmp_path, "r1", people(*names))
    resolve(tmp_path)
    assert canonical(tmp_path)["Konstantinopolyzwska"] == ("Konstantinopolixwska", "similar")
