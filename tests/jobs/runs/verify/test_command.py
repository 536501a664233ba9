"""Which runs are verified, and what is said of an output that is as its runs left it."""

from typing import TYPE_CHECKING

import pytest

from schemas.errors import UsageError

if TYPE_CHECKING:
    from tests.jobs.runs.verify.conftest import VerifiedOutput


def test_an_output_as_its_runs_left_it_is_clean(output: "VerifiedOutput") -> None:
    """All entities are compared with their document; that two share an id is worth a look."""
    code, told = output.verify()
    assert code == 0
    warning, _, summary = told
    assert warning.startswith(
        "warning: 1 document id more than once among the rows that count: 'a3' 2 times; "
    )
    words = summary.split()
    assert summary.startswith("checked 7 runs: 13 files, ")
    assert "compared with their document; 1 warning" in summary
    texts, entities = words[words.index("texts") - 1], words[words.index("entities") - 1]
    assert texts == entities != "0"


def test_single_runs_and_jobs_are_checked_alone(output: "VerifiedOutput") -> None:
    (output.root / "entities/run_id=first/more.parquet").write_bytes(b"")
    for name, runs in (("job", "2 runs: 6 files"), ("repair", "1 run: 3 files")):
        code, told = output.verify(name)
        assert (code, len(told)) == (0, 1)
        assert told[0].startswith(f"checked {runs}, ")
        assert told[0].endswith("; nothing is wrong")
    with pytest.raises(UsageError, match="has no run 'none'"):
        output.verify("none")


def test_a_run_that_is_removed_meanwhile_is_no_error(
    output: "VerifiedOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a rollback does, which takes the manifest first."""

    def removed(*_: object) -> list[str]:
        (output.root / "runs/first.json").unlink(missing_ok=True)
        return ["is missing"]

    monkeypatch.setattr("jobs.runs.verify.files.byte_problems", removed)
    code, told = output.verify("first")
    assert code == 0
    assert told[0] == "remark: run first was changed or removed while it was checked"
