import webbrowser
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from jobs.report.__main__ import run
from schemas.errors import JobError, UsageError
from tests.pipeline.report.conftest import Made, MadeRun, MakeRun, Span, make_run

__all__ = ["make_run"]


@pytest.fixture
def output(make_run: MakeRun) -> str:
    """Two runs with rows, then an empty one."""
    storage = None
    for day, run_id in enumerate(("r1", "r2", "r3")):
        made = [Made("d", f"Bo in Oslo, {run_id}.", [Span(0, 2)])] if day < 2 else []
        storage = make_run(made, run_id=run_id, day=day).storage
    assert storage
    return storage.root


def text_of(output: str, run_id: str) -> str:
    return Path(output, f"reports/{run_id}.html").read_text("utf-8")


def test_the_newest_run_that_had_something_to_do_is_reported(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--output", output]) == 0
    assert "in Oslo, r2." in text_of(output, "r2")
    assert capsys.readouterr().out.endswith("reports/r2.html\n")
    assert [path.name for path in Path(output, "reports").iterdir()] == ["r2.html"]


@pytest.mark.parametrize("run_id", ["r1", "r3"])
def test_any_run_can_be_named(output: str, run_id: str) -> None:
    assert run(["--output", output, "--run_id", run_id]) == 0
    assert f"<title>Run {run_id}</title>" in text_of(output, run_id)


def test_where_all_runs_had_nothing_to_do_the_last_is_reported(make_run: MakeRun) -> None:
    runs: list[MadeRun] = [make_run(run_id=f"r{day}", day=day) for day in range(2)]
    assert run(["--output", runs[0].storage.root]) == 0
    assert runs[1].storage.has_report()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--run_id", "r9"], "has no run 'r9'"),
        (["--runid", "r9"], "unknown flag --runid, did you mean --run_id?"),
    ],
)
def test_a_wrong_flag_is_one_sentence(output: str, flags: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(["--output", output, *flags])
    assert message in str(caught.value)
    assert not Path(output, "reports").exists()


def test_an_output_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        run(["--output", str(tmp_path / "nowhere")])
    (tmp_path / "runs").mkdir()
    with pytest.raises(UsageError, match="holds no runs"):
        run(["--output", str(tmp_path)])


@pytest.mark.parametrize("opens", [True, False])
def test_the_report_is_opened_where_there_is_a_browser(
    output: str, opens: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its path is printed in any case."""
    asked: list[str] = []

    def show(address: str) -> bool:
        asked.append(address)
        return opens

    monkeypatch.setattr(webbrowser, "open", show)
    assert run(["--output", output, "--open"]) == 0
    assert asked == [f"file://{output}/reports/r2.html"]
    out, err = capsys.readouterr()
    assert out.endswith("reports/r2.html\n")
    assert err == ("" if opens else "warning: there is no browser to open it with\n")


@pytest.fixture
def remote(output: str, bucket: str) -> str:
    """The same output in a bucket."""
    client = boto3.client("s3")
    for path in Path(output).rglob("*"):
        if path.is_file():
            client.upload_file(str(path), bucket, f"out/{path.relative_to(output)}")
    return f"s3://{bucket}/out"


def test_an_output_in_a_bucket_gets_the_report_that_one_on_a_disk_gets(
    output: str, remote: str, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its page is beside its tables; there is nothing on this machine that --open could open."""
    assert run(["--output", output]) == 0
    assert run(["--output", f"{remote}/", "--open"]) == 0
    out, err = capsys.readouterr()
    page = f"{remote}/reports/r2.html"
    assert out.endswith(f"{page}\n")
    assert err == f"warning: --open opens files on this machine, and {page} is none\n"
    written = boto3.client("s3").get_object(Bucket=bucket, Key="out/reports/r2.html")["Body"].read()
    assert written.decode().replace(remote, output) == text_of(output, "r2")


def test_a_bucket_that_takes_no_report_is_one_sentence(
    remote: str, deny_writes: Callable[[], None]
) -> None:
    deny_writes()
    with pytest.raises(JobError, match=rf"{remote}/reports/r2.html cannot be written: .*Forbidden"):
        run(["--output", remote])


def test_a_bucket_without_runs_is_one_sentence(bucket: str) -> None:
    with pytest.raises(UsageError, match="holds no runs"):
        run(["--output", f"s3://{bucket}/out"])
    with pytest.raises(UsageError, match="--output s3://no-such-bucket/out"):
        run(["--output", "s3://no-such-bucket/out"])
