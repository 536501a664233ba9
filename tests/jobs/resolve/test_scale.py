"""What many entities cost."""

import resource
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.jobs.resolve.made_outputs import many_people, write_rows

COUNT = 3_000_000
MOST_SECONDS = 60
MOST_BYTES = 2 * 10**9


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_million_entities_take_at_most_a_minute_and_two_gigabytes(tmp_path: Path) -> None:
    """A minute of the processor: on a machine that others use, the clock says more of them."""
    rows = many_people(COUNT)
    write_rows(tmp_path, "r1", rows, sorted(rows["source"].unique().to_pylist()))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "jobs.resolve", f"--output={tmp_path}"], check=True, timeout=600
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{seconds:.1f} s, {after.ru_maxrss / 1e6:.2f} GB")  # noqa: T201 - as documented
    assert pq.read_table(tmp_path / "names/names.parquet")["mentions"].to_numpy().sum() == COUNT
    assert seconds <= MOST_SECONDS
    assert after.ru_maxrss * 1024 <= MOST_BYTES
