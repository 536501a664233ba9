"""What killed runs left goes, what belongs to somebody stays: on a disk and on an object store."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from jobs.runs import clean as clean_command
from jobs.runs.__main__ import run
from pipeline.outputs.layout import run_of_unnamed, table_file
from schemas.errors import OutputBusyError, UsageError
from tests.builders import PART_A

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput

Keys = Callable[[str], list[str]]

# What a run that died on an object store leaves, and one on a disk.
LEFT = (
    f"entities/run_id=dead/{PART_A}",
    "documents/run_id=dead/part-empty.parquet",
    f"entities/run_id=r1/{table_file('c' * 32)}",
    "_staging/dead/plan.json",
    f"_staging/probe-{'d' * 32}",
)
LEFT_ON_A_DISK = (
    *LEFT,
    f"_staging/dead/dead_letters/{PART_A}",
    f"_staging/dead/manifest-{'e' * 32}",
    f"_staging/report-{'f' * 32}/report-{'a' * 32}",
    ".current.sql.partial",
    ".forgotten.json.partial",
)
FOREIGN = (
    *("notes.txt", "entities/notes.txt", "entities/run_id=dead/mine.parquet", "_staging/notes.txt"),
    *("entities/run_id=r1/_SUCCESS", "_staging/dead/notes.txt", "reports/mine.html", ".hidden"),
    f"entities/run_id=r1/old/{PART_A}",
)


def clean(root: Path | str, *flags: str) -> int:
    return run(["clean", f"--output={root}", *flags])


@pytest.fixture
def output(output: "MadeOutput") -> "MadeOutput":
    output.commit("r1", output.read("/in/a", ("a1", "a2")))
    output.report("r1")
    return output


def put(root: Path, names: Sequence[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"rows")


def test_on_a_disk_all_that_is_left_over_goes(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    put(output.root, FOREIGN)
    before = output.data()
    put(output.root, LEFT_ON_A_DISK)
    (output.root / "reports/gone.html").write_bytes(before["reports/r1.html"])
    everything = output.data()
    assert clean(output.root, "--dry_run") == 0
    told = capsys.readouterr().out.splitlines()
    assert output.data() == everything
    assert told == [
        "of no run: 3 files, 0.00 MB",
        "dead: 5 files, 0.00 MB",
        f"gone: 1 file, {len(before['reports/r1.html']) / 1e6:,.2f} MB",
        "r1: 1 file, 0.00 MB",
        f"report-{'f' * 32}: 1 file, 0.00 MB",
        f"11 files, {(len(before['reports/r1.html']) + 40) / 1e6:,.2f} MB would be removed",
    ]
    assert clean(output.root) == 0
    assert capsys.readouterr().out.splitlines() == [*told[:-1], told[-1].replace("would be ", "")]
    assert output.data() == before
    assert not (output.root / "documents/run_id=dead").exists()
    assert clean(output.root) == 0
    assert capsys.readouterr().out == "0 files, 0.00 MB removed\n"


def test_runs_that_were_merged_and_stayed_go(
    output: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    """A compaction that was killed before it removed them."""
    output.commit("r2", output.read("/in/b", ("b1",)))
    kept = output.data()
    rows = output.view()
    assert run(["compact", f"--output={output.root}"]) == 0
    for name in kept.keys() - output.data().keys():
        put(output.root, [name])
        (output.root / name).write_bytes(kept[name])
    capsys.readouterr()
    assert clean(output.root, "--older_than=7") == 0
    assert [line[:10] for line in capsys.readouterr().out.splitlines()] == [
        "r1: 5 file",
        "r2: 4 file",
        "9 files, 0",
    ]
    assert output.view() == rows
    output.require_sound()


def test_a_link_to_files_of_another_output_is_not_followed(
    output: "MadeOutput", tmp_path: Path
) -> None:
    put(output.root, LEFT_ON_A_DISK)
    theirs = tmp_path / "theirs"
    put(theirs, [PART_A])
    (output.root / "dead_letters/run_id=dead").symlink_to(theirs)
    assert clean(output.root) == 0
    assert [path.name for path in theirs.iterdir()] == [PART_A]


def test_an_output_that_a_run_writes_to_is_left_alone(output: "MadeOutput") -> None:
    from pipeline.outputs.catalog import held

    put(output.root, LEFT)
    before = output.data()
    with held(str(output.root)), pytest.raises(OutputBusyError):
        clean(output.root)
    assert output.data() == before
    with pytest.raises(UsageError, match=r"^--older_than is -1\.0, expected at least 0$"):
        clean(output.root, "--older_than=-1")
    with pytest.raises(UsageError, match=r"^--older_than is nan, expected at least 0$"):
        clean(output.root, "--older_than=nan")


def test_on_an_object_store_only_what_is_old_goes(
    output: "MadeOutput", bucket: str, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run may be under way there. Parts of an object that never became one go too."""
    client = boto3.client("s3")

    def send(names: Sequence[str]) -> None:
        for name in names:
            client.put_object(Bucket=bucket, Key=f"out/{name}", Body=b"rows")

    for name, data in output.data().items():
        client.put_object(Bucket=bucket, Key=f"out/{name}", Body=data)
    send(FOREIGN)
    before = keys("out/")
    send(LEFT)
    half = f"out/entities/run_id=dead/{table_file('9' * 32)}"
    root = f"s3://{bucket}/out"
    for flags in ([], ["--older_than=0.5"], ["--older_than=0", "--dry_run"]):
        assert clean(root, *flags) == 0
        assert keys("out/") == sorted([*before, *(f"out/{name}" for name in LEFT)])
    foreign = ["elsewhere", "out/backup.tar", "out/entities/run_id=dead/mine.parquet"]
    for key in (half, *foreign):  # which the emulator dates back to 2010
        client.create_multipart_upload(Bucket=bucket, Key=key)
    capsys.readouterr()
    assert clean(root, "--older_than=0") == 0
    assert capsys.readouterr().out.splitlines() == [
        "of no run: 1 file, 0.00 MB",
        "dead: 4 files, 0.00 MB",
        "r1: 1 file, 0.00 MB",
        "6 files, 0.00 MB removed",
    ]
    assert keys("out/") == before
    left = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [upload["Key"] for upload in left] == foreign
    for upload in left:
        client.abort_multipart_upload(Bucket=bucket, **{k: upload[k] for k in ("Key", "UploadId")})


def test_a_run_that_takes_longer_than_that_keeps_its_first_files(
    output: "MadeOutput", bucket: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is under way on an object store as long as it writes; then all of it goes at once."""
    client = boto3.client("s3")
    for name, data in output.data().items():
        client.put_object(Bucket=bucket, Key=f"out/{name}", Body=data)
    before = keys("out/")
    names = [f"out/entities/run_id=long/{table_file(digit * 32)}" for digit in "123"]
    for name in names:
        client.put_object(Bucket=bucket, Key=name, Body=b"rows")
    ages = dict(zip(names, (72.0, 30.0, 0.5), strict=True))

    def aged(root: str) -> Iterator[tuple[str, int, float]]:
        for path, size, modified in objects(root):
            hours = ages.get(path.removeprefix(f"s3://{bucket}/"), 0.0)
            yield path, size, modified - hours * 3600

    objects = clean_command._objects  # noqa: SLF001 - the emulator dates all objects to now
    monkeypatch.setattr(clean_command, "_objects", aged)
    assert clean(f"s3://{bucket}/out") == 0
    assert keys("out/") == sorted([*before, *names])
    ages[names[2]] = 25.0
    assert clean(f"s3://{bucket}/out") == 0
    assert keys("out/") == before


def test_a_store_without_a_run_that_was_finished_is_cleaned_too(bucket: str, keys: Keys) -> None:
    client = boto3.client("s3")
    for name in LEFT:
        client.put_object(Bucket=bucket, Key=f"out/{name}", Body=b"rows")
    assert clean(f"s3://{bucket}/out", "--older_than=0") == 0
    assert keys("out/") == []


def test_only_names_that_are_given_are_ours() -> None:
    assert {run_of_unnamed(name) for name in LEFT_ON_A_DISK} == {
        *("", "dead", "r1", f"report-{'f' * 32}"),
    }
    assert [name for name in FOREIGN if run_of_unnamed(name) is not None] == []
    assert run_of_unnamed("../x") is None
    assert not re.search(r"\.\.", "".join(LEFT))
