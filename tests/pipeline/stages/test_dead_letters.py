"""What fails is halved until the culprits stand alone, whoever they are."""

from collections.abc import Sequence
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.dead_letters import document_dead_letter, in_halves
from schemas.records import Document


@given(st.lists(st.booleans(), max_size=200))
def test_each_culprit_is_found_and_nobody_else_is_lost(is_culprit: list[bool]) -> None:
    """In order, each once, within the number of tries that the function promises."""
    tries = []

    def work(items: Sequence[int]) -> list[str]:
        tries.append(len(items))
        if any(is_culprit[item] for item in items):
            raise ValueError(f"{len(items)} items")
        return [f"done {item}" for item in items]

    found = in_halves(range(len(is_culprit)), work, lambda item, error: f"{item}: {error}")
    expected = [f"{n}: 1 items" if bad else f"done {n}" for n, bad in enumerate(is_culprit)]
    assert found == expected
    culprits, size = sum(is_culprit), max(2, len(is_culprit))
    assert len(tries) <= 1 + 2 * culprits * ceil(log2(size))


def test_what_a_failed_try_made_is_not_kept() -> None:
    def work(items: Sequence[int]) -> list[int]:
        made = []
        for item in items:
            made.append(item)
            if item == 2:
                raise ValueError
        return made

    assert in_halves([0, 1, 2, 3], work, lambda item, _: -item) == [0, 1, -2, 3]


def test_a_long_text_is_cut_and_the_cut_is_marked() -> None:
    document = Document("a", "in.txt", 0, "é" * 40_000)
    letter = document_dead_letter(document, "TagBatches", RuntimeError("\n\nthe first\nsecond"))
    assert letter.raw == document.text.encode()[: 64 * 1024]
    assert letter.raw_size == 80_000
    assert (letter.error, letter.message) == ("RuntimeError", "the first")


class _PanicError(BaseException):
    """What a library in Rust raises that panics: no Exception."""


def test_a_panic_of_a_library_costs_its_item_alone() -> None:
    def work(items: Sequence[int]) -> list[int]:
        if 2 in items:
            raise _PanicError("index out of bounds")
        return list(items)

    assert in_halves(range(5), work, lambda item, error: f"{item}: {error!r}") == [
        *(0, 1, "2: _PanicError('index out of bounds')", 3, 4)
    ]


@pytest.mark.parametrize("request_to_stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_request_to_stop_is_nobodys_fault(request_to_stop: type[BaseException]) -> None:
    def work(items: Sequence[int]) -> list[int]:
        raise request_to_stop

    with pytest.raises(request_to_stop):
        in_halves([0, 1], work, lambda item, _: item)
