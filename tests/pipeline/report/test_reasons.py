"""The sentence that ends a run with too many dead letters: its cause, and where to see more."""

import shutil
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.reasons import count_reasons, refusal_in_words
from schemas.records import DeadLetter
from tests.pipeline.report.conftest import Made, MakeRun

REFUSED = {"error": "4 of 9 records became dead letters"}
HEAD = "4 of 9 records became dead letters; no other rows were written"


def letters(messages: Sequence[str], error: str = "RecordError") -> list[DeadLetter]:
    return [
        DeadLetter("/in/a.jsonl", n, None, "ReadDocuments", error, message)
        for n, message in enumerate(messages)
    ]


@pytest.mark.parametrize(
    ("messages", "cause"),
    [
        (["One.", "Line 7 of 'a'.", "Line 8 of 'b'."], "(2 times) is RecordError: Line N of '…'"),
        (["Only."], "(1 time) is RecordError: Only"),
        (["a\n\x1b[2Jb\t c"], r"(1 time) is RecordError: a \x1b[2Jb c"),
        (["At 7 of 9.", "At 7 of 9."], "(2 times) is RecordError: At 7 of 9"),
        (["At 7 of 9.", "At 8 of 9."], "(2 times) is RecordError: At N of N"),
        (["At s3://b/c-1.", "At s3://b/c-2."], "(2 times) is RecordError: At …"),
        (["long " * 30], f"(1 time) is RecordError: {'long ' * 23}long…"),
    ],
)
def test_it_names_the_most_frequent_cause_on_one_short_line(
    make_run: MakeRun, messages: list[str], cause: str
) -> None:
    """Alike are messages that the report counts as one."""
    made = make_run(letters=letters(messages), more=REFUSED)
    told = refusal_in_words(made.storage.root, made.manifest, "P")
    assert told == f"{HEAD}. The most frequent cause {cause}; see P"


def test_what_whole_files_died_of_is_not_in_the_share_and_is_no_cause(make_run: MakeRun) -> None:
    files = [
        DeadLetter(f"/in/{n}.jsonl", None, None, "ReadDocuments", "EOFError", "Broke off.")
        for n in range(3)
    ]
    made = make_run(letters=[*files, *letters(["Bad."])], more=REFUSED)
    assert "(1 time) is RecordError: Bad;" in refusal_in_words(
        made.storage.root, made.manifest, "P"
    )


def test_where_only_some_files_are_read_the_count_says_so(make_run: MakeRun) -> None:
    made = make_run(letters=letters(["Bad."] * 5), more=REFUSED)
    made.manifest["tables"]["dead_letters"]["files"] *= 2
    made.manifest["tables"]["dead_letters"]["rows"] *= 2
    told = refusal_in_words(made.storage.root, made.manifest, "P", most_rows=5)
    assert "cause (at least 5 times) is " in told


def test_without_the_files_it_says_the_rest(make_run: MakeRun) -> None:
    made = make_run([Made("d", "Bo")], letters(["Bad."]), more=REFUSED)
    shutil.rmtree(made.storage.table_directory("dead_letters"))
    told = refusal_in_words(made.storage.root, made.manifest, "P")
    assert told == f"{HEAD}, see P"


def reasons_of(messages: Sequence[str]) -> list[tuple[str, int]]:
    """The reasons of dead letters with these messages, those of a batch each."""
    batches = [
        pa.RecordBatch.from_pydict(
            {"stage": ["S"], "error": ["E"], "message": [message], "record": [0]}
        )
        for message in messages
    ]
    return [(reason.message, count) for reason, count in count_reasons(batches).ranked()]


NAMES = st.sampled_from(
    ["UTF-8", "UTF-16-LE", "0xfc", "0x0b", "U+D83D", "U+0041", "int96", "cp1252"]
)
COUNTS = ("0", "7", "1,000", "3.5", "-5", "12:30", "2026-11-25")
WORDS = st.sampled_from(["at", "byte", "(of", "record:", "is"])


@given(words=st.lists(st.one_of(NAMES, WORDS), min_size=1, max_size=8), data=st.data())
def test_figures_of_names_stay_and_numbers_that_differ_do_not(
    words: list[str], data: st.DataObject
) -> None:
    """In messages that are shown whole; the oracle has N in the place of every number put in."""
    places = data.draw(st.lists(st.integers(0, len(words)), min_size=1, unique=True))
    shown = [[*words], [*words], [*words]]
    for place in sorted(places, reverse=True):
        first = data.draw(st.sampled_from(COUNTS))
        other = data.draw(st.sampled_from([number for number in COUNTS if number != first]))
        for text, number in zip(shown, (first, other, "N"), strict=True):
            text.insert(place, number)
    one, two, expected = (" ".join(text) + "." for text in shown)
    assert reasons_of([one, two]) == [(expected, 2)]
    assert reasons_of([one, one]) == [(one, 2)]
