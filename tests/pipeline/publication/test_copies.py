"""Files that a table has for itself are whole or not there, and go once nothing needs them."""

import errno
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.publication.copies import now, remove_copies
from pipeline.publication.publish import KEPT, expire_everywhere, publish, required_targets
from pipeline.publication.targets import read_publications, remember, target
from schemas.errors import JobError
from tests.jobs.runs.view.histories import SOURCES, TABLES
from tests.pipeline.publication.places import (
    call,
    commit,
    counting,
    make_output,
    run_of,
    seen,
    targets_of,
)


def copies(place: Path) -> set[Path]:
    """Files of tables and what is half written of them, but for those of runs."""
    own = {
        place / name for table in TABLES for name in place.glob(f"**/out/{table}/run_id=*/part-*")
    }
    return {path for path in place.rglob("part-*") if path.is_file()} - own


def publish_everywhere(root: Path) -> None:
    for one in required_targets(str(root), targets_of(root)):
        publish(str(root), one)


@pytest.mark.parametrize("step", ["_LocalFile.write", "sync_path", "os.replace"])
def test_a_copy_that_cannot_be_written_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the publish after it makes good."""
    root = make_output(tmp_path / "out")
    for text in targets_of(root):
        remember(str(root), text)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail(*_: object) -> None:
        raise full

    with monkeypatch.context() as patch:
        patch.setattr(f"pipeline.publication.copies.{step}", fail)
        for text in targets_of(root):
            with pytest.raises(JobError, match=r"part-.*: No space left on device"):
                publish(str(root), target(text, str(root)))
    assert not copies(tmp_path)
    publish_everywhere(root)
    assert seen(root) == counting(root)


def test_what_an_output_remembers_is_whole_or_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_output(tmp_path / "out")
    remember(str(root), "iceberg=open")
    before = (root / "_published.json").read_bytes()

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(JobError, match=r"_published.json cannot be written: No space left"):
        remember(str(root), f"delta={root}")
    assert (root / "_published.json").read_bytes() == before


@pytest.mark.parametrize("name", ["plain", "[brackets] and *"])
def test_copies_that_nothing_needs_go_a_week_later(tmp_path: Path, name: str) -> None:
    """Also what a kill left half written of one; until then older versions can be read."""
    root = make_output(tmp_path / name / "out", "Ada")
    publish_everywhere(root)
    needed = copies(tmp_path)
    left = [path.with_name(f"{path.name}.{'0' * 32}") for path in needed]
    for path in left:
        path.write_bytes(b"half")
    commit(root, run_of(3, *SOURCES))
    call(root, "Orso")
    publish_everywhere(root)
    assert copies(tmp_path) >= needed.union(left)
    long_ago = time.time() - KEPT.total_seconds() - 60
    for path in needed.union(left):
        os.utime(path, (long_ago, long_ago))
    publish_everywhere(root)
    assert not copies(tmp_path).intersection([*needed, *left])
    assert seen(root) == counting(root)


def test_a_copy_that_is_about_to_be_committed_stays(tmp_path: Path) -> None:
    """It is new; of another publish, it may be that of the very next moment."""
    root = make_output(tmp_path / "out")
    publish_everywhere(root)
    fresh = tmp_path / f"lake/entities/run_id=r9/part-{'9' * 32}.parquet"
    fresh.parent.mkdir()
    fresh.write_bytes(b"new")
    publish_everywhere(root)
    assert fresh.exists()


def test_expiring_takes_all_that_tables_do_not_have(tmp_path: Path) -> None:
    """As forgetting does: copies of any age, and half-written ones."""
    root = make_output(tmp_path / "[x]" / "out", "Ada")
    publish_everywhere(root)
    before = copies(tmp_path)
    commit(root, run_of(3, *SOURCES))
    call(root, "Orso")
    publish_everywhere(root)
    half = next(iter(before)).with_name(f"part-{'1' * 32}.parquet.{'0' * 32}")
    half.write_bytes(b"half")
    expire_everywhere(str(root))
    assert not copies(tmp_path).intersection({*before, half})
    assert seen(root) == counting(root)


def test_sweeping_at_once_disturbs_nobody(tmp_path: Path) -> None:
    """A file that another one removed first is gone, and that is all that is wanted."""
    root = make_output(tmp_path / "out")
    publish_everywhere(root)
    known = read_publications(str(root))
    assert known
    table = target(f"delta={tmp_path}/lake", str(root)).open("entities", known.owner)
    gone = tmp_path / f"lake/entities/run_id=r1/part-{'9' * 32}.parquet"
    gone.symlink_to(tmp_path / "nowhere")
    assert remove_copies(table.listed, table.files, now() + timedelta(days=1)) == 0
