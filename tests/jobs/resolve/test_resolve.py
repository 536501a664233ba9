"""`jobs.resolve` from runs to the table, read back with DuckDB."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.resolve.__main__ import run
from schemas.errors import UsageError
from schemas.tables import NAMES
from tests.jobs.resolve.made_outputs import Mention, write_run

A, B, C = (f"/in/{name}.jsonl" for name in "abc")

# A surface, its label and id: the table says of each how it came to its group.
Row = tuple[str, str, str | None]


def resolve(root: Path, *flags: str) -> None:
    assert run([f"--output={root}", *flags]) == 0


def table(root: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        query = f"SELECT * FROM '{root}/names/names.parquet'"  # noqa: S608 - ours
        return connection.execute(query).fetchall()


def canonical(root: Path) -> dict[str, tuple[str, str]]:
    """The name of each surface's group, and the rule that brought it there."""
    return {row[0]: (row[3], row[5]) for row in table(root)}


def people(*documents: Sequence[str], source: str = A) -> list[Mention]:
    return [Mention(source, n, name) for n, names in enumerate(documents) for name in names]


def test_names_come_together_step_by_step(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        "r1",
        [
            *people(
                ["Elena Bassani", "Bassani", "Bassani", "BASSANI"],
                ["E. Bassani", "Tom Young", "Mrs. Young", "Elena Bassani", "Bassani"],
                ["Mr. Orso", "Orso"],
                *[["Konstantinopolski"]] * 10,
                ["Konstantinopolsky", "Konstantinopolzki"],
            ),
            Mention(A, 0, "Bassani Holdings Ltd.", "org"),
            Mention(A, 0, "Bassani Holdings", "org"),
            Mention(A, 0, "Big Blue", "org", "q1"),
            Mention(A, 1, "I.B.M.", "org", "q1"),
            Mention(A, 2, "I.B.M.", "org", "q1"),
            Mention(A, 2, "IBM", "org"),
        ],
    )
    resolve(tmp_path)
    assert canonical(tmp_path) == {
        "Elena Bassani": ("Elena Bassani", ""),
        "E. Bassani": ("Elena Bassani", "initials"),
        "Bassani": ("Elena Bassani", "document"),
        "BASSANI": ("Elena Bassani", "document"),
        "Tom Young": ("Tom Young", ""),
        "Mrs. Young": ("Mrs. Young", ""),
        "Mr. Orso": ("Mr. Orso", ""),
        "Orso": ("Mr. Orso", "document"),
        "Konstantinopolski": ("Konstantinopolski", ""),
        "Konstantinopolzki": ("Konstantinopolski", "similar"),
        "Konstantinopolsky": ("Konstantinopolsky", ""),  # it ends otherwise
        "Bassani Holdings": ("Bassani Holdings", ""),
        "Bassani Holdings Ltd.": ("Bassani Holdings", "normal_form"),
        "Big Blue": ("I.B.M.", "gazetteer"),
        "I.B.M.": ("I.B.M.", ""),
        "IBM": ("I.B.M.", "normal_form"),
    }


def test_the_table_has_its_columns_and_a_row_for_each_surface_label_and_id(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        "r1",
        [
            Mention(A, 0, "Orso", "per"),
            Mention(A, 0, "Orso", "per"),
            Mention(A, 7, "Orso", "per"),
            Mention(B, 0, "Orso", "org", "q1"),
            Mention(B, 0, "Orso", "org"),
        ],
    )
    resolve(tmp_path)
    assert pq.read_schema(tmp_path / "names/names.parquet").equals(NAMES)
    assert table(tmp_path) == [
        ("Orso", "org", "q1", "Orso", 0, "", 1, 1),
        ("Orso", "org", None, "Orso", 0, "normal_form", 1, 1),
        ("Orso", "per", None, "Orso", 1, "", 3, 2),
    ]


def test_names_that_may_be_several_go_with_none_of_them(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        "r1",
        [
            *people(
                ["Mr. Kim Young", "Ms. Kim Young", "Kim Young"],
                ["Ada Orso", "Alma Orso", "A. Orso", "Orso"],
            ),
            Mention(A, 0, "Georgia", "geo", "country"),
            Mention(A, 1, "Georgia", "geo", "state"),
            Mention(A, 2, "Georgia", "geo"),
        ],
    )
    resolve(tmp_path)
    assert {row[4] for row in table(tmp_path)} == set(range(len(table(tmp_path))))


def test_only_what_counts_has_names(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", [*people(["Ada"]), *people(["Orso"], source=B)])
    write_run(tmp_path, "r2", people(["Elena"]), day=1)
    resolve(tmp_path)
    assert {row[0] for row in table(tmp_path)} == {"Elena", "Orso"}


def test_later_calls_read_new_runs_alone(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", people(["Ada"]))
    resolve(tmp_path)
    shutil.rmtree(tmp_path / "entities/run_id=r1")
    write_run(tmp_path, "r2", people(["Orso"], source=B), day=1)
    resolve(tmp_path)
    assert {row[0] for row in table(tmp_path)} == {"Ada", "Orso"}
    assert len([*(tmp_path / "_names").iterdir()]) == 2


def test_counts_of_what_counts_no_more_are_removed(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", people(["Ada"]))
    resolve(tmp_path)
    write_run(tmp_path, "r2", people(["Orso"]), day=1)
    resolve(tmp_path)
    assert len([*(tmp_path / "_names").iterdir()]) == 1


def test_counts_that_are_damaged_are_made_again(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", people(["Ada"]))
    resolve(tmp_path)
    (kept,) = (tmp_path / "_names").iterdir()
    kept.write_bytes(b"PAR1 cut off")
    resolve(tmp_path)
    assert {row[0] for row in table(tmp_path)} == {"Ada"}


def test_steps_can_be_left_out(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", people(["Ms. Bassani", "Bassani", "BASSANI", "B. Orso", "Bo Orso"]))
    resolve(tmp_path, "--without", "document", "initials")
    assert canonical(tmp_path) == {
        "Ms. Bassani": ("Ms. Bassani", ""),
        "B. Orso": ("B. Orso", ""),
        "Bo Orso": ("Bo Orso", ""),
        "Bassani": ("Bassani", ""),
        "BASSANI": ("Bassani", "normal_form"),
    }


NAMES_DRAWN = (
    *("Elena Bassani", "E. Bassani", "Ms. Bassani", "Bassani", "BASSANI", "Emil Bassani"),
    *("Mr. Bassani", "Elena", "Bassani?", "Emil R. Bassani", "Konstantinopolski", "Ada Orso"),
    *("Konstantinopolzki", "bassani", "Orso", "A. Orso"),
)
MENTIONS = st.builds(
    Mention,
    st.sampled_from([A, B, C]),
    st.integers(0, 3),
    st.sampled_from(NAMES_DRAWN),
    st.sampled_from(["per", "per", "org"]),
    st.sampled_from([None, None, None, "q1", "q2"]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(MENTIONS, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_all_at_once_or_night_by_night_in_any_order_is_the_same_table(
    mentions: list[Mention], chance: random.Random
) -> None:
    with TemporaryDirectory() as once, TemporaryDirectory() as nightly:
        write_run(Path(once), "all", mentions)
        resolve(Path(once))
        sources = sorted({mention.source for mention in mentions})
        chance.shuffle(sources)
        for night, source in enumerate(sources):
            own = [mention for mention in mentions if mention.source == source]
            chance.shuffle(own)
            write_run(Path(nightly), f"n{night}", own, day=night)
            if chance.random() < 0.5:
                resolve(Path(nightly))
        resolve(Path(nightly))
        assert table(Path(once)) == table(Path(nightly))
        assert once != nightly


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["why", "Ada"], "expected why A B, or nothing"),
        (["because", "Ada", "Orso"], "expected why A B, or nothing"),
        (["--label=per"], "--label goes with why A B alone"),
        (["--without", "documents"], "--without names 'documents'.*did you mean document"),
        (["why", "Orso", "Adda"], "no entity that counts is called 'Adda', did you mean Ada"),
        (["why", "Ada", "Orso", "--label=org"], "'Ada' has no label 'org', but per"),
        (["why", "Ada", "Ada Works"], "'Ada' has the labels per, and 'Ada Works' org"),
        (["why", "Ada", "Ada"], "'Ada' has one row under each label"),
        (["--rules=no.toml"], "--rules no.toml cannot be read"),
        (["--decisions=no.csv"], "--decisions no.csv cannot be read"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, flags: list[str], message: str) -> None:
    write_run(tmp_path, "r1", [*people(["Ada", "Orso"]), Mention(A, 0, "Ada Works", "org")])
    with pytest.raises(UsageError, match=message):
        run([f"--output={tmp_path}", *flags])


def test_an_output_without_a_committed_run_has_no_names(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(UsageError, match="has no committed run yet, so it has no names"):
        resolve(tmp_path)


def test_the_account_says_what_joined_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "r1", people(["Ms. Bassani", "Bassani", "BASSANI", "Orso"]))
    resolve(tmp_path)
    told = capsys.readouterr().out
    assert told.startswith("4 names in 2 groups; joined by document 2\nwritten ")
