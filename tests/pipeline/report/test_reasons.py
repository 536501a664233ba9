"""The sentence that ends a run with too many dead letters: its cause, and where to see more."""

import shutil
from collections.abc import Sequence

import pytest

from pipeline.report.reasons import refusal_in_words
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
        (["a\n\x1b[2Jb\t c"], r"(1 time) is RecordError: a \x1b[NJb c"),
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
