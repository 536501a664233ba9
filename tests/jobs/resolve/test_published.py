"""Published tables of names: what the output has, to be joined with its entities, or none."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pyiceberg.exceptions import NoSuchTableError

from jobs.publish.__main__ import run as publish
from jobs.resolve.__main__ import run as run_resolve
from jobs.runs.__main__ import run as look_after
from pipeline.outputs.current import committed_runs, current_sources, read_manifests, read_names
from pipeline.outputs.names import write_names
from pipeline.publication.publish import expire_everywhere
from schemas.errors import JobError, UsageError
from schemas.tables import NAMES
from tests.jobs.resolve.made_outputs import Mention, write_run
from tests.jobs.resolve.test_resolve import A, B, C, people, resolve
from tests.openlineage_events import Event, require_valid
from tests.pipeline.publication.places import counting, seen, targets_of
from tests.pipeline.publication.readers import delta_rows, iceberg_table, polars_rows

MENTIONS = st.lists(
    st.builds(
        Mention,
        st.sampled_from([A, B, C]),
        st.integers(0, 3),
        st.sampled_from(["Elena Bassani", "Ms. Bassani", "Bassani", "BASSANI", "Ada Orso", "Orso"]),
        st.sampled_from(["per", "org"]),
        st.sampled_from([None, None, "q1"]),
    ),
    min_size=1,
    max_size=6,
)


def tables_of_names(root: Path) -> list[Path]:
    """Where the tables are of which names have files of their own, in all places."""
    places = [root / "names/_published", root.parent / "lake/names"]
    return [*places, root / "_iceberg/open/names/data"]


def copies(root: Path) -> list[Path]:
    return [path for place in tables_of_names(root) for path in place.glob("part-*")]


def require_published(root: Path) -> None:
    """All tables are what the output has; those of names also as Polars reads them.

    Where it has no names any more, their tables are empty, or there are none.
    """
    wanted = counting(root)
    for place, rows in seen(root).items():
        if wanted[place] is None:
            assert not rows, place
        else:
            assert rows == wanted[place], place
    if wanted["elsewhere", "names"]:
        for folder in (root, root.parent / "lake"):
            assert polars_rows(folder / "names") == delta_rows(folder / "names")


def publish_to_all(root: Path) -> None:
    assert publish([f"--output={root}", *targets_of(root)]) == 0


class Nights(RuleBasedStateMachine):
    """An output that is published to three places; what changes it by commands publishes it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.root = Path(self.folder.name) / "out"
        self.root.mkdir()
        self.runs: list[str] = []
        self.is_published = False

    def teardown(self) -> None:
        self.folder.cleanup()

    @initialize(mentions=MENTIONS)
    def begin(self, mentions: list[Mention]) -> None:
        self.commit(mentions)
        publish_to_all(self.root)
        self.is_published = True

    @rule(mentions=MENTIONS)
    def commit(self, mentions: list[Mention]) -> None:
        number = len(self.runs)
        self.runs.append(f"r{number}")
        write_run(self.root, self.runs[-1], mentions, day=number)
        self.is_published = False

    @precondition(lambda self: bool(committed_runs(read_manifests(str(self.root)))))
    @rule(without=st.sampled_from([(), ("document",), ("normal_form", "document")]))
    def resolve(self, without: tuple[str, ...]) -> None:
        resolve(self.root, *(["--without", *without] if without else []))
        assert read_names(str(self.root)).num_rows == len(delta_rows(self.root / "names"))
        self.is_published = True

    @precondition(lambda self: bool(current_sources(read_manifests(str(self.root)))))
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        sources = sorted(current_sources(read_manifests(str(self.root))))
        source = data.draw(st.sampled_from(sources))
        assert look_after(["forget", f"--source={source}", f"--output={self.root}"]) == 0
        if (self.root / "names/names.parquet").exists():
            assert read_names(str(self.root)).num_rows == 0
        assert copies(self.root) == []
        self.is_published = True

    @precondition(lambda self: len(committed_runs(read_manifests(str(self.root)))) > 1)
    @rule()
    def roll_back(self) -> None:
        last = committed_runs(read_manifests(str(self.root)))[-1]["run_id"]
        assert look_after(["rollback", last, f"--output={self.root}"]) == 0
        self.is_published = True

    @rule()
    def lose_names(self) -> None:
        (self.root / "names/names.parquet").unlink(missing_ok=True)
        self.is_published = False

    @rule()
    def lose_copies(self) -> None:
        for path in copies(self.root)[::2]:
            path.unlink()
        self.is_published = False

    @rule()
    def be_of_an_earlier_version(self) -> None:
        """Which published no names."""
        shutil.rmtree(self.root / "names/_delta_log", ignore_errors=True)
        shutil.rmtree(self.root.parent / "lake/names", ignore_errors=True)
        with contextlib.suppress(NoSuchTableError):
            iceberg_table(self.root, "names").catalog.drop_table(("open", "names"))
        self.is_published = False

    @rule()
    def publish(self) -> None:
        publish_to_all(self.root)
        before = self.versions()
        publish_to_all(self.root)
        assert self.versions() == before
        self.is_published = True

    def versions(self) -> list[object]:
        """At what the tables of names are that are there."""
        places = [self.root / "names", self.root.parent / "lake/names"]
        tables = [DeltaTable(p) for p in places if DeltaTable.is_deltatable(str(p))]
        versions: list[object] = [table.version() for table in tables]
        with contextlib.suppress(NoSuchTableError):
            versions.append(iceberg_table(self.root, "names").current_snapshot())
        return versions

    @invariant()
    def is_what_the_output_has(self) -> None:
        if self.is_published:
            require_published(self.root)


@pytest.mark.timeout(900)
def test_whatever_happens_tables_of_names_are_those_of_the_output() -> None:
    run_state_machine_as_test(
        Nights,
        settings=settings(
            max_examples=6,
            stateful_step_count=8,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes five minutes
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output that is published to all places, and has no names yet."""
    root = tmp_path / "out"
    root.mkdir()
    mentions = people(["Ms. Bassani", "Bassani", "BASSANI", "Bassani"])
    write_run(root, "r1", [*mentions, Mention(A, 0, "Bassani", "per", "q1")])
    publish_to_all(root)
    return root


def test_an_output_without_names_has_no_table_of_them(output: Path) -> None:
    """Not even an empty folder."""
    assert not [place for place in tables_of_names(output) if place.exists()]
    assert not (output / "names").exists()
    assert not (output.parent / "lake/names").exists()
    expire_everywhere(str(output))
    assert not (output.parent / "lake/names").exists()


def test_the_table_comes_with_the_first_names_and_goes_with_the_next(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resolve(output)
    told = capsys.readouterr().out
    assert told.count("  names         4 rows in 1 file, 1 new, 0 gone\n") == 3
    require_published(output)
    table = DeltaTable(output / "names")
    assert table.metadata().partition_columns == []
    assert [(field.name, field.nullable) for field in table.schema().fields] == [
        (field.name, field.nullable) for field in NAMES
    ]
    iceberg = iceberg_table(output, "names")
    assert [(f.name, not f.required) for f in iceberg.schema().fields] == [
        (field.name, field.nullable) for field in NAMES
    ]
    resolve(output)
    told = capsys.readouterr().out
    assert told.count("  names         4 rows in 1 file, 0 new, 0 gone\n") == 3
    assert DeltaTable(output / "names").version() == table.version()
    write_run(output, "r2", people(["Orso"], source=B), day=1)
    resolve(output)
    told = capsys.readouterr().out
    assert told.count("  names         5 rows in 1 file, 1 new, 1 gone\n") == 3
    require_published(output)


def test_neither_log_nor_metadata_has_a_name(output: Path) -> None:
    resolve(output)
    written = [*output.glob("names/_delta_log/*"), *output.glob("_iceberg/open/names/metadata/*")]
    assert len(written) > 3
    assert not any(b"assani" in path.read_bytes() for path in written)


def test_vacuum_leaves_the_file_of_the_output(output: Path) -> None:
    """The table that stands beside it does not name it."""
    resolve(output)
    os.utime(output / "names/names.parquet", (0, 0))
    assert DeltaTable(output / "names").vacuum(full=True) == []


def test_names_that_were_forgotten_are_in_no_version(output: Path) -> None:
    resolve(output)
    write_run(output, "r2", people(["Orso"], source=B), day=1)
    resolve(output)
    assert len(copies(output)) == 6
    assert look_after(["forget", f"--source={A}", f"--output={output}"]) == 0
    require_published(output)
    assert copies(output) == []
    assert len(iceberg_table(output, "names").snapshots()) == 1
    left = [path for path in output.parent.rglob("*") if path.is_file()]
    assert not any(b"assani" in path.read_bytes() for path in left)
    with pytest.raises(Exception, match="part-"):
        DeltaTable(output.parent / "lake/names", version=0).to_pyarrow_table()


def test_partitions_of_documents_are_none_of_names(output: Path, tmp_path: Path) -> None:
    """They are of no document; of somebody else's partitions, they are told."""
    told = json.loads((output / "runs/r1.json").read_text())
    told["configuration"]["keep_fields"] = ["year"]
    (output / "runs/r1.json").write_text(json.dumps(told))
    resolve(output)
    text = f"delta={tmp_path}/by_year,by=year"
    assert publish([f"--output={output}", text, "iceberg=by_year,by=year"]) == 0
    for table in (
        DeltaTable(tmp_path / "by_year/names").to_pyarrow_table(),
        iceberg_table(output, "names", "by_year").scan().to_arrow(),
    ):
        assert table.to_pylist() == read_names(str(output)).to_pylist()


def test_a_table_of_somebody_else_matters_once_there_are_names(output: Path) -> None:
    """Then nothing is changed; until then it is left alone."""
    lake = output.parent / "lake"
    theirs = names_of_somebody()
    write_deltalake(lake / "names", theirs)
    publish_to_all(output)
    with pytest.raises(UsageError, match=f"delta={lake}: there is a table names of somebody else"):
        resolve(output)
    assert not (output / "names").exists()
    write_names(str(output), theirs, "")  # as with a version that published none
    with pytest.raises(UsageError, match="there is a table names of somebody else"):
        publish_to_all(output)
    assert DeltaTable(lake / "names").version() == 0
    assert publish([f"--output={output}", "--stop", f"delta={lake}"]) == 0
    resolve(output)
    assert seen(output)["in place", "names"] == counting(output)["in place", "names"]


def names_of_somebody() -> pa.Table:
    row = {"surface": "", "label": "", "canonical": "", "group": 0, "rule": ""}
    return pa.Table.from_pylist([{**row, "mentions": 0, "documents": 0}], NAMES)


def test_a_damaged_file_of_names_keeps_no_other_table_from_being_published(output: Path) -> None:
    resolve(output)
    write_run(output, "r2", people(["Orso"], source=B), day=1)
    (output / "names/names.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(JobError, match=r"names\.parquet cannot be read: .*jobs\.resolve makes it"):
        publish_to_all(output)
    wanted = [row["text"] for row in delta_rows(output / "entities")]
    assert "Orso" in wanted
    resolve(output)
    require_published(output)


def test_verify_tells_of_a_table_that_is_missing_and_of_copies(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    look_after(["verify", f"--output={output}"])
    assert "names" not in capsys.readouterr().out
    resolve(output)
    shutil.rmtree(output.parent / "lake/names")
    (path,) = (output / "names/_published").iterdir()
    path.unlink()
    capsys.readouterr()
    look_after(["verify", f"--output={output}"])
    told = capsys.readouterr().out
    assert f"error: delta={output.parent}/lake has no table names; python -m jobs.publish" in told
    assert f"error: delta={output}: names names 1 file that is missing" in told
    assert publish([f"--output={output}"]) == 0
    require_published(output)
    capsys.readouterr()
    look_after(["verify", f"--output={output}"])
    assert "names" not in capsys.readouterr().out


def test_why_publishes_nothing(output: Path) -> None:
    assert run_resolve(["why", "Bassani", "BASSANI", f"--output={output}"]) == 0
    assert not (output.parent / "lake/names").exists()


def test_a_target_that_is_gone_stops_it_before_it_changes_anything(output: Path) -> None:
    lake = output.parent / "lake"
    shutil.rmtree(lake)
    lake.write_text("a file")
    with pytest.raises(UsageError, match=r"is not a directory.* --stop TARGET ends publishing"):
        resolve(output)
    assert not (output / "names").exists()


def test_lineage_tells_of_names(output: Path, lineage_events: Callable[[], list[Event]]) -> None:
    resolve(output)
    events = lineage_events()
    for event in events:
        require_valid(event)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * 3
    for event in events:
        assert f"{output}/names" in [one["name"] for one in event["inputs"]]
    for event, name in zip(events[1::2], ["lake", "out", "out/_iceberg/open"], strict=True):
        (names,) = (o for o in event["outputs"] if o["name"] == f"{output.parent}/{name}/names")
        assert names["outputFacets"]["outputStatistics"]["rowCount"] == 4
        fields = names["facets"]["schema"]["fields"]
        assert [field["name"] for field in fields] == NAMES.names
