"""Every command on an object store: it does what it does on a disk, and refuses in one sentence."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from jobs.runs.__main__ import COMMANDS, run
from pipeline.outputs.current import read_manifests, read_table
from schemas.errors import UsageError
from schemas.tables import TABLES

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MakeOutput

READING = {"list": [], "show": ["r1"], "verify": [], "diff": ["r1", "r2"]}
CHANGING = {
    "rollback": ["r2"],
    "forget": ["--doc_id", "d2"],
    "compact": [],
    "expire": ["--older_than=0"],
    "clean": ["--older_than=0"],
}
EACH = {**READING, "view": [], **CHANGING}

Keys = Callable[[str], list[str]]
S3Requests = list[tuple[str, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def made(make_output: "MakeOutput") -> Path:
    """Two runs on a disk, of which the second read the file of the first anew."""
    output = make_output()
    for day, documents in ((1, ("d1", "d2")), (2, ("d1", "d2", "d3"))):
        read = output.read("/in/a.jsonl", documents, unread=(f"x{day}",), fingerprint=f"{day}-1")
        output.commit(f"r{day}", read, started=f"2024-01-0{day}T00:00:00+00:00")
    return output.root


@pytest.fixture
def local(made: Path, tmp_path: Path) -> Path:
    """The output on a disk."""
    return Path(shutil.copytree(made, tmp_path / "out"))


@pytest.fixture
def remote(made: Path, bucket: str) -> str:
    """The same output in a bucket."""
    client = boto3.client("s3")
    for path in made.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), bucket, f"out/{path.relative_to(made)}")
    return f"s3://{bucket}/out"


def counting(root: str) -> dict[str, list[str]]:
    """The rows of each table that count, without the names of their runs."""
    return {table: sorted(map(str, _rows(root, table))) for table in TABLES}


def _rows(root: str, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(root, table).drop_columns(["run_id"]).to_pylist()
    return rows


def test_there_is_no_other_command() -> None:
    assert set(EACH) == set(COMMANDS)


def require_verified(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is wrong, and nothing is left over."""
    capsys.readouterr()
    assert run(["verify", f"--output={root}"]) == 0
    told = capsys.readouterr().out
    assert "nothing is wrong" in told
    assert "remark" not in told


def test_commands_that_read_say_what_they_say_of_a_disk(
    local: Path, remote: str, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    before = keys("out/")
    for command, arguments in {**READING, "view": []}.items():
        told = []
        for root in (str(local), remote):
            assert run([command, *arguments, f"--output={root}"]) == 0
            told.append(capsys.readouterr().out.replace(root, "ROOT"))
        assert told[0] == told[1] or command == "view"  # whose words are of the place
    written = ["out/current.py", "out/current.sql", "out/names/names-empty.parquet"]
    assert keys("out/") == sorted([*before, *written])
    require_verified(remote, capsys)


def test_what_view_prints_for_a_store_can_be_pasted(
    remote: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it opens a URL as a file; DuckDB's part needs its extensions, so it is parsed."""
    assert run(["view", f"--output={remote}"]) == 0
    told = re.findall(r"^    (\S.*)$", capsys.readouterr().out, re.MULTILINE)
    program = "\n".join(told)
    assert "open(" not in program
    assert "CREATE SECRET (TYPE s3, PROVIDER credential_chain)" in program
    calls = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.Call)]
    assert len(calls) >= 5
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*program.splitlines()[-3:], "print(len(entities))"])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{len(_rows(remote, 'entities'))}\n", done.stderr


@pytest.mark.parametrize("command", CHANGING)
def test_a_command_changes_what_it_changes_on_a_disk(
    command: str, local: Path, remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = counting(str(local))
    for root in (str(local), remote):
        assert run([command, *EACH[command], f"--output={root}"]) == 0
    after = counting(remote)
    assert after == counting(str(local))
    assert (after == before) is (command not in ("rollback", "forget"))
    assert len(read_manifests(remote)) == len(read_manifests(str(local)))
    require_verified(remote, capsys)


@pytest.mark.parametrize("command", EACH)
def test_a_store_that_does_not_answer_is_one_sentence(
    command: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: Beam itself would try for ten minutes."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UsageError, match="cannot be reached: Could not connect to the endpoint"):
        run([command, *EACH[command], f"--output=s3://{bucket}/out"])


@pytest.mark.parametrize("command", ["view", *CHANGING])
def test_an_output_that_is_read_only_is_one_sentence(
    command: str, remote: str, keys: Keys, deny_writes: Callable[[], None]
) -> None:
    """It can be read all the same, and so can what a command would do."""
    before = keys("out/")
    deny_writes()
    with pytest.raises(UsageError, match=f"{remote}.* cannot be written"):
        run([command, *EACH[command], f"--output={remote}"])
    assert keys("out/") == before
    if command in CHANGING:
        assert run([command, *EACH[command], f"--output={remote}", "--dry_run"]) == 0
        assert keys("out/") == before


@pytest.mark.parametrize("command", CHANGING)
def test_a_directory_that_is_read_only_is_one_sentence(
    command: str, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here by what the system says: to some users it gives all permissions."""
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UsageError, match=f"--output {local}: no permission to write to {local}"):
        run([command, *EACH[command], f"--output={local}"])


@pytest.mark.parametrize("command", EACH)
def test_a_place_of_several_objects_is_no_output(command: str) -> None:
    with pytest.raises(UsageError, match=r"the URL of an output has no \*, \? or \["):
        run([command, *EACH[command], "--output=s3://bucket/out*"])


def test_files_are_removed_many_at_once(remote: str, bucket: str, s3_requests: S3Requests) -> None:
    client = boto3.client("s3")
    for number in range(20):
        key = f"out/entities/run_id=r1/part-{number:032x}.parquet"
        client.put_object(Bucket=bucket, Key=key, Body=b"of a bundle that was tried again")
    assert run(["expire", "--older_than=0", f"--output={remote}"]) == 0
    asked = [name for name, _ in s3_requests if name.startswith("Delete")]
    # The probe of the output, the run's manifest, and all of its files.
    assert asked == ["DeleteObjects"] * 3
