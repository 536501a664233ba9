"""How good the names are, on pairs that were labelled by hand (see sample/README.md)."""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from jobs.resolve.__main__ import run
from pipeline.run import run as extract

SAMPLE = Path(__file__).parent / "sample"
FILES = [f"shard-{number:02}.jsonl" for number in range(8)]

Place = tuple[str | int, ...]  # a file, a record, and where the mention begins and ends


@pytest.fixture(scope="module")
def groups(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[Place, int]:
    """The group of each mention that the bundled model finds in the texts."""
    root = tmp_path_factory.mktemp("names")
    inputs = [str(shared_data / "text" / name) for name in FILES]
    assert extract(["--input", *inputs, f"--output={root}", "--direct_num_workers=2"]) == 0
    assert run([f"--output={root}"]) == 0
    with duckdb.connect() as connection:
        rows = connection.execute(
            'SELECT e.source, e.record, e.start_char, e.end_char, n."group" '  # noqa: S608 - ours
            f"FROM '{root}/entities/*/*.parquet' e JOIN '{root}/names/names.parquet' n "
            "ON n.surface = e.text AND n.label = e.label "
            "AND n.entity_id IS NOT DISTINCT FROM e.entity_id"
        ).fetchall()
    return {(Path(source).name, *place): group for source, *place, group in rows}


def measured(groups: Mapping[Place, int], name: str) -> Counter[tuple[str, str]]:
    """The labelled pairs by whether they were joined, and their verdict.

    A mention that the model does not find any more is in no group, and counts as `lost`.
    """
    found: Counter[tuple[str, str]] = Counter()
    with (SAMPLE / name).open() as stream:
        for pair in csv.DictReader(stream):
            one, other = (
                groups.get((pair[f"file_{side}"], *(int(pair[f"{n}_{side}"]) for n in NUMBERS)))
                for side in "ab"
            )
            lost = one is None or other is None
            state = "lost" if lost else "joined" if one == other else "apart"
            found[state, pair["verdict"]] += 1
    return found


NUMBERS = ("record", "start", "end")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["pairs.csv", "merged.csv"])
def test_of_labelled_pairs_that_are_joined_97_of_100_are_the_same(
    groups: Mapping[Place, int], name: str
) -> None:
    found = measured(groups, name)
    right, wrong = found["joined", "same"], found["joined", "different"]
    print(name, dict(found))  # noqa: T201 - the figures of the documentation
    assert sum(count for (state, _), count in found.items() if state == "lost") <= 3
    assert right / (right + wrong) >= 0.97
    assert right >= 20
