"""What grows with the number of files: linearly at most, and 100,000 files within bounds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.benchmark.scale import run
from jobs.benchmark.scale_steps import STEPS, Measured, make_input, table
from schemas.errors import UsageError

SECONDS, MEGABYTES = 60, 1000


def test_what_files_leave_behind_grows_linearly_and_the_graph_not_at_all(tmp_path: Path) -> None:
    """Each step also checks that it found what there is."""
    made = {}
    for files in (200, 2000):
        place = tmp_path / str(files)
        make_input(files, place)
        made[files] = {
            name: size for step in STEPS for name, size in step(files, place).made.items()
        }
    assert set(made[200]) == {"graph", "plan", "manifest"}
    assert made[2000]["graph"] == pytest.approx(made[200]["graph"], rel=0.01)
    for name in ("plan", "manifest"):
        assert made[2000][name] < 10.5 * made[200][name]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_files_are_listed_planned_and_committed_within_a_minute_and_a_gigabyte(
    tmp_path: Path, tiny_artifact: Path
) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "jobs.benchmark.scale", "--files=100000"]
    done = subprocess.run(
        [*command, f"--model={tiny_artifact}", f"--json={figures}"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(figures.read_text())
    steps = {measured["step"]: measured for measured in told["steps"]}
    whole = steps.pop("whole command")
    assert len(steps) == len(STEPS)
    assert not [step for step in steps.values() if step["seconds"] > SECONDS]
    assert not [step for step in steps.values() if (step["peak_mb"] or 0) > MEGABYTES]
    assert whole["seconds"] > 0
    assert done.stdout.splitlines()[-1].startswith("whole command")


def test_the_table_has_a_line_for_each_step() -> None:
    found = [
        Measured("plan", 1.234, 210.4, {"graph": 47139, "plan": 19000000}),
        Measured("whole command", 38, None),
    ]
    assert table(found) == [
        "step                seconds  peak MB  made",
        "plan                   1.23      210  graph 47,139 bytes, plan 19,000,000 bytes",
        "whole command         38.00        -",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--files=0"], "--files is 0, expected at least 1"),
        (["--json=/no/such/folder/f"], "--json /no/such/folder/f cannot be written"),
        (["--file=3"], "unknown flag --file, did you mean --files?"),
    ],
)
def test_a_mistake_is_one_sentence(flags: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        run(flags)
    assert message in str(refused.value)
