"""The output around its runs: what no manifest names, leftovers, ids that occur twice."""

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from jobs.runs.__main__ import run

if TYPE_CHECKING:
    from tests.jobs.runs.verify.conftest import VerifiedOutput

STOPPED = "belongs to a run that is under way or was stopped; in that case the next run removes it"


def test_what_stopped_runs_left_is_remarked(output: "VerifiedOutput") -> None:
    """The next run cleans it; and names that readers skip do no harm."""
    (output.root / "_staging/stopped").mkdir(parents=True)
    (output.root / "entities/run_id=stopped").mkdir()
    (output.root / "entities/run_id=stopped/part-x.parquet").write_bytes(b"")
    (output.root / "entities/_SUCCESS").write_bytes(b"")
    code, told = output.verify()
    assert code == 0
    assert [line for line in told if line.startswith("remark: ")] == [
        "remark: entities/_SUCCESS is named by no manifest",
        "remark: entities/run_id=stopped/part-x.parquet is named by no manifest",
        f"remark: _staging/stopped {STOPPED}",
    ]


def test_the_query_for_ids_that_occur_twice_finds_them_all(output: "VerifiedOutput") -> None:
    query = output.verify()[1][1]
    assert run(["view", f"--output={output.root}"]) == 0
    with duckdb.connect() as connection:
        connection.execute((output.root / "current.sql").read_text())
        ((doc_id, times, sources),) = connection.execute(query).fetchall()
    assert (doc_id, times, [Path(source).name for source in sources]) == ("a3", 2, ["a.jsonl"])


def test_a_line_break_in_a_path_does_not_break_the_sentence(output: "VerifiedOutput") -> None:
    (output.root / "entities/run_id=first/a\n\x1b.parquet").write_bytes(b"")
    code, told = output.verify()
    assert code == 1
    assert r"error: entities/run_id=first/a\n\x1b.parquet is named by no manifest" in told
