"""What a run does not use is not imported, and is there for the run that uses it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def flags_of(place: Path, model: Path) -> list[str]:
    (place / "in.jsonl").write_text('{"id": "a", "text": "Maria met the council in Lisbon."}\n')
    return [f"--input={place}/in.jsonl", f"--output={place}/out", f"--model={model}"]


def test_a_run_with_its_report_imports_nothing_that_it_does_not_use(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    """Beam would, and pyarrow would look for pandas with its first array."""
    command = [sys.executable, "-X", "importtime", "-m", "pipeline.run"]
    done = subprocess.run(
        [*command, *flags_of(tmp_path, tiny_artifact)], check=True, capture_output=True, text=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported > {"apache_beam", "jinja2"}
    assert imported.isdisjoint({"pandas.core.frame", "boto3", "google.cloud.storage", "tensorflow"})
    assert list(tmp_path.glob("out/reports/*.html"))


def test_what_calls_a_run_has_pandas_and_object_stores_behind_it(
    tmp_path: Path, tiny_artifact: Path, s3: str, bucket: str, keys: Callable[[str], list[str]]
) -> None:
    here = flags_of(tmp_path, tiny_artifact)
    there = [here[0], f"--output=s3://{bucket}/out", here[2], "--direct_num_workers=2"]
    program = (
        f"from pipeline.run import run; run({here}); run({there})\n"
        "import pandas as pd, pyarrow as pa\n"
        "columns = pa.array([pd.NA, 1], from_pandas=True), pa.array(pd.Series([float('nan')]))\n"
        "print(*(column.null_count for column in columns))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    assert told.splitlines()[-1] == "1 1"
    assert keys("out/entities/")
