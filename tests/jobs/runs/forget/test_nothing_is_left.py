"""Forget: whatever holds a secret, no byte of it is left anywhere below the output."""

import random
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from jobs.runs.__main__ import run as runs
from jobs.runs.view.trino_views import TRINO_FILE
from pipeline.outputs.catalog import read_manifests
from pipeline.outputs.layout import table_files
from tests.jobs.runs.forget.everything import everything, places_of
from tests.jobs.runs.forget.world import World, words_of

FORGETS = 200


def require_forgotten(world: World, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Forget something of a copy of the output: its words are gone, and nothing else is."""
    choose = random.Random(seed)
    shutil.rmtree(world.out)
    shutil.copytree(world.place / "kept", world.out)
    before = documents(world.out)
    choice = chosen(world, choose)
    searched = {*choice.words, *world.never}
    assert runs(["forget", f"--output={world.out}", *choice.flags]) == 0, choice.flags
    assert places_of(searched, everything(world.out)) == [], choice.flags
    assert documents(world.out) == {one for one in before if not choice.erases(*one)}
    capsys.readouterr()
    assert runs(["verify", f"--output={world.out}"]) == 0, capsys.readouterr().out
    if choose.random() < 0.1:
        world.extract("later", f"--input={world.place}/in", "--keep_fields=absent")
        world.extract("other", f"--input={world.place}/alone", "--text_field=absent")
        assert places_of(searched, everything(world.out)) == [], choice.flags


class Choice(NamedTuple):
    """What is forgotten: the flags, the words that are to be left nowhere, the documents that go.

    These are all of the sources, or of all sources, or those with the ids alone.
    """

    flags: list[str]
    words: set[str]
    sources: Collection[str] | None = None
    ids: Collection[str] | None = None

    def erases(self, source: str, doc_id: str) -> bool:
        within = self.sources is None or source in self.sources
        return within and (self.ids is None or doc_id in self.ids)


def chosen(world: World, choose: random.Random) -> Choice:
    kind = choose.choice(["doc_id", "source", "both"])
    if kind == "source":
        paths = choose.sample(sorted(world.names), choose.randrange(1, 4))
        # All names of a file that was moved: what it holds was read under each.
        sources = set[str]().union(*(world.names[path][1] for path in paths))
        words = set[str]().union(*(world.names[path][0] for path in paths))
        return Choice(["--source", *as_given(world, choose, sources)], words, sources)
    subjects = choose.sample(world.subjects, choose.randrange(1, 6))
    ids = sorted({one.doc_id for one in subjects})
    words = set[str]().union(*(one.words for one in subjects))
    if kind == "doc_id":
        return Choice(["--doc_id", *ids], words, ids=ids)
    sources = set[str]().union(*(world.names[one.source][1] for one in subjects))
    given = as_given(world, choose, sources)
    return Choice(["--doc_id", *ids, "--source", *given], words, sources, ids)


def as_given(world: World, choose: random.Random, sources: Collection[str]) -> list[str]:
    """Sources as a person names them: of a link, also the file that it leads to."""
    ways = {source: [source] for source in sources}
    for path, (_, read_as) in world.names.items():
        if len(read_as) == 1 and path not in read_as:
            ways.get(min(read_as), []).append(path)
    return [choose.choice(ways[source]) for source in sorted(sources)]


def documents(root: Path) -> set[tuple[str, str]]:
    """The documents that are in any run, by source and id."""
    found: set[tuple[str, str]] = set()
    for manifest in read_manifests(str(root)):
        for path in table_files(str(root), manifest, "documents"):
            rows = pq.read_table(path, columns=["source", "doc_id"])
            found.update(zip(rows["source"].to_pylist(), rows["doc_id"].to_pylist(), strict=True))
    return found


def make(place: Path, model: Path, seed: int) -> World:
    world = World(place, model, seed)
    world.make()
    shutil.copytree(world.out, place / "kept")
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_artifact: Path) -> World:
    return make(tmp_path_factory.mktemp("world"), tiny_artifact, 1)


def test_the_output_has_runs_of_every_kind(world: World) -> None:
    states = {run["run_id"]: run["status"] for run in read_manifests(str(world.out))}
    parts = {name for name in states if name.startswith("parts.")}
    assert len(parts) > 1
    assert {name: state for name, state in states.items() if name not in parts} == {
        **dict.fromkeys(("first", "before", "lines", "latin", "wide", "again"), "committed"),
        **dict.fromkeys(("refused", "textless", "broken", "lost"), "failed"),
        "nothing": "empty",
        "gone": "rolled_back",
        "repaired": "committed",
    }
    letters = [pq.read_table(p) for p in (world.out / "dead_letters/run_id=first").iterdir()]
    assert {stage for rows in letters for stage in rows["stage"].to_pylist()} == {
        *("ReadDocuments", "TokenizeDocuments", "PadBatches", "TagBatches", "WriteTables")
    }
    assert (world.out / TRINO_FILE).exists()


def test_secrets_are_written_down_before_they_are_forgotten(world: World) -> None:
    """What is searched for is found, and nothing of what is no record."""
    pieces = [*everything(world.out)]
    seen = set[str]().union(*(words_of(data.decode(errors="replace")) for _, data in pieces))
    named = [words_of(name) for name in (*world.names, *(one.doc_id for one in world.subjects))]
    assert [own for own in named if not own & seen and not places_of(own, pieces)] == []
    every = set[str]().union(*(one.words for one in world.subjects))
    assert len(every & seen) > 0.7 * len(every)
    assert places_of(world.never, pieces) == []


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_left(world: World, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    require_forgotten(world, seed, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_left_of_many(
    seed: int, tmp_path: Path, tiny_artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two hundred forgettings, of ten outputs."""
    world = make(tmp_path, tiny_artifact, 100 + seed)
    for number in range(FORGETS // 10):
        require_forgotten(world, 1000 * seed + number, capsys)
