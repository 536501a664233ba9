"""The benchmark of publishing: real publishes of made-up nights, and what it says of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

from jobs.benchmark.publishing.__main__ import run
from jobs.benchmark.publishing.nights import Measured, measure, table
from pipeline.outputs.catalog import read_manifests
from pipeline.publication.targets import target
from schemas.errors import UsageError
from tests.pipeline.publication.readers import iceberg_table

NIGHTS, FILES = 45, 3  # Iceberg's manifests are merged twice


def test_iceberg_has_every_file_of_every_night_in_few_manifests(tmp_path: Path) -> None:
    """What is read of the manifests is what pyiceberg's own reader finds."""
    measured = measure("iceberg", str(tmp_path), "iceberg=nights", NIGHTS, FILES)
    assert len(measured.seconds) == len(measured.cpu_seconds) == NIGHTS
    assert len(read_manifests(str(tmp_path))) == NIGHTS
    published = iceberg_table(tmp_path, "entities", "nights")
    listed = published.inspect.files().to_pylist()
    found = {file["file_path"]: file for file in listed}
    assert len(found) == len(listed) == NIGHTS * FILES
    owner = published.properties["gleaner.output"]
    ours = target("iceberg=nights", str(tmp_path)).open("entities", owner).files
    assert {file.location: (file.partition, file.rows, file.bytes) for file in ours.values()} == {
        path: (
            file["partition"]["run_id"],
            file["record_count"],
            file["file_size_in_bytes"],
        )
        for path, file in found.items()
    }
    snapshot = published.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(published.io)) < 20
    assert len(published.snapshots()) <= 8


def test_delta_has_every_file_of_every_night(tmp_path: Path) -> None:
    measured = measure("delta", str(tmp_path), f"delta={tmp_path}", 3, FILES)
    assert len(measured.seconds) == 3
    for name in ("entities", "documents"):
        assert len(DeltaTable(f"{tmp_path}/{name}").file_uris()) == 3 * FILES


def test_the_command_measures_each_kind_of_target_apart(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "jobs.benchmark.publishing", "--nights=2", "--files=3"]
    done = subprocess.run(
        [*command, f"--json={figures}"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(figures.read_text())
    assert (told["nights"], told["files"]) == (2, 3)
    assert [each["target"] for each in told["targets"]] == ["delta", "iceberg"]
    for each in told["targets"]:
        assert (len(each["seconds"]), len(each["cpu_seconds"])) == (2, 2)
    begun = [line.split()[0] for line in done.stdout.splitlines()]
    assert begun == ["last", "seconds", "target", "delta", "iceberg"]
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_the_table_is_of_the_last_nights() -> None:
    seconds = [9.0, *[0.5] * 39, 2.0]
    found = [
        Measured("delta", seconds, [each / 2 for each in seconds], 210.4),
        Measured("iceberg", [1.0] * 41, [0.75] * 41, None),
    ]
    assert table(found) == [
        "last 40 of 41 nights",
        "           seconds               CPU",
        "target      median    worst   median    worst  peak MB",
        "delta         0.50     2.00     0.25     1.00      210",
        "iceberg       1.00     1.00     0.75     0.75        -",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--nights=0"], "--nights is 0, expected at least 1"),
        (["--files=0"], "--files is 0, expected at least 1"),
        (["--json=/no/such/folder/f"], "--json /no/such/folder/f cannot be written"),
        (["--night=3"], "unknown flag --night, did you mean --nights?"),
    ],
)
def test_a_mistake_is_one_sentence(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        run(flags)
    assert message in str(refused.value)
