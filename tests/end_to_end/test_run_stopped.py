"""A run that is killed costs its own work and nothing else: the next one cleans up and goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from jobs.runs.__main__ import run as runs
from pipeline.outputs.current import read_table
from pipeline.run import run as extract
from schemas.errors import UsageError

ChildrenOf = Callable[[int], list[int]]
Rows = dict[str, pa.Table]

KILLS = 20
PATIENCE = 30  # seconds in which a run ends, whatever was killed


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough to be at work when the signal comes."""
    folder = tmp_path_factory.mktemp("in")
    for shard in range(6):
        numbers = range(shard * 500, shard * 500 + 500)
        texts = (f"Maria met {n} ships in Lisbon. The river froze on Monday. " for n in numbers)
        lines = (json.dumps({"id": f"d{n}", "text": text * 60}) for n, text in enumerate(texts))
        (folder / f"{shard}.jsonl").write_text("\n".join(lines) + "\nbroken\n")
    return folder


def comparable(table: pa.Table, name: str) -> pa.Table:
    """Rows in one order, without what runs differ in: times, the last digit of confidence."""
    varies = {"documents": "processed_at", "entities": "confidence"}.get(name)
    kept = [column for column in table.column_names if column not in (varies, "run_id")]
    plain = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for column in table.select(kept).columns
    ]
    keys = [name for name in kept if name != "kept_fields"]  # a list has no order
    rows = pa.table(dict(zip(kept, plain, strict=True))).sort_by(
        [(key, "ascending") for key in keys]
    )
    return rows.combine_chunks()


def rows_that_are_there(output: Path) -> Rows:
    """As one reads them who lists the directories."""
    tables = ("documents", "entities", "dead_letters")
    found = {name: ds.dataset(output / name, format="parquet").to_table() for name in tables}
    return {name: comparable(table, name) for name, table in found.items()}


def rows_that_count(output: Path) -> Rows:
    """As the manifests have it."""
    tables = ("documents", "entities", "dead_letters")
    return {name: comparable(read_table(str(output), name), name) for name in tables}


def start(*flags: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pipeline.run", *flags]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def finish(process: "subprocess.Popen[str]") -> None:
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr


@pytest.fixture(scope="module")
def undisturbed(
    corpus: Path, tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Rows:
    """The rows of a run that nothing stops."""
    output = tmp_path_factory.mktemp("undisturbed")
    flags = [f"--model={tiny_artifact}", f"--input={corpus}", "--direct_num_workers=1"]
    assert extract([*flags, "--run_id=r1", f"--output={output}"]) == 0
    return rows_that_are_there(output)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_was_killed_is_done_again_as_if_nothing_had_been(
    workers: int, corpus: Path, tiny_artifact: Path, tmp_path: Path, undisturbed: Rows
) -> None:
    """Under the same name and in the same place."""
    output = tmp_path / "out"
    flags = [f"--model={tiny_artifact}", f"--input={corpus}", "--run_id=r1", f"--output={output}"]
    assert len(undisturbed["documents"]) == 3000

    process = start(*flags, f"--direct_num_workers={workers}")
    deadline = time.monotonic() + 60
    while not (output / "_staging/r1").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.kill()
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert (output / "_staging/r1").exists()
    assert not (output / "runs/r1.json").exists()

    assert extract([*flags, "--direct_num_workers=1"]) == 0
    assert rows_that_are_there(output) == undisturbed
    assert not (output / "_staging").exists()


def test_a_run_that_is_asked_to_end_says_so_in_its_manifest(
    corpus: Path, tiny_artifact: Path, tmp_path: Path, children_of: ChildrenOf
) -> None:
    output = tmp_path / "out"
    process = start(
        *(f"--model={tiny_artifact}", f"--input={corpus}", f"--output={output}", "--run_id=r1"),
        "--direct_num_workers=2",
    )
    deadline = time.monotonic() + 60
    while not (output / "_staging/r1").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    workers = children_of(process.pid)
    assert workers
    process.terminate()
    assert process.communicate(timeout=PATIENCE) == ("", "error: terminated\n")
    assert process.returncode == 1
    manifest = json.loads((output / "runs/r1.json").read_text())
    assert (manifest["status"], manifest["error"]) == ("failed", "terminated")
    assert not list(output.glob("*/run_id=*"))
    assert not (output / "_staging").exists()
    assert not any(Path(f"/proc/{worker}/fd/0").exists() for worker in workers)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kills_at_random_moments_cost_nothing(
    corpus: Path, tiny_artifact: Path, tmp_path: Path, children_of: ChildrenOf
) -> None:
    """With -9 and TERM, of the run and of its workers in turn; in one piece and in parts."""
    flags = [f"--model={tiny_artifact}", f"--input={corpus}", "--only_new", "--keep_text=all"]
    flags += ["--direct_num_workers=2", "--batch_tokens=4000"]
    begun = time.monotonic()
    finish(start(*flags, f"--output={tmp_path}/undisturbed"))
    seconds = time.monotonic() - begun
    expected = rows_that_count(tmp_path / "undisturbed")
    assert [len(rows) for rows in expected.values()][::2] == [3000, 6]

    chance = random.Random(20261125)
    killed = 0
    for attempt in range(3 * KILLS):
        if killed == KILLS:
            break
        number = (signal.SIGKILL, signal.SIGTERM)[killed % 2]
        of_worker = killed // 2 % 2 == 1
        parts = ["--commit_shards=2"] if killed // 4 % 2 else []
        output = tmp_path / f"out-{attempt}"
        process = start(*flags, *parts, f"--output={output}")
        time.sleep(chance.uniform(0.2, seconds))
        victims = children_of(process.pid) if of_worker else [process.pid]
        if process.poll() is not None or not victims:
            process.communicate()
            continue
        victim = chance.choice(victims)
        os.kill(victim, number)
        at = time.monotonic()
        _, stderr = process.communicate(timeout=PATIENCE)
        took = time.monotonic() - at
        killed += 1
        print(  # noqa: T201 - pytest shows it where the test fails, or with -rP
            f"{number.name} of {'a worker' if of_worker else 'the run'} {parts}: exit code "
            f"{process.returncode} after {took:.1f} s {stderr.strip()!r}"
        )
        assert "Traceback" not in stderr
        finish(start(*flags, *parts, f"--output={output}"))
        assert rows_that_count(output) == expected
        assert rows_that_are_there(output) == expected
        assert not (output / "_staging").exists()
        assert runs(["verify", f"--output={output}"]) == 0
    assert killed == KILLS


@pytest.mark.parametrize("published", [1, 3])
def test_a_run_killed_while_it_commits_is_tried_again_under_its_own_id(
    tmp_path: Path, tiny_artifact: Path, published: int
) -> None:
    """What it published is not in the way; with a manifest, it is."""
    (tmp_path / "a.jsonl").write_text('{"id": "a", "text": "Maria met Lisbon."}\n')
    output = tmp_path / "out"
    flags = [f"--input={tmp_path}/a.jsonl", f"--model={tiny_artifact}", f"--output={output}"]
    again = [*flags, "--run_id=r1"]
    assert extract(again) == 0
    with pytest.raises(UsageError, match="--run_id r1 exists already"):
        extract(again)
    rows = rows_that_are_there(output)
    (output / "runs/r1.json").unlink()
    for table in ("entities", "documents", "dead_letters")[published:]:
        (output / "_staging/r1").mkdir(parents=True, exist_ok=True)
        (output / table / "run_id=r1").rename(output / "_staging/r1" / table)
    (output / "_staging/r1").mkdir(parents=True, exist_ok=True)
    assert extract(again) == 0
    assert rows_that_are_there(output) == rows
    assert runs(["verify", f"--output={output}"]) == 0
    assert not (output / "_staging").exists()
