"""What a run does not use is not imported, and is there for the run that uses it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

UNUSED = ("pandas", "boto3", "google.cloud.storage", "tensorflow")


def said_by(program: str) -> str:
    """The last line that it prints."""
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return told.stdout.splitlines()[-1]


def flags_of(place: Path, model: Path) -> list[str]:
    (place / "in.jsonl").write_text('{"id": "a", "text": "Maria met the council in Lisbon."}\n')
    return [f"--input={place}/in.jsonl", f"--output={place}/out", f"--model={model}"]


def test_a_run_with_its_report_imports_nothing_that_it_does_not_use(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    """Beam would, and pyarrow would look for pandas with its first array."""
    program = (
        "import sys; from pipeline.run import run\n"
        f"run({flags_of(tmp_path, tiny_artifact)})\n"
        f"print([name for name in {UNUSED} if name in sys.modules])"
    )
    assert said_by(program) == "[]"
    assert list(tmp_path.glob("out/reports/*.html"))


def test_the_object_store_is_there_for_a_later_run_of_the_same_process(
    tmp_path: Path, tiny_artifact: Path, s3: str, bucket: str, keys: Callable[[str], list[str]]
) -> None:
    here = flags_of(tmp_path, tiny_artifact)
    there = [here[0], f"--output=s3://{bucket}/out", here[2], "--direct_num_workers=2"]
    program = f"from pipeline.run import run; run({here}); print(run({there}))"
    assert said_by(program) == "0"
    assert keys("out/entities/")
