"""Names of an output on an object store: they are those of the same output on a disk."""

from collections.abc import Callable
from pathlib import Path

import boto3

from jobs.resolve.__main__ import run
from jobs.runs.__main__ import run as look_after
from pipeline.outputs.current import read_names
from pipeline.outputs.layout import is_own, run_of_unnamed
from tests.jobs.resolve.made_outputs import write_run
from tests.jobs.resolve.test_resolve import B, people, resolve, table

Keys = Callable[[str], list[str]]


def upload(folder: Path, bucket: str) -> str:
    client = boto3.client("s3")
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".lock":
            client.upload_file(str(path), bucket, f"out/{path.relative_to(folder)}")
    return f"s3://{bucket}/out"


def test_names_in_a_bucket_are_those_on_a_disk(tmp_path: Path, bucket: str, keys: Keys) -> None:
    write_run(tmp_path, "r1", people(["Ms. Bassani", "Bassani", "BASSANI"]))
    root = upload(tmp_path, bucket)
    resolve(tmp_path)
    assert look_after(["view", f"--output={root}"]) == 0
    resolve_at(root)
    assert [(*row.values(),) for row in read_names(root).to_pylist()] == table(tmp_path)
    assert len(keys("out/_names/")) == 1

    write_run(tmp_path, "r2", people(["Orso"], source=B), day=1)
    upload(tmp_path, bucket)
    resolve_at(root)
    assert {row["surface"] for row in read_names(root).to_pylist()} >= {"Orso", "Bassani"}
    assert len(keys("out/_names/")) == 2

    assert look_after(["forget", f"--source={B}", f"--output={root}"]) == 0
    assert read_names(root).num_rows == 0
    assert keys("out/_names/") == []


def resolve_at(root: str) -> None:
    assert run([f"--output={root}"]) == 0


def test_what_is_written_is_known_for_gleaners_own() -> None:
    """So that no run reads it as input, and what a kill left is cleaned, and nothing else."""
    digest = "0" * 32
    assert is_own("names/names.parquet")
    assert not is_own("names/others.parquet")
    for path in ("names/.names.parquet.partial", f"_names/.{digest}.parquet.partial"):
        assert run_of_unnamed(path) == ""
    for path in ("names/names.parquet", f"_names/{digest}.parquet", "names/.mine.partial"):
        assert run_of_unnamed(path) is None
