"""Commands that read, on an output that is no directory."""

from typing import TYPE_CHECKING, Any

import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem

from jobs.runs.__main__ import run
from schemas.errors import UsageError

if TYPE_CHECKING:
    from tests.jobs.runs.verify.conftest import VerifiedOutput


class Store(LocalFileSystem):
    """A directory as an object store, `store:///path`: no renames, no directories, no locks."""

    @classmethod
    def scheme(cls) -> str:
        return "store"

    def match(
        self, patterns: list[str], limits: list[int | None] | None = None
    ) -> list[MatchResult]:
        def named(result: MatchResult) -> MatchResult:
            return MatchResult(
                result.pattern,
                [
                    FileMetadata(f"store://{file.path}", file.size_in_bytes)
                    for file in result.metadata_list
                ],
            )

        paths = [pattern.removeprefix("store://") for pattern in patterns]
        matched = super().match(paths)  # type: ignore[no-untyped-call]  # Beam's has no annotations
        return [named(result) for result in matched]

    def open(self, path: str, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as Beam's
        return super().open(path.removeprefix("store://"), *arguments, **more)

    def create(self, path: str, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as Beam's
        return super().create(path.removeprefix("store://"), *arguments, **more)


def test_outputs_on_an_object_store_are_read_through_beam(
    output: "VerifiedOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    """There a file that no manifest names is what a stopped run left; readers never see it."""
    root = f"store://{output.root}"
    clean = ["verify", f"--output={root}/"]
    assert run(clean) == 0
    assert "remark" not in capsys.readouterr().out
    (output.root / "entities/run_id=first/more.parquet").write_bytes(b"")
    assert run(clean) == 0
    told = capsys.readouterr().out.splitlines()
    assert "remark: entities/run_id=first/more.parquet is named by no manifest" in told
    assert "texts of" in told[-1]
    output.only("documents/run_id=repair/*").unlink()
    assert run(clean) == 1
    assert "is missing" in capsys.readouterr().out
    assert run(["list", f"--output={root}"]) == 0
    assert "job.2" in capsys.readouterr().out
    assert run(["diff", "job", "job", f"--output={root}"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2] == "31 documents in both, 0 only in A, 0 only in B"
    assert told[3] == "1 id left out, which several documents of a file share"
    assert run(["view", f"--output={root}"]) == 0
    assert f"'{root}'" in (output.root / "current.sql").read_text()
    with pytest.raises(UsageError, match="holds no runs"):
        run(["list", f"--output=store://{output.root.parent}"])
