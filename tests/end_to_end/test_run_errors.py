"""What ends a run early: one sentence, the promised exit code, and nothing that looks like rows."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.runs.__main__ import run as runs
from pipeline.outputs.catalog import clean
from pipeline.outputs.description import RunDescription
from pipeline.outputs.layout import LOCK
from pipeline.outputs.storage import RunStorage
from pipeline.outputs.storage.disk import DiskStorage
from pipeline.outputs.transactions import commit_run
from pipeline.run import run
from schemas.errors import JobError, UsageError, WorkerLostError
from schemas.manifest import Manifest
from schemas.records import FileResult, ShardResult
from tests.builders import manifest_of


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "Maria left Lisbon."}\n' * 20)
    return path


@pytest.fixture
def refused(tmp_path: Path, tiny_artifact: Path, corpus: Path) -> Callable[..., str]:
    """Runs with flags that replace good ones; returns the sentence. No output may be made."""

    def attempt(**flags: str) -> str:
        good = {"model": str(tiny_artifact), "input": str(corpus), "output": f"{tmp_path}/out"}
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UsageError) as caught:
            run([f"--{name}={value}" for name, value in {**good, **flags}.items()])
        assert caught.value.exit_code == 2
        assert [path for path in sorted(tmp_path.rglob("*")) if path.name != LOCK] == before
        message = str(caught.value)
        assert "\n" not in message
        return message

    return attempt


def test_input_that_matches_nothing_is_refused(refused: Callable[..., str]) -> None:
    assert refused(input="/no/such/*.jsonl") == (
        "--input '/no/such/*.jsonl' matches no file (with --allow_no_input that is an empty run)."
    )


def test_a_file_of_no_known_format_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("?")
    assert "--input_format" in refused(input=f"{tmp_path}/a.docx")


def test_a_table_without_the_text_column_is_refused(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("id,body\n1,a\n")
    message = refused(input=f"{tmp_path}/a.csv")
    assert message.startswith(f"--text_field does not fit {tmp_path}/a.csv: There is no column")
    message = refused(input=f"{tmp_path}/a.csv", text_field="body", keep_fields="idd")
    assert message == (
        f"--keep_fields does not fit {tmp_path}/a.csv: There is no column 'idd', did you mean id? "
        "The columns are id, body."
    )


def test_a_model_that_does_not_exist_is_refused(refused: Callable[..., str]) -> None:
    assert "--model no-such-model: no such directory" in refused(model="no-such-model")


@pytest.mark.parametrize("change", ["flipped", "missing", "foreign"])
def test_a_model_that_is_damaged_is_refused(
    change: str, refused: Callable[..., str], tmp_path: Path, tiny_artifact: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_artifact, model)
    weights = model / "weights.safetensors"
    if change == "flipped":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        expected = f"{model} is damaged: weights.safetensors does not match its checksum"
    elif change == "missing":
        weights.unlink()
        expected = f"{model} is incomplete: weights.safetensors is missing"
    else:
        (model / "checksums.json").unlink()
        expected = f"{model} is not a gleaner model: it has no checksums.json"
    assert refused(model=str(model)) == expected


def test_an_output_that_is_a_file_is_refused(
    refused: Callable[..., str], tmp_path: Path, corpus: Path
) -> None:
    expected = f"--output {corpus}: {corpus} is not a directory"
    assert refused(output=str(corpus)) == expected
    expected = f"--output {corpus}/deep/er: {corpus} is not a directory"
    assert refused(output=f"{corpus}/deep/er") == expected


def test_an_output_on_an_unknown_filesystem_is_refused(refused: Callable[..., str]) -> None:
    assert refused(output="nowhere://bucket/out").startswith("--output nowhere://bucket/out: ")


def test_an_output_without_permission_is_refused(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of the system, not of the mode bits: the superuser may write anywhere."""
    monkeypatch.setattr("pipeline.outputs.catalog.os.access", lambda path, mode: False)
    message = f"--output {tmp_path}/out: no permission to write to {tmp_path}"
    assert refused() == message


def test_a_path_that_the_system_refuses_is_named(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    name = "x" * 300
    assert refused(output=f"{tmp_path}/{name}") == f"{tmp_path}/{name}: File name too long"
    assert refused(model=name).startswith(f"--model {name}: no such directory")


def test_bad_flags_are_refused_before_anything_is_looked_up(refused: Callable[..., str]) -> None:
    assert refused(imput="a") == "unknown flag --imput, did you mean --input?"
    assert refused(run_id="1").startswith("--run_id '1' is not a letter")


@pytest.mark.parametrize("trace", ["runs/r1.json", "entities/run_id=r1/a.parquet"])
def test_an_existing_run_is_never_overwritten(
    trace: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "out" / trace).parent.mkdir(parents=True)
    (tmp_path / "out" / trace).write_text(json.dumps(manifest_of("r1")))
    assert refused(run_id="r1") == f"--run_id r1 exists already in {tmp_path}/out"


def failed(tmp_path: Path, tiny_artifact: Path, corpus: Path) -> tuple[JobError, dict[str, Any]]:
    """The error of a run that fails, and its manifest, which is all that it may leave."""
    output = tmp_path / "out"
    flags = [f"--model={tiny_artifact}", f"--output={output}", "--run_id=r1", f"--input={corpus}"]
    with pytest.raises(JobError) as caught:
        run(flags)
    assert caught.value.exit_code == 1
    assert "\n" not in str(caught.value)
    files = [str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()]
    assert sorted(files) == [LOCK, "reports/r1.html", "runs/r1.json"]
    assert not list(output.glob("*/run_id=*"))
    assert not (output / "_staging").exists()
    manifest = json.loads((output / "runs/r1.json").read_text())
    assert manifest["status"] == "failed"
    return caught.value, manifest


def test_a_failing_stage_fails_the_run_and_leaves_no_rows(
    tmp_path: Path, tiny_artifact: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise RuntimeError("first line\nthe cells are flooded")

    monkeypatch.setattr("pipeline.stages.tag.TaggerHandler.load_model", fail)
    error, manifest = failed(tmp_path, tiny_artifact, corpus)
    assert str(error).startswith("the run failed and left no rows (the cells are flooded")
    assert str(error).endswith(f"; {tmp_path}/out/runs/r1.json has the details")
    assert "Traceback" in manifest["error"]
    assert "the cells are flooded" in manifest["error"]


def test_records_that_do_not_add_up_fail_the_run(
    tmp_path: Path, tiny_artifact: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_documents(files: list[FileResult], *arguments: Any) -> Manifest:
        return commit_run([f for f in files if f.table != "documents"], *arguments)

    monkeypatch.setattr("pipeline.stages.commit.commit_run", lose_documents)
    error, _ = failed(tmp_path, tiny_artifact, corpus)
    assert "20 records were read, but 0 documents and 0 dead letters were written" in str(error)


def test_a_failure_after_publishing_takes_the_tables_back(
    tmp_path: Path, tiny_artifact: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, create = DiskStorage.publish, DiskStorage.create_manifest
    published: list[str] = []

    def noted(self: DiskStorage, table: str) -> None:
        publish(self, table)
        published.append(table)

    def full_once(self: DiskStorage, data: bytes) -> bool:
        if len(published) == 3:
            published.clear()
            raise OSError(28, os.strerror(28))
        return create(self, data)

    monkeypatch.setattr(DiskStorage, "publish", noted)
    monkeypatch.setattr(DiskStorage, "create_manifest", full_once)
    error, _ = failed(tmp_path, tiny_artifact, corpus)
    assert "No space left on device" in str(error)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), WorkerLostError("a worker died"), OSError()]
)
def test_a_run_that_is_committed_stays_so_whatever_comes_then(
    error: BaseException,
    tmp_path: Path,
    tiny_artifact: Path,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An interrupt ends the job, which says so; what goes wrong after the commit is no failure."""
    from pipeline.runners.local import LocalRunner

    run_to_its_end = LocalRunner.run

    def run_and_fail(*arguments: Any) -> None:
        run_to_its_end(*arguments)
        raise error

    monkeypatch.setattr(LocalRunner, "run", run_and_fail)
    output = tmp_path / "out"
    flags = [f"--model={tiny_artifact}", f"--output={output}", "--run_id=r1", f"--input={corpus}"]
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt, match="interrupted; run r1 is committed"):
            run(flags)
    else:
        assert run(flags) == 0
    assert runs(["verify", f"--output={output}"]) == 0
    assert json.loads((output / "runs/r1.json").read_text())["status"] == "committed"
    assert not (output / "_staging").exists()


@pytest.mark.parametrize(("before", "status"), [([], "committed"), (["r1"], "empty")])
def test_what_cannot_be_cleaned_up_after_the_commit_is_no_failure(
    before: list[str],
    status: str,
    tmp_path: Path,
    tiny_artifact: Path,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a store lets the account create objects and not delete them."""

    def refuse(*_: object) -> None:
        raise PermissionError("it may not delete")

    output = tmp_path / "out"
    flags = [f"--model={tiny_artifact}", f"--output={output}", f"--input={corpus}", "--only_new"]
    for run_id in before:
        assert run([*flags, f"--run_id={run_id}"]) == 0
    monkeypatch.setattr(DiskStorage, "keep_files", refuse)
    assert run([*flags, "--run_id=r2"]) == 0
    assert json.loads((output / "runs/r2.json").read_text())["status"] == status


def test_a_commit_that_comes_after_the_end_of_its_run_is_none(
    tmp_path: Path, tiny_artifact: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt does not stop the thread that commits."""
    from pipeline.outputs.transactions import Ending, end_run

    endings = []

    def end_first(
        files: list[FileResult],
        shards: list[ShardResult],
        run: RunDescription,
        storage: RunStorage,
    ) -> Manifest:
        endings.append(end_run(run, storage, "terminated"))
        return commit_run(files, shards, run, storage)

    monkeypatch.setattr("pipeline.stages.commit.commit_run", end_first)
    monkeypatch.setattr("pipeline.extraction.end_run", lambda *_: Ending.RECORDED)
    output = tmp_path / "out"
    with pytest.raises(JobError, match="ended before it could commit"):
        run([f"--model={tiny_artifact}", f"--output={output}", "--run_id=r1", f"--input={corpus}"])
    assert endings == [Ending.RECORDED]
    assert not list(output.glob("*/run_id=*"))
    (manifest,) = clean(str(output))
    assert (manifest["status"], manifest["error"]) == ("failed", "terminated")
    assert not (output / "_staging").exists()


def command(*flags: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.run", *flags],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **({"PYTHONPATH": str(path)} if path else {})},
    )


def test_a_usage_error_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    done = command("--imput=a", f"--output={tmp_path}/out")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: unknown flag --imput, did you mean --input?\n"


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_is_one_sentence_and_exit_code_1(
    workers: int, tmp_path: Path, tiny_artifact: Path, corpus: Path
) -> None:
    """Beam and TensorFlow log and print tracebacks of their own; the manifest has them instead."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'model.tagger.tagger':\n"
        "            raise RuntimeError('the tagger is broken')\n"
        "sys.meta_path.insert(0, Broken())\n"
    )
    flags = [f"--model={tiny_artifact}", f"--input={corpus}", f"--direct_num_workers={workers}"]
    done = command(*flags, f"--output={tmp_path}/out", "--run_id=r1", path=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("error: the run failed and left no rows (")
    assert "the tagger is broken" in sentence
    left = {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    manifest = tmp_path / "out/runs/r1.json"
    assert left == {manifest, tmp_path / "out/reports/r1.html", tmp_path / "out" / LOCK}
    assert "the tagger is broken" in json.loads(manifest.read_text())["error"]
