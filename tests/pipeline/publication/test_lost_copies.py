"""Copies that somebody deleted or cut short are written again by the next publish."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from pipeline.publication import copies as module
from pipeline.publication.copies import Listed, write_copy
from pipeline.publication.publish import in_words, publish, required_targets
from pipeline.publication.table import Published
from pipeline.publication.wanted import WantedFile
from tests.jobs.runs.conftest import MadeOutput, Read
from tests.jobs.runs.view.histories import SOURCES
from tests.pipeline.publication.places import (
    PUBLISHED,
    call,
    commit,
    counting,
    make_output,
    run_of,
    seen,
    targets_of,
)
from tests.pipeline.publication.readers import iceberg_table
from tests.pipeline.publication.test_copies import copies
from tests.pipeline.publication.test_divided import publish_by_year, require_what_counts


def published(root: Path) -> list[tuple[str, list[Published]]]:
    targets = required_targets(str(root), targets_of(root))
    return [(in_words(one, done), done) for one in targets for done in [publish(str(root), one)]]


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def read(paths: set[Path]) -> Mapping[Path, bytes]:
    return {path: path.read_bytes() for path in paths}


def versions(root: Path) -> list[object]:
    """What the tables are at, in place, elsewhere and in Iceberg."""
    tables = [
        DeltaTable(place / name) for place in (root, root.parent / "lake") for name in PUBLISHED
    ]
    snapshots = [iceberg_table(root, name).current_snapshot() for name in PUBLISHED]
    return [*(table.version() for table in tables), *snapshots]


@pytest.mark.parametrize("damage", [Path.unlink, cut_short])
def test_what_was_lost_is_as_it_was_and_no_new_version(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """The same bytes at the same places, of which the tables know already."""
    root = make_output(tmp_path / "out", "Ada")
    assert all(" again" not in told for told, _ in published(root))
    before, at = read(copies(tmp_path)), versions(root)
    for path in before:
        damage(path)
    done = published(root)
    assert read(copies(tmp_path)) == before
    assert versions(root) == at
    assert seen(root) == counting(root)
    assert sum(table.restored for _, tables in done for table in tables) == len(before) > 9
    assert all(table.added == table.removed == 0 for _, tables in done for table in tables)
    assert all(told.count(" written again that had been lost") == 4 for told, _ in done)
    assert all(" again" not in told for told, _ in published(root))


def test_a_copy_that_becomes_another_one_takes_its_place_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another version of the Parquet library writes it."""
    root = make_output(tmp_path / "out", "Ada")
    published(root)
    before = read(copies(tmp_path))

    def write_otherwise(root: str, table: str, file: WantedFile, path: str) -> tuple[int, int]:
        rows, _ = write_copy(root, table, file, path)
        whole = pq.read_table(path, partitioning=None)
        pq.write_table(whole, path, compression="none", write_statistics=False)
        return rows, Path(path).stat().st_size

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.publication.current_files.write_copy", write_otherwise)
        for path in before:
            path.unlink()
        published(root)
    after = read(copies(tmp_path))
    assert after.keys() == before.keys()
    assert sum(after[path] != data for path, data in before.items()) >= 6
    assert seen(root) == counting(root)
    at = versions(root)
    assert all(" again" not in told for told, _ in published(root))
    assert versions(root) == at
    commit(root, run_of(3, *SOURCES))
    published(root)
    assert seen(root) == counting(root)


def test_what_counts_no_more_is_not_written_again(tmp_path: Path) -> None:
    root = make_output(tmp_path / "out", "Ada")
    published(root)
    before = copies(tmp_path)
    for path in before:
        path.unlink()
    commit(root, run_of(3, *SOURCES))
    call(root, "Orso")
    published(root)
    assert not copies(tmp_path).intersection(before)
    assert seen(root) == counting(root)


def test_a_file_of_a_partition_is_written_again(tmp_path: Path) -> None:
    """Of a file that is divided, one may be lost and the others there."""
    (tmp_path / "out").mkdir()
    output = MadeOutput(tmp_path / "out")
    output.commit("r1", Read("a", ("a1", "50%", "Zoë")), Read("b", ("b/1", "b2")))
    output.commit("r2", Read("b", ("b2",), fingerprint="2-2"))
    publish_by_year(output.root)
    before = read(copies(tmp_path))
    for number, path in enumerate(sorted(before)):
        if number % 2:
            path.unlink()
    publish_by_year(output.root)
    assert read(copies(tmp_path)) == before
    require_what_counts(output.root)


def test_a_publish_lists_each_table_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files it has, and also where some are lost."""
    root = make_output(tmp_path / "out", "Ada")
    published(root)
    next(iter(copies(tmp_path))).unlink()
    listed: list[str] = []
    listing = module._listing  # noqa: SLF001 - each call is one listing

    def counted(directory: str, pattern: str) -> Iterator[Listed]:
        listed.append(directory)
        return listing(directory, pattern)

    monkeypatch.setattr(module, "_listing", counted)
    published(root)
    assert len(listed) == len(set(listed)) == 3 * len(PUBLISHED)
