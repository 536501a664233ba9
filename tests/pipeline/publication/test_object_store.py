"""Tables in a bucket, published by what the environment has for all else, and read row for row."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
import pytest
from deltalake import DeltaTable
from pyiceberg.catalog import load_catalog

from jobs.publish.__main__ import run as publish
from jobs.resolve.__main__ import run as resolve
from jobs.runs.__main__ import run as runs
from pipeline.filesystems.beam import load_object_stores
from pipeline.outputs.current import read_names
from pipeline.outputs.names import has_names
from pipeline.publication.publish import required_targets
from pipeline.publication.targets import read_publications, remember
from schemas.errors import UsageError
from schemas.tables import TABLES
from tests.builders import stored_rows
from tests.pipeline.publication.test_at_once import in_threads, published

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput

Keys = Callable[[str], list[str]]
FORGOTTEN = "d2"
CATALOG = "PYICEBERG_CATALOG__LAKE__"


@pytest.fixture(autouse=True)
def _no_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.runs.outputs.READERS_SECONDS", 0.0)


@pytest.fixture
def output(tmp_path: Path) -> "MadeOutput":
    """Two runs on a disk, of which the second read one of two files anew."""
    from tests.jobs.runs.conftest import MadeOutput

    root = tmp_path / "out"
    root.mkdir()
    output = MadeOutput(root)
    first = [output.read(f"/in/{name}.jsonl", (f"{name}1", "d2"), (f"{name}x",)) for name in "ab"]
    output.commit("r1", *first)
    output.commit("r2", output.read("/in/b.jsonl", ("b1", "d3"), fingerprint="2-1"))
    return output


@pytest.fixture
def remote(output: "MadeOutput", bucket: str) -> str:
    """The same output in a bucket."""
    load_object_stores()
    upload(output, bucket)
    return f"s3://{bucket}/out"


def upload(output: "MadeOutput", bucket: str) -> None:
    for name, data in output.data().items():
        boto3.client("s3").put_object(Bucket=bucket, Key=f"out/{name}", Body=data)


@pytest.fixture
def texts(bucket: str, remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In place, elsewhere, and in a catalog whose files are in the bucket too."""
    monkeypatch.setenv(f"{CATALOG}URI", f"sqlite:///{tmp_path}/catalog.db")
    monkeypatch.setenv(f"{CATALOG}WAREHOUSE", f"s3://{bucket}/warehouse")
    return [f"delta={remote}", f"delta=s3://{bucket}/lake", "iceberg=lake/open"]


def read(text: str, table: str, s3: str) -> list[dict[str, Any]]:
    """With delta-rs and pyiceberg, which are told what they need to know of such a store."""
    kind, _, place = text.partition("=")
    if kind == "delta":
        delta = DeltaTable(f"{place}/{table}", storage_options={"AWS_ALLOW_HTTP": "true"})
        rows: list[dict[str, Any]] = pa.table(delta.to_pyarrow_table()).to_pylist()
        return rows
    settings = {"uri": os.environ[f"{CATALOG}URI"], "s3.endpoint": s3, "s3.region": "us-east-1"}
    own = load_catalog("lake", **settings).load_table(f"open.{table}")
    found: list[dict[str, Any]] = own.scan().to_arrow().to_pylist()
    return found


def comparable(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(str(sorted(row.items())) for row in rows)


def require_published(remote: str, texts: list[str], s3: str) -> None:
    """All tables are what counts of the output, and its names where it has any."""
    tables = {table: stored_rows(remote, table) for table in TABLES}
    if has_names(remote):
        tables["names"] = read_names(remote)
    for table, rows in tables.items():
        wanted = comparable(rows.to_pylist())
        for text in texts:
            assert comparable(read(text, table, s3)) == wanted, (text, table)


def test_what_changes_an_output_publishes_it_again(
    remote: str, texts: list[str], bucket: str, s3: str
) -> None:
    assert publish([f"--output={remote}", *texts]) == 0
    require_published(remote, texts, s3)
    assert any(FORGOTTEN in row["doc_id"] for row in read(texts[0], "documents", s3))
    assert resolve([f"--output={remote}"]) == 0
    assert FORGOTTEN in [row["surface"] for row in read(texts[2], "names", s3)]
    require_published(remote, texts, s3)
    for command in (["forget", "--doc_id", FORGOTTEN], ["rollback", "r2"], ["compact"]):
        assert runs([*command, f"--output={remote}"]) == 0
        require_published(remote, texts, s3)
    assert read_names(remote).num_rows == 0
    assert resolve([f"--output={remote}"]) == 0
    assert read_names(remote).num_rows > 0
    require_published(remote, texts, s3)


def test_copies_that_are_lost_are_told_and_written_again(
    remote: str,
    texts: list[str],
    bucket: str,
    keys: Keys,
    s3: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By a listing of names and sizes, as on a disk."""
    assert resolve([f"--output={remote}"]) == 0
    assert publish([f"--output={remote}", *texts]) == 0
    parts = [key for key in keys("") if "/part-" in key]
    own = [key for key in parts if "/_published/" in key or not key.startswith("out/")]
    for number, key in enumerate(own):
        boto3.client("s3").delete_object(Bucket=bucket, Key=key)
        if number % 2:
            boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"PAR1")
    capsys.readouterr()
    runs(["verify", f"--output={remote}"])
    told = [line for line in capsys.readouterr().out.splitlines() if " writes them again" in line]
    assert len(own) > 9
    assert len([key for key in own if "/names/" in key]) == 3
    assert all(any(key.rpartition("/")[2] in line for line in told) for key in own)
    assert publish([f"--output={remote}"]) == 0
    assert " written again that had been lost" in capsys.readouterr().out
    require_published(remote, texts, s3)
    runs(["verify", f"--output={remote}"])
    assert " names " not in capsys.readouterr().out


def test_copies_of_rows_that_are_forgotten_are_gone(
    remote: str, texts: list[str], bucket: str, keys: Keys
) -> None:
    """Of rows that count, of rows that did at the publish before, and of names."""
    assert resolve([f"--output={remote}"]) == 0
    assert publish([f"--output={remote}", *texts]) == 0
    assert [key for key in keys("") if "/names/" in key and "/part-" in key]
    assert files_with(FORGOTTEN, bucket, keys) > 4
    assert runs(["forget", "--doc_id", FORGOTTEN, f"--output={remote}"]) == 0
    assert files_with(FORGOTTEN, bucket, keys) == 0
    assert not [key for key in keys("") if "/names/" in key and "/part-" in key]


def files_with(doc_id: str, bucket: str, keys: Keys) -> int:
    """The Parquet files of the bucket that have a row of a document."""
    filesystem, _ = pyarrow.fs.FileSystem.from_uri(f"s3://{bucket}/out")
    number = 0
    for key in keys(""):
        if key.endswith(".parquet") and not re.search("checkpoint|/_?names/", key):
            rows = ds.dataset(f"{bucket}/{key}", filesystem=filesystem).to_table(["doc_id"])
            number += doc_id in rows["doc_id"].to_pylist()
    return number


@pytest.mark.parametrize("place", [0, 1, 2], ids=["in place", "elsewhere", "iceberg"])
def test_of_two_at_once_the_slower_begins_again(
    output: "MadeOutput", remote: str, texts: list[str], bucket: str, s3: str, place: int
) -> None:
    """Nothing is lost, and nothing is there twice: the first publish and later ones."""
    remember(remote, texts[place])
    for number in range(2):
        in_threads([published(remote, texts[place])] * 2)
        require_published(remote, [texts[place]], s3)
        output.commit(f"n{number}", output.read("/in/a.jsonl", ("a1", f"n{number}")))
        upload(output, bucket)


def test_of_two_that_are_the_first_at_once_one_names_the_output(
    remote: str, texts: list[str], s3: str
) -> None:
    """Its tables would else be somebody else's."""
    in_threads([published(remote, text) for text in texts[:2]])
    require_published(remote, texts[:2], s3)
    known = read_publications(remote)
    assert known
    assert set(known.targets) == set(texts[:2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delta=s3://{}-none/lake", "there is no bucket '{}-none'"),
        ("delta=s3://{}/a%20b", "delta-rs reads paths with '%' otherwise"),
        ("delta=s3://{}/a#b", "delta-rs reads paths with '#' otherwise"),
        ("delta=s3://{}/a*", r"the URL of an output has no \*"),
        ("delta=s3a://{}/lake", "where it is s3://"),
        ("delta=s3://{}/out/lake", "is inside of the output"),
        ("iceberg=open", "needs a catalog that pyiceberg is configured for"),
    ],
)
def test_what_cannot_be_published_to_is_one_sentence(
    remote: str, bucket: str, keys: Keys, text: str, message: str
) -> None:
    before = keys("")
    with pytest.raises(UsageError, match=message.format(bucket)):
        required_targets(remote, [text.format(bucket)])
    assert keys("") == before


def test_a_bucket_that_is_read_only_is_one_sentence(
    remote: str, bucket: str, deny_writes: Callable[[], None]
) -> None:
    deny_writes()
    with pytest.raises(UsageError, match=f"s3://{bucket}/lake cannot be written"):
        required_targets(remote, [f"delta=s3://{bucket}/lake"])


def test_a_folder_with_a_blank_is_read_as_it_is(remote: str, bucket: str, s3: str) -> None:
    text = f"delta=s3://{bucket}/a lake"
    assert publish([f"--output={remote}", text]) == 0
    require_published(remote, [text], s3)


def test_a_pyiceberg_that_knows_its_store_is_left_alone(
    remote: str, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What users configured goes before the environment."""
    monkeypatch.setenv(f"{CATALOG}S3__ENDPOINT", "http://127.0.0.1:9")
    asked: list[Mapping[str, str]] = []

    def loaded(name: str, **settings: str) -> object:
        asked.append(settings)
        raise OSError("not here")

    monkeypatch.setattr("pyiceberg.catalog.load_catalog", loaded)
    with pytest.raises(UsageError, match="not here"):
        required_targets(remote, [texts[2]])
    assert asked[0]["s3.endpoint"] == "http://127.0.0.1:9"
