"""What many entities cost, and names that are made to cost much."""

import itertools
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.jobs.resolve.made_outputs import Mention, many_people, write_rows, write_run
from tests.jobs.resolve.test_resolve import A, canonical, resolve

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


WORDS = ["".join(letters) for letters in itertools.product("abcdefghij", repeat=4)]
ALIKE = {
    "first names of one surname": [f"J{word} Orso" for word in WORDS],
    "one document": [f"{word.title()} Orso" for word in WORDS],
    "ids of one name": ["Orso" for _ in 4 * WORDS],
    "long words": ["Ma" + 10 * "".join(WORDS[n : n + 900]) for n in range(20)],
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ALIKE)
def test_names_that_are_much_alike_take_seconds(tmp_path: Path, kind: str) -> None:
    """Each pair looked at in Python takes minutes for these."""
    surfaces = ALIKE[kind]
    mentions = [
        Mention(
            A,
            0 if kind == "one document" else n,
            surface,
            entity_id=f"q{n}" if kind == "ids of one name" else None,
        )
        for n, surface in enumerate(surfaces)
    ]
    further = [Mention(A, n, name) for n, name in enumerate(("Jo Berg", "J. Berg", "J. Orso"))]
    write_run(tmp_path, "r1", [*mentions, *further])
    before = resource.getrusage(resource.RUSAGE_SELF)
    resolve(tmp_path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert canonical(tmp_path)["J. Berg"] == ("Jo Berg", "initials")
    assert after.ru_utime - before.ru_utime < 20
