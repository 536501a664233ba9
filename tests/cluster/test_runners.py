"""One command, any runner: the rows are those of the local run, whatever is lost on the way."""

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
from model.artifact import find_artifact
from pipeline.current import read_table
from pipeline.options import BUNDLED_CORPUS
from schemas.tables import TABLES

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

Extract = Callable[..., subprocess.Popen[str]]
Flink = Any  # the classes stand in conftest.py, and folders of tests are no packages
Tools = Any

_KEYS = {
    "documents": ("source", "record"),
    "entities": ("source", "doc_id", "start_char", "end_char"),
    "dead_letters": ("source", "record"),
}
_VARIES = ("processed_at", "confidence")


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


@pytest.fixture
def flags(inputs: list[str], output: Path) -> Callable[[str], list[str]]:
    """Those that are the same on all runners."""

    def of(run_id: str) -> list[str]:
        return ["--input", *inputs, f"--output={output}", f"--run_id={run_id}"]

    return of


@pytest.fixture(scope="session")
def on_flink(request: pytest.FixtureRequest) -> list[str]:
    """What sends a run to the cluster, whose workers are beside each TaskManager."""
    flink, tools = request.getfixturevalue("flink"), request.getfixturevalue("tools")
    return [
        "--runner=FlinkRunner",
        f"--flink_master={flink.master}",
        f"--flink_job_server_jar={tools.job_server}",
        "--environment_type=EXTERNAL",
        "--environment_config=localhost:50000",
        "--parallelism=2",
    ]


def done(process: subprocess.Popen[str], code: int = 0) -> str:
    said, _ = process.communicate()
    assert process.returncode == code, said
    return said


@pytest.fixture
def local(extract: Extract, flags: Callable[[str], list[str]], output: Path) -> str:
    """The id of a run on this machine, in one process."""
    if not (output / "runs/local.json").exists():
        done(extract("--runner=DirectRunner", "--direct_num_workers=1", *flags("local")))
    return "local"


def rows(output: Path, run_id: str, table: str) -> pa.Table:
    """One table of a run with plain columns, in an order that is the same in all runs."""
    found = ds.dataset(output / table / f"run_id={run_id}", format="parquet").to_table()
    columns = {name: plain(found[name]) for name in found.column_names}
    keys = [(key, "ascending") for key in _KEYS[table]]
    return pa.table(columns).sort_by(keys).combine_chunks()


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def require_same_rows(output: Path, one: str, other: str) -> None:
    """All columns of all rows are the same; confidence to the sixth digit or so."""
    for table in TABLES:
        a, b = rows(output, one, table), rows(output, other, table)
        assert a.num_rows == b.num_rows, table
        for name in a.column_names:
            if name not in _VARIES:
                assert a[name].equals(b[name]), (table, name)
        if table == "entities" and a.num_rows:
            difference = pc.max(pc.abs(pc.subtract(a["confidence"], b["confidence"]))).as_py()
            line = f"{one}, {other}: {a.num_rows:,} entities, confidence within {difference:.1e}"
            print(line)  # noqa: T201 - pytest's -rP shows it, a figure to report
            assert difference < 1e-4
    assert rows(output, one, "documents").num_rows


def test_two_processes(
    extract: Extract, flags: Callable[[str], list[str]], output: Path, local: str
) -> None:
    done(extract("--runner=DirectRunner", "--direct_num_workers=2", *flags("processes")))
    require_same_rows(output, local, "processes")


def test_prism(
    extract: Extract, flags: Callable[[str], list[str]], output: Path, local: str, tools: Tools
) -> None:
    done(extract("--runner=PrismRunner", f"--prism_location={tools.prism}", *flags("prism")))
    require_same_rows(output, local, "prism")


def test_flink(
    extract: Extract,
    flags: Callable[[str], list[str]],
    output: Path,
    local: str,
    flink: Flink,
    on_flink: list[str],
) -> None:
    """On two TaskManagers, each of which starts one worker that loads the model once."""
    done(extract(*on_flink, *flags("flink")))
    require_same_rows(output, local, "flink")
    job = flink.jobs()[-1]["jid"]
    loads, *_ = flink.metric(job, "load_model_latency_milli_secs")
    logs = [log.read_text() for log in sorted(flink.logs.glob("pool-*.log"))]
    assert [log.count("Starting worker with command") for log in logs] == [1, 1]
    assert loads == 2
    assert flink.jobs()[-1]["state"] == "FINISHED"


def test_a_lost_task_manager_costs_no_row_and_doubles_none(
    extract: Extract,
    flags: Callable[[str], list[str]],
    output: Path,
    local: str,
    flink: Flink,
    on_flink: list[str],
) -> None:
    before = len(flink.jobs())
    process = extract(*on_flink, *flags("lost"))
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
    require_same_rows(output, local, "lost")
    assert runs(["verify", f"--output={output}"]) == 0
    assert not (output / "_staging").exists()


def test_loopback(
    extract: Extract, flags: Callable[[str], list[str]], output: Path, local: str, tools: Tools
) -> None:
    """For a quick try: Flink inside the job server, and the submitter is the worker."""
    jar = f"--flink_job_server_jar={tools.job_server}"
    done(extract("--runner=FlinkRunner", "--flink_master=[local]", jar, *flags("loopback")))
    require_same_rows(output, local, "loopback")


def test_all_on_an_object_store(
    extract: Extract, store: None, on_flink: list[str], tmp_path: Path
) -> None:
    """Input, model and output; workers share no disk with the submitter, nor its environment."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    for path in Path(BUNDLED_CORPUS).parent.glob("*.jsonl"):
        client.upload_file(str(path), "bucket", f"in/{path.name}")
    for path in find_artifact("gmb-en").iterdir():
        client.upload_file(str(path), "bucket", f"models/own/{path.name}")
    flags = ["--input=s3://bucket/in/*.jsonl", "--model=s3://bucket/models/own", "--only_new"]
    done(extract("--runner=DirectRunner", *flags, "--output=s3://bucket/local"))
    done(extract(*on_flink, *flags, "--output=s3://bucket/flink", "--run_id=r1"))
    for table, keys in _KEYS.items():
        a, b = (
            read_table(f"s3://bucket/{place}", table).drop_columns(["run_id"])
            for place in ("local", "flink")
        )
        order = [(key, "ascending") for key in keys]
        a, b = (
            pa.table({name: plain(found[name]) for name in found.column_names}).sort_by(order)
            for found in (a, b)
        )
        for name in a.column_names:
            if name not in _VARIES:
                assert a[name].combine_chunks().equals(b[name].combine_chunks()), (table, name)
    said = done(extract(*on_flink, *flags, "--output=s3://bucket/flink", "--run_id=r2"))
    assert "done already with this model" in said
    assert runs(["verify", "--output=s3://bucket/flink"]) == 0
    listed = client.list_objects_v2(Bucket="bucket", Prefix="flink/")["Contents"]
    assert not [entry["Key"] for entry in listed if "_staging" in entry["Key"]]
