"""An output with runs of every kind, to be damaged and verified."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipeline.run
from jobs.runs.__main__ import run
from schemas.errors import BrokenFilesError, DeadLettersError, JobError
from schemas.tables import TABLES, since
from tests.builders import last_of_each

Manifest = dict[str, Any]
Change = Callable[[pa.Table], pa.Table]

TEXT = (
    "Maria 🚢 met {} ships in Lisbon. The river froze on Monday. The council said a ship was at "
    "the harbour."
)


@dataclass(frozen=True)
class VerifiedOutput:
    """Its files, how to change them, and what `verify` says of them."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    def verify(self, *names: str) -> tuple[int, list[str]]:
        """The exit code, and the lines that were printed."""
        code = run(["verify", *names, f"--output={self.root}"])
        return code, self.capsys.readouterr().out.splitlines()

    def only(self, pattern: str) -> Path:
        """The one file of this pattern."""
        (path,) = self.root.glob(pattern)
        return path

    def manifest(self, run_id: str) -> Manifest:
        told: Manifest = json.loads((self.root / f"runs/{run_id}.json").read_text())
        return told

    def change_manifest(self, run_id: str, change: Callable[[Manifest], object]) -> None:
        _change_manifest(self.root, run_id, change)

    def tell(self, path: Path) -> None:
        _tell(self.root, path)

    def rebuild(self, table: str, change: Change, run_id: str = "job.1") -> None:
        """Change the rows of a run's file, with a manifest that knows the new file."""
        path = self.only(f"{table}/run_id={run_id}/*")
        _write(path, change(pq.read_table(path)))
        self.tell(path)


@pytest.fixture
def output(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> VerifiedOutput:
    return VerifiedOutput(Path(shutil.copytree(made, tmp_path / "out")), capsys)


def _lines(name: str, count: int) -> list[str]:
    return [json.dumps({"id": f"{name}{n}", "text": TEXT.format(n)}) for n in range(count)]


@pytest.fixture(scope="session")
def made(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output with a run of every kind.

    first: version 1, with texts; job: in parts without texts, one with a file that breaks off;
    repair: dead letters of the job; refused and failed; empty. Two documents of a file share an id.
    """
    folder = tmp_path_factory.mktemp("verify")
    inputs = folder / "in"
    inputs.mkdir()
    twice = json.dumps({"id": "a3", "text": "The council is in Lisbon. Maria was at the harbour."})
    (inputs / "a.jsonl").write_text("\n".join([*_lines("a", 20), twice]))
    late = json.dumps({"id": "late", "body": "Ships met in Lisbon on Monday. Maria said the."})
    (inputs / "b.jsonl").write_text("\n".join([*_lines("b", 12), late, "{"]))
    (inputs / "c.jsonl.gz").write_bytes(b"no gzip")
    (folder / "kept.jsonl").write_text("\n".join(_lines("k", 5)))
    flags = [f"--model={tiny_artifact}", f"--output={folder}/out", "--direct_num_workers=1"]
    start = pipeline.run.run
    assert start([*flags, "--run_id=first", f"--input={folder}/kept.jsonl", "--keep_text=all"]) == 0
    job = [*flags, f"--input={inputs}", "--max_dead_letters=0.5", "--keep_text=none"]
    with pytest.raises(BrokenFilesError):
        start([*job, "--run_id=job", "--commit_shards=2", "--quarantine"])
    letters = [
        *flags,
        "--keep_text=all",
        f"--input={folder}/out/dead_letters",
        "--input_format=dead_letters",
    ]
    assert start([*letters, "--run_id=repair", "--text_field=body"]) == 0
    with pytest.raises(DeadLettersError):
        start(last_of_each([*job, "--run_id=refused", "--max_dead_letters=0"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.outputs.transactions.committed_manifest", lambda *_: 1 / 0)
        with pytest.raises(JobError):
            start([*job, "--run_id=failed"])
    only_new = [*flags, f"--input={folder}/kept.jsonl", "--keep_text=all", "--only_new"]
    assert start([*only_new, "--run_id=empty"]) == 0
    _make_older(folder / "out")
    return folder / "out"


def _make_older(output: Path) -> None:
    """The run `first` as version 1 wrote it."""
    for path in output.glob("*/run_id=first/*.parquet"):
        rows = pq.read_table(path)
        newer = [field.name for field in TABLES[path.parent.parent.name] if since(field) > 1]
        columns = [name for name in rows.column_names if name not in newer]
        older = {b"gleaner.schema_version": b"1"}
        _write(path, rows.select(columns).replace_schema_metadata(older))
        _tell(output, path)
    _change_manifest(output, "first", lambda told: told.update(schema_version=1))


def _write(path: Path, rows: pa.Table) -> None:
    metadata = rows.schema.metadata
    fields = [field.remove_metadata() for field in rows.schema]
    pq.write_table(rows.cast(pa.schema(fields, metadata=metadata)), path)


def _tell(output: Path, path: Path) -> None:
    """Let the manifest say of a file what it is now."""
    run_id = path.parent.name.removeprefix("run_id=")

    def change(told: Manifest) -> None:
        table = told["tables"][path.parent.parent.name]
        for file in table["files"]:
            if file["path"].endswith(path.name):
                data = path.read_bytes()
                file["bytes"], file["sha256"] = len(data), hashlib.sha256(data).hexdigest()
        table["bytes"] = sum(file["bytes"] for file in table["files"])

    _change_manifest(output, run_id, change)


def _change_manifest(output: Path, run_id: str, change: Callable[[Manifest], object]) -> None:
    path = output / f"runs/{run_id}.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
