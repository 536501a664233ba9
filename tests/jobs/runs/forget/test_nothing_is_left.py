"""Forget: whatever holds a secret, no byte of it is left anywhere below the output."""

import random
import shutil
from pathlib import Path

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
    flags, words, gone = chosen(world, choose)
    capsys.readouterr()
    assert runs(["forget", f"--output={world.out}", *flags]) == 0, flags
    assert places_of({*words, *world.never}, everything(world.out)) == [], flags
    assert documents(world.out) == {one for one in before if one not in gone}
    capsys.readouterr()
    assert runs(["verify", f"--output={world.out}"]) == 0, capsys.readouterr().out
    if choose.random() < 0.1:
        world.extract("later", f"--input={world.place}/in", "--keep_fields=absent")
        world.extract("other", f"--input={world.place}/alone", "--text_field=absent")
        assert places_of({*words, *world.never}, everything(world.out)) == [], flags


class Everything:
    """All documents of some sources, or those of some ids."""

    def __init__(self, sources: set[str] | None, ids: set[str] | None) -> None:
        self.sources, self.ids = sources, ids

    def __contains__(self, document: object) -> bool:
        source, doc_id = document  # type: ignore[misc]  # a pair
        within = self.sources is None or source in self.sources
        return within and (self.ids is None or doc_id in self.ids)


def chosen(world: World, choose: random.Random) -> tuple[list[str], set[str], Everything]:
    """The flags of a forgetting, the words that it is to leave nowhere, and what it erases."""
    kind = choose.choice(["doc_id", "source", "both"])
    paths = choose.sample(sorted(world.names), choose.randrange(1, 4))
    if kind == "source":
        paths = sorted(set().union(*(world.names[path][1] for path in paths)))
        given = [choose.choice(sorted(world.names)) if False else path for path in paths]
        words = set[str]().union(*(world.names[path][0] for path in paths))
        return ["--source", *given], words, Everything(set(paths), None)
    subjects = choose.sample(world.subjects, choose.randrange(1, 6))
    ids = {one.doc_id for one in subjects}
    words = set[str]().union(*(one.words for one in subjects))
    if kind == "doc_id":
        return ["--doc_id", *sorted(ids)], words, Everything(None, ids)
    # Also of the file that has the same under another name.
    sources = set().union(*(world.names[one.source][1] for one in subjects))
    return ["--doc_id", *sorted(ids), "--source", *sorted(sources)], words, Everything(sources, ids)


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
    ids = [words_of(one.doc_id) for one in world.subjects]
    names = [words_of(path) for path in world.names]
    assert [words for words in (*ids, *names) if not places_of(words, pieces)] == []
    every = set().union(*(one.words for one in world.subjects))
    assert sum(bool(places_of({word}, pieces)) for word in every) > 0.7 * len(every)
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
