"""One command, any runner: the rows are those of the local run, whatever is lost on the way."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from jobs.runs.__main__ import run as runs
from model.tagger.artifact import find_artifact
from pipeline.configuration.extraction import BUNDLED_CORPUS
from pipeline.outputs.current import read_table
from schemas.tables import TABLES

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

Extract = Callable[..., subprocess.Popen[str]]
Begin = Callable[..., subprocess.Popen[str]]
RequireLocalRows = Callable[[str], None]
InOrder = Callable[[str, pa.Table], pa.Table]
RequireSame = Callable[[str, pa.Table, pa.Table, str], None]
Flink = Any  # the classes stand in conftest.py, and folders of tests are no packages
Tools = Any

_VARIES = ("run_id", "processed_at", "confidence")


@pytest.fixture(scope="session")
def inputs(request: pytest.FixtureRequest) -> list[str]:
    """Seven million tokens of books and news where there are shared corpora, else the bundled."""
    try:
        data = request.getfixturevalue("shared_data")
    except pytest.skip.Exception:
        return [BUNDLED_CORPUS]
    return [f"{data}/text/*.jsonl", f"{data}/gmb/dev_documents.jsonl"]


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="session")
def terms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of each policy: frequent words, longer terms around them, and what models find."""
    path = tmp_path_factory.mktemp("lists") / "terms.csv"
    rows = (
        *("it,thing,t-1,exact,add", "old man,person,p-1,,add", "man,person,,,add"),
        *("Paris,town,t-2,,override", "United States,state,s-1,,override", "London,geo,t-3,,"),
        *("Monday,*,,,forbid", "Tuesday,*,,,forbid", "Congress,org,,,forbid"),
        "nowhere to be found,thing,,,",
    )
    path.write_text("\n".join(["term,label,id,case,policy", *rows, ""]))
    return path


@pytest.fixture
def begin(extract: Extract, inputs: list[str], output: Path, terms: Path) -> Begin:
    """Start a run of this id over the inputs, with a list and the flags of a runner."""

    def start(run_id: str, *runner: str) -> subprocess.Popen[str]:
        own = [f"--output={output}", f"--run_id={run_id}", f"--gazetteer={terms}"]
        return extract(*runner, "--input", *inputs, *own)

    return start


def done(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


@pytest.fixture
def require_local_rows(begin: Begin, output: Path, require_same: RequireSame) -> RequireLocalRows:
    """A run has the rows of one on this machine, in one process, and its list fared the same."""

    def rows(run_id: str, table: str) -> pa.Table:
        return ds.dataset(output / table / f"run_id={run_id}", format="parquet").to_table()

    def fared(run_id: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads((output / f"runs/{run_id}.json").read_text())["gazetteer"]

    def require(run_id: str) -> None:
        if not (output / "runs/local.json").exists():
            done(begin("local", "--runner=DirectRunner", "--direct_num_workers=1"))
        assert rows("local", "documents").num_rows
        assert {"gazetteer", "both"} < {*rows("local", "entities")["origin"].to_pylist()}
        assert fared(run_id) == fared("local")
        for table in TABLES:
            require_same(table, rows("local", table), rows(run_id, table), run_id)

    return require


@pytest.fixture
def require_same(in_order: InOrder) -> RequireSame:
    """All columns of all rows are the same, confidence to the sixth digit or so or null."""

    def require(table: str, one: pa.Table, other: pa.Table, name: str) -> None:
        a, b = in_order(table, one), in_order(table, other)
        assert a.column_names == b.column_names, table
        assert a.num_rows == b.num_rows, table
        for column in a.column_names:
            if column not in _VARIES:
                assert a[column].equals(b[column]), (table, column)
        if table == "entities" and a.num_rows:
            assert a["confidence"].is_null().equals(b["confidence"].is_null())
            difference = pc.max(pc.abs(pc.subtract(a["confidence"], b["confidence"]))).as_py()
            line = f"local, {name}: {a.num_rows:,} entities, confidence within {difference:.1e}"
            print(line)  # noqa: T201 - pytest's -rP shows it, a figure to report
            assert difference < 1e-4

    return require


def test_two_processes(begin: Begin, require_local_rows: RequireLocalRows) -> None:
    done(begin("processes", "--runner=DirectRunner", "--direct_num_workers=2"))
    require_local_rows("processes")


def test_prism(begin: Begin, require_local_rows: RequireLocalRows, tools: Tools) -> None:
    done(begin("prism", "--runner=PrismRunner", f"--prism_location={tools.prism}"))
    require_local_rows("prism")


def test_flink(begin: Begin, require_local_rows: RequireLocalRows, flink: Flink) -> None:
    """On two TaskManagers, each of which starts one worker that loads the model once."""
    done(begin("flink", *flink.flags))
    require_local_rows("flink")
    job = flink.jobs()[-1]
    loads, *_ = flink.metric(job["jid"], "load_model_latency_milli_secs")
    logs = [log.read_text() for log in sorted(flink.logs.glob("pool-*.log"))]
    assert [log.count("Starting worker with command") for log in logs] == [1, 1]
    assert loads == 2
    assert job["state"] == "FINISHED"


def test_a_lost_task_manager_costs_no_row_and_doubles_none(
    begin: Begin, require_local_rows: RequireLocalRows, output: Path, flink: Flink
) -> None:
    before = len(flink.jobs())
    process = begin("lost", *flink.flags)
    staged = output / "_staging/lost/documents"
    while not (staged.is_dir() and any(staged.iterdir())):  # rows are being written
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)
    host = flink.hosts[1]
    host.lose()
    done(process)
    host.boot()
    flink.start_task_manager(host)
    (job,) = flink.jobs()[before:]
    vertices = flink.ask(f"/jobs/{job['jid']}")["vertices"]
    attempts = [
        flink.ask(f"/jobs/{job['jid']}/vertices/{vertex['id']}")["subtasks"][0]["attempt"]
        for vertex in vertices
    ]
    assert max(attempts) >= 1  # it was lost in the middle, and done again
    require_local_rows("lost")
    assert runs(["verify", f"--output={output}"]) == 0
    assert not (output / "_staging").exists()


def test_loopback(begin: Begin, require_local_rows: RequireLocalRows, tools: Tools) -> None:
    """For a quick try: Flink inside the job server, and the submitter is the worker."""
    jar = f"--flink_job_server_jar={tools.job_server}"
    done(begin("loopback", "--runner=FlinkRunner", "--flink_master=[local]", jar))
    require_local_rows("loopback")


def test_all_on_an_object_store(
    extract: Extract, store: None, flink: Flink, require_same: RequireSame, terms: Path
) -> None:
    """Input, model, list and output; workers share no disk with the submitter."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    for path in Path(BUNDLED_CORPUS).parent.glob("*.jsonl"):
        client.upload_file(str(path), "bucket", f"in/{path.name}")
    for path in find_artifact("gmb-en").iterdir():
        client.upload_file(str(path), "bucket", f"models/own/{path.name}")
    client.upload_file(str(terms), "bucket", "lists/terms.csv")
    flags = ["--input=s3://bucket/in/*.jsonl", "--model=s3://bucket/models/own", "--only_new"]
    flags += ["--gazetteer=s3://bucket/lists/terms.csv"]
    on_flink = [*flink.flags, *flags, "--output=s3://bucket/flink"]
    done(extract("--runner=DirectRunner", *flags, "--output=s3://bucket/local"))
    done(extract(*on_flink, "--run_id=r1"))
    for table in TABLES:
        local, other = (read_table(f"s3://bucket/{at}", table) for at in ("local", "flink"))
        require_same(table, local, other, "flink on s3")
    said = done(extract(*on_flink, "--run_id=r2"))
    assert "done already with this model" in said
    assert runs(["verify", "--output=s3://bucket/flink"]) == 0
    listed = client.list_objects_v2(Bucket="bucket", Prefix="flink/")["Contents"]
    assert not [entry["Key"] for entry in listed if "_staging" in entry["Key"]]
