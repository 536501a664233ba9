"""Reports hold texts: they go or change with the run that they are of, whatever stops it."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow.parquet as pq
import pytest

from jobs.report.__main__ import run as make_report
from jobs.runs.__main__ import run
from pipeline.outputs.storage.disk import DiskStorage
from pipeline.report import page as page_module
from pipeline.report import write as report_writer
from schemas.errors import JobError

if TYPE_CHECKING:
    from tests.jobs.conftest import EveryKill
    from tests.jobs.runs.conftest import MadeOutput


def do(output: "MadeOutput", command: str, *flags: str) -> int:
    return run([command, f"--output={output.root}", *flags])


@pytest.fixture
def reported(output: "MadeOutput") -> "MadeOutput":
    """Three runs with texts and reports: the second read a file of the first anew."""
    read = output.read
    output.commit("r1", read("/in/a", ("a1", "secret")), read("/in/b", ("b1",), ("hidden",)))
    output.commit("r2", read("/in/a", ("a1", "secret"), fingerprint="2-2"))
    output.commit("r3", read("/in/c", ("c1",), broken=True))
    output.report("r1", "r2", "r3")
    assert all("secret" in output.reports()[run_id] for run_id in ("r1", "r2"))
    assert ">c1<" in output.reports()["r3"]
    return output


def test_what_is_forgotten_is_on_no_report(reported: "MadeOutput") -> None:
    """The reports of the runs that had it are made anew, others stay as they are."""
    before = reported.reports()
    assert do(reported, "forget", "--doc_id", "secret") == 0
    reports = reported.reports()
    assert set(reports) == {"r1", "r2", "r3"}
    assert not any("secret" in page for page in reports.values())
    assert "a1" in reports["r1"]
    assert reports["r3"] == before["r3"]
    reported.require_sound()


def test_a_source_that_is_forgotten_is_on_no_report(reported: "MadeOutput") -> None:
    assert do(reported, "forget", "--source", "/in/a", "/in/c") == 0
    for page in reported.reports().values():
        assert not [word for word in ("secret", ">c1<", "/in/c") if word in page]
    assert 'class="status empty"' in reported.reports()["r3"]
    reported.require_sound()


def test_whatever_stops_forgetting_no_report_shows_what_is_gone(
    output: "MadeOutput", every_kill: "EveryKill"
) -> None:
    output.commit("r1", output.read("/in/a", ("a1", "secret")))
    output.report("r1")
    shown = []
    for _ in every_kill(output.root, lambda: do(output, "forget", "--doc_id", "secret")):
        reports = output.reports()
        shown.append("secret" in reports.get("r1", ""))
        assert not shown[-1] or _has(output, "secret")
        output.require_sound()
    assert (shown[0], shown[-1], set(reports)) == (True, False, {"r1"})


def test_forgetting_that_stopped_and_is_done_again_leaves_a_report(
    reported: "MadeOutput", monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DiskStorage, "sync", stop)
        with pytest.raises(KeyboardInterrupt):
            do(reported, "forget", "--doc_id", "secret")
    assert do(reported, "forget", "--doc_id", "secret") == 0
    assert set(reported.reports()) == {"r1", "r2", "r3"}
    assert "secret" not in reported.reports()["r1"]


def _has(output: "MadeOutput", doc_id: str) -> bool:
    return any(
        doc_id in pq.ParquetFile(output.root / file["path"]).read(["doc_id"])["doc_id"].to_pylist()
        for told in output.manifests().values()
        for file in told["tables"]["documents"]["files"]
    )


def test_a_run_without_a_report_gets_none_by_forgetting(reported: "MadeOutput") -> None:
    reported.storage("r1").remove_report()
    assert do(reported, "forget", "--doc_id", "secret") == 0
    assert set(reported.reports()) == {"r2", "r3"}


def test_forgetting_removes_reports_of_runs_that_are_gone(reported: "MadeOutput") -> None:
    (reported.root / "reports/gone.html").write_text(reported.reports()["r1"], "utf-8")
    assert do(reported, "forget", "--doc_id", "secret") == 0
    assert "gone" not in reported.reports()


def test_forgetting_leaves_pages_that_are_not_ours(reported: "MadeOutput") -> None:
    """Also where they stand among the reports, tell of our mark far below, or are no files."""
    mine = reported.root / "reports/quarterly.html"
    mine.write_text("x" * 2048 + reported.reports()["r1"], "utf-8")
    before = mine.read_bytes()
    (reported.root / "reports/folder.html").mkdir()
    assert do(reported, "forget", "--doc_id", "secret") == 0
    assert mine.read_bytes() == before


@pytest.mark.parametrize("place", ["before", "behind"])
@pytest.mark.parametrize(
    ("command", "shows"),
    [
        ("forget --doc_id=secret", "a1"),
        ("rollback r1", "rolled back on"),
        ("expire --older_than=0", None),
    ],
)
def test_a_report_that_is_made_while_its_run_changes_shows_what_is_left(
    reported: "MadeOutput",
    command: str,
    shows: str | None,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It takes no lock: the run may change while its rows are read, or once the page is made."""
    if command.startswith("expire"):
        output = reported
        output.commit("r4", output.read("/in/a", fingerprint="3"), output.read("/in/b"))
    made = page_module.report_page
    left = command.split()

    def change() -> None:
        if left:
            asked, left[:] = [*left], []
            assert do(reported, *asked) == 0

    def interrupted(*arguments: Any) -> str:
        if place == "before":
            change()
        written = made(*arguments)
        change()
        return written

    monkeypatch.setattr(report_writer, "report_page", interrupted)
    flags = [f"--output={reported.root}", "--run_id=r1"]
    if shows:
        assert make_report(flags) == 0
        assert shows in reported.reports()["r1"]
        assert "secret" not in reported.reports()["r1"]
    else:
        with pytest.raises(JobError, match="run r1 was removed"):
            make_report(flags)
        assert "r1" not in reported.reports()
    reported.require_sound()


@pytest.mark.parametrize("command", ["forget --doc_id=secret", "rollback r1"])
def test_a_report_that_appears_just_before_the_manifest_goes_too(
    reported: "MadeOutput", command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it looked at the manifest before it was written."""
    write, page_before = DiskStorage.write_manifest, reported.reports()["r1"]
    reported.storage("r1").remove_report()

    def late(storage: DiskStorage, data: bytes) -> None:
        (reported.root / "reports").mkdir(exist_ok=True)
        Path(storage.report).write_text(page_before)
        write(storage, data)

    with monkeypatch.context() as patch:
        patch.setattr(DiskStorage, "write_manifest", late)
        assert do(reported, *command.split()) == 0
    assert "secret" not in reported.reports().get("r1", "")


@pytest.mark.parametrize(
    "command", ["forget --doc_id=secret", "rollback r3", "compact", "expire --older_than=1"]
)
def test_a_dry_run_leaves_reports_as_they_are(reported: "MadeOutput", command: str) -> None:
    before = reported.reports()
    assert do(reported, *command.split(), "--dry_run") == 0
    assert reported.reports() == before


def test_a_run_that_is_rolled_back_has_no_report(reported: "MadeOutput") -> None:
    assert do(reported, "rollback", "r2") == 0
    assert set(reported.reports()) == {"r1", "r3"}
    reported.require_sound()


def test_a_run_that_expires_takes_its_report_along(output: "MadeOutput") -> None:
    output.commit("r1", output.read("/in/a", ("a1",)))
    output.commit("r2", output.read("/in/a", ("a1",), fingerprint="2"))
    output.report("r1", "r2")
    assert do(output, "expire", "--older_than=0") == 0
    assert set(output.reports()) == {"r2"}
    output.require_sound()


def test_merged_runs_have_one_report(reported: "MadeOutput") -> None:
    assert do(reported, "compact") == 0
    (merged,) = reported.manifests()
    (page,) = reported.reports().values()
    assert set(reported.reports()) == {merged}
    assert "Merged from 3 runs." in page
    reported.require_sound()


def test_merged_runs_that_had_no_report_get_none(reported: "MadeOutput") -> None:
    shutil.rmtree(reported.root / "reports")
    assert do(reported, "compact") == 0
    assert reported.reports() == {}


def test_verify_has_nothing_to_say_of_reports(
    reported: "MadeOutput", capsys: pytest.CaptureFixture[str]
) -> None:
    assert do(reported, "verify") == 0
    assert "report" not in capsys.readouterr().out


def test_in_a_bucket_reports_go_and_change_with_their_runs(
    reported: "MadeOutput", bucket: str
) -> None:
    client = boto3.client("s3")
    for path in reported.root.rglob("*"):
        if path.is_file():
            client.upload_file(str(path), bucket, f"out/{path.relative_to(reported.root)}")
    page = reported.reports()["r1"].encode()
    client.put_object(Bucket=bucket, Key="out/reports/gone.html", Body=page)
    client.put_object(Bucket=bucket, Key="out/reports/mine.html", Body=b"<!DOCTYPE html>")

    def reports() -> dict[str, str]:
        found = client.list_objects_v2(Bucket=bucket, Prefix="out/reports/").get("Contents", [])
        read = (client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found)
        return {
            Path(each["Key"]).stem: body.decode() for each, body in zip(found, read, strict=True)
        }

    output = f"--output=s3://{bucket}/out"
    assert run(["forget", output, "--doc_id", "secret"]) == 0
    assert set(reports()) == {"r1", "r2", "r3", "mine"}
    client.delete_object(Bucket=bucket, Key="out/reports/mine.html")
    assert not any("secret" in told for told in reports().values())
    assert run(["rollback", output, "r3"]) == 0
    assert set(reports()) == {"r1", "r2"}
    assert run(["compact", output]) == 0
    (merged,) = reports().values()
    assert "Merged from 2 runs." in merged
