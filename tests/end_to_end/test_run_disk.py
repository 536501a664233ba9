"""A disk that is full or read-only: one sentence, the promised exit code, other runs untouched."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.outputs.layout import LOCK
from pipeline.run import run
from schemas.errors import JobError

MB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB, mounted for the test."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux" or not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)):
        pytest.skip("this user may not mount a disk")
    yield place
    # Lazily: what a run that failed had open is closed when this process forgets it.
    subprocess.run(["/bin/umount", "-l", str(place)], check=True)


def mount(*arguments: str) -> bool:
    try:
        done = subprocess.run(["/bin/mount", *arguments], capture_output=True, check=False)
    except OSError:  # there is no such command
        return False
    return done.returncode == 0


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Texts that compress badly, 5 MB of them."""
    path = tmp_path / "a.jsonl"
    with path.open("w") as stream:
        for number in range(25):
            text = f"Maria left Lisbon. {os.urandom(100_000).hex()}"
            stream.write(json.dumps({"id": number, "text": text}) + "\n")
    return path


def extract(model: Path, corpus: Path, output: Path, *flags: str) -> tuple[int, str]:
    """The exit code of a run that fails and what it says; that is one sentence."""
    arguments = [f"--model={model}", f"--input={corpus}", f"--output={output}", "--run_id=r2"]
    with pytest.raises(JobError) as caught:
        run([*arguments, "--keep_text=all", *flags])
    assert "\n" not in str(caught.value)
    return caught.value.exit_code, str(caught.value)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_fails_the_run_and_leaves_earlier_ones_as_they_are(
    workers: int, small_disk: Path, tmp_path: Path, tiny_artifact: Path, corpus: Path
) -> None:
    output, few = small_disk / "out", tmp_path / "few.jsonl"
    few.write_text('{"id": 1, "text": "Maria left Lisbon."}\n')
    run([f"--model={tiny_artifact}", f"--input={few}", f"--output={output}", "--run_id=r1"])
    before = contents(output)
    code, sentence = extract(tiny_artifact, corpus, output, f"--direct_num_workers={workers}")
    assert code == 1
    assert sentence == (
        "the run failed and left no rows (No space left on device, in WriteTables); "
        f"{output}/runs/r2.json has the details"
    )
    after = contents(output)
    assert json.loads(after.pop("runs/r2.json"))["status"] == "failed"
    after.pop("reports/r2.html", None)  # where it found room
    assert after == before
    assert not (output / "_staging").exists()


@pytest.mark.slow
def test_a_disk_without_room_for_a_manifest_is_not_said_to_have_one(
    small_disk: Path, tiny_artifact: Path, corpus: Path
) -> None:
    output = small_disk / "out"
    with (small_disk / "ballast").open("wb", buffering=0) as stream:
        assert stream.write(bytes(4 * MB)) < 4 * MB
    assert extract(tiny_artifact, corpus, output, "--direct_num_workers=1") == (
        1,
        "the run failed and left no rows (No space left on device)",  # of its plan already
    )
    assert list(contents(output)) == [LOCK]
    assert not (output / "_staging").exists()


def test_a_disk_that_is_read_only_is_refused(
    small_disk: Path, tiny_artifact: Path, corpus: Path
) -> None:
    (small_disk / "out").mkdir()
    assert mount("-o", "remount,ro", str(small_disk))
    assert extract(tiny_artifact, corpus, small_disk / "out") == (
        2,
        f"--output {small_disk}/out: no permission to write to {small_disk}/out",
    )
    assert contents(small_disk) == {}


def test_a_file_that_the_system_lets_grow_no_further_fails_the_run(
    tmp_path: Path, tiny_artifact: Path, corpus: Path
) -> None:
    """A quota, as far as any user can set one."""
    output = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MB, hard))
    try:
        code, sentence = extract(tiny_artifact, corpus, output, "--direct_num_workers=1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1
    assert sentence.startswith("the run failed and left no rows (File too large, in WriteT")
    assert sorted(contents(output)) == [LOCK, "reports/r2.html", "runs/r2.json"]
