"""A run that is killed costs its own work and nothing else: the next one cleans up and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from pipeline.run import run


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Enough to be at work when the signal comes."""
    texts = (f"Maria met {n} ships in Lisbon. The river froze on Monday. " for n in range(3000))
    lines = (json.dumps({"id": f"d{n}", "text": text * 20}) for n, text in enumerate(texts))
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    return tmp_path / "in.jsonl"


def rows_of(output: Path) -> dict[str, list[dict[str, Any]]]:
    rows = {}
    for table in ("documents", "entities"):
        found = ds.dataset(output / table, format="parquet").to_table()
        kept = found.drop_columns(["processed_at" if table == "documents" else "confidence"])
        rows[table] = sorted(kept.to_pylist(), key=str)
    return rows


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_was_killed_is_done_again_as_if_nothing_had_been(
    workers: int, corpus: Path, tiny_artifact: Path, tmp_path: Path
) -> None:
    """Under the same name and in the same place, and a committed run beside it stays."""
    flags = [f"--model={tiny_artifact}", f"--input={corpus}", f"--direct_num_workers={workers}"]
    if workers > 1:
        flags.append("--direct_running_mode=multi_processing")
    output = tmp_path / "out"
    assert run([*flags, "--run_id=r1", f"--output={tmp_path}/undisturbed"]) == 0
    expected = rows_of(tmp_path / "undisturbed")
    assert len(expected["documents"]) == 3000

    command = [sys.executable, "-m", "pipeline.run", *flags, "--run_id=r1", f"--output={output}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (output / "_staging/r1").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert (output / "_staging/r1").exists()
    assert not (output / "runs/r1.json").exists()

    assert run([*flags, "--run_id=r1", f"--output={output}"]) == 0
    assert rows_of(output) == expected
    assert not (output / "_staging").exists()
