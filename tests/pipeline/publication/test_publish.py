"""Published tables have the rows that count, whatever was published before, for every reader."""

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings

from pipeline.publication import wanted as wanted_module
from pipeline.publication.publish import publish, required_targets
from pipeline.publication.table import Published
from schemas.errors import JobError, UsageError
from schemas.tables import ENTITIES, since, with_dictionaries
from schemas.tables import TABLES as SCHEMAS
from tests.builders import input_of, stored_rows
from tests.jobs.runs.view.histories import (
    LATER,
    SOURCES,
    TABLES,
    Manifest,
    committed,
    comparable,
    expected,
    file_of,
    histories,
    write,
)
from tests.pipeline.publication.readers import (
    delta_rows,
    iceberg_rows,
    iceberg_table,
    polars_rows,
)


def publish_to(root: Path, *texts: str) -> list[Published]:
    targets = required_targets(str(root), texts)
    return [table for one in targets for table in publish(str(root), one)]


@given(history=histories())
@settings(max_examples=15)
def test_every_reader_finds_the_rows_that_count(
    tmp_path_factory: pytest.TempPathFactory, history: list[Manifest]
) -> None:
    """After each run, in the output's own folder, in another, and in Iceberg."""
    base = tmp_path_factory.mktemp("published")
    root, elsewhere = base / "out", base / "lake"
    root.mkdir()
    for number, told in enumerate(history):
        write(root, told)
        publish_to(root, f"delta={root}", f"delta={elsewhere}", "iceberg=open")
        for table in TABLES:
            wanted = comparable(expected(history[: number + 1], table))
            for place in (root / table, elsewhere / table):
                assert comparable(delta_rows(place)) == wanted
                assert comparable(polars_rows(place)) == wanted
            assert comparable(iceberg_rows(root, table)) == wanted
    shutil.rmtree(base)


@given(history=histories())
@settings(max_examples=10)
def test_what_was_not_published_meanwhile_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, history: list[Manifest]
) -> None:
    """Published once in the end, or after each run: the same files, and nothing left to do."""
    roots = [tmp_path_factory.mktemp("each"), tmp_path_factory.mktemp("once")]
    for root in roots:
        for told in history:
            write(root, told)
            if root == roots[0]:
                publish_to(root, f"delta={root}", "iceberg=open")
        publish_to(root, f"delta={root}", "iceberg=open")
        assert all(done.added == done.removed == 0 for done in publish_to(root, f"delta={root}"))
    for table in TABLES:
        files = [sorted(path.removeprefix(str(r)) for path in _files(r, table)) for r in roots]
        assert files[0] == files[1]


def _files(root: Path, table: str) -> list[str]:
    located = iceberg_table(root, table).scan().plan_files()
    return [
        *DeltaTable(root / table).file_uris(),
        *(task.file.file_path.removeprefix("file://") for task in located),
    ]


@pytest.fixture
def superseded(tmp_path: Path) -> Path:
    """An output of three sources, of which the last was read again; not published yet."""
    root = tmp_path / "out"
    root.mkdir()
    write(root, committed("r1", list(SOURCES)))
    later = {**committed("r2", [SOURCES[2]]), "timings": LATER}
    write(root, later)
    return root


def test_files_that_count_whole_stay_where_they_are(superseded: Path) -> None:
    """Of the first run, one file has no row that was superseded, and one has both kinds."""
    publish_to(superseded, f"delta={superseded}", "iceberg=open")
    for table in ("entities", "documents"):
        names = sorted(path.removeprefix(f"{superseded}/") for path in _files(superseded, table))
        whole = [f"{table}/run_id=r1/part-{'a' * 32}.parquet", f"{table}/run_id=r2/part-{'a' * 32}"]
        own = [name for name in names if name.startswith((whole[0], whole[1]))]
        assert Counter(own) == {whole[0]: 2, f"{whole[1]}.parquet": 2}
        copies = [name for name in names if name not in own]
        assert len(copies) == 2
        for name in copies:
            kept = pq.read_table(superseded / name, partitioning=None)
            assert set(kept["source"].to_pylist()) == {SOURCES[1]}


def test_the_commit_says_which_run_it_is_up_to(superseded: Path) -> None:
    publish_to(superseded, f"delta={superseded}", "iceberg=open")
    for table in TABLES:
        (last, *others) = DeltaTable(superseded / table).history()
        assert (last["gleaner.run_id"], others) == ("r2", [])
        snapshot = iceberg_table(superseded, table).current_snapshot()
        assert snapshot is not None
        assert snapshot.summary is not None
        assert snapshot.summary["gleaner.run_id"] == "r2"


def test_neither_log_nor_metadata_has_a_value_of_a_row(superseded: Path) -> None:
    """So what is forgotten was never in them; sources and ids are found in the files alone."""
    publish_to(superseded, f"delta={superseded}", "iceberg=open")
    written = [*superseded.glob("*/_delta_log/*"), *superseded.glob("_iceberg/**/metadata/*")]
    assert len(written) > 6
    for path in written:
        for source in SOURCES:
            assert source.encode() not in path.read_bytes()
            assert json.dumps(source)[1:-1].encode() not in path.read_bytes()


def test_a_table_of_somebody_else_is_left_alone(superseded: Path, tmp_path: Path) -> None:
    write_deltalake(tmp_path / "lake/entities", pa.table({"theirs": [1, 2, 3]}))
    before = DeltaTable(tmp_path / "lake/entities").to_pyarrow_table()
    with pytest.raises(UsageError, match="there is a table entities of somebody else already"):
        publish_to(superseded, f"delta={tmp_path}/lake")
    assert DeltaTable(tmp_path / "lake/entities").to_pyarrow_table() == before


@pytest.mark.parametrize("text", ["delta={}/lake", "iceberg=open"])
def test_two_outputs_do_not_share_a_table(superseded: Path, tmp_path: Path, text: str) -> None:
    other = Path(shutil.copytree(superseded, tmp_path / "other"))
    publish_to(superseded, text.format(tmp_path))
    if text == "iceberg=open":
        shutil.copytree(superseded / "_iceberg", other / "_iceberg")
    with pytest.raises(UsageError, match="of somebody else already"):
        publish_to(other, text.format(tmp_path))


def test_vacuum_leaves_the_files_of_an_output(superseded: Path, tmp_path: Path) -> None:
    """Its tables do not name those of which some rows count; elsewhere, what is old goes."""
    publish_to(superseded, f"delta={superseded}", f"delta={tmp_path}/lake")
    stray = tmp_path / f"lake/documents/run_id=r1/part-{'d' * 32}.parquet"
    stray.touch()
    for path in (*superseded.rglob("*.parquet"), stray):
        os.utime(path, (0, 0))
    for table in TABLES:
        assert DeltaTable(superseded / table).vacuum(full=True) == []
    assert DeltaTable(tmp_path / "lake/documents").vacuum(full=True) == [f"run_id=r1/{stray.name}"]


def test_a_delta_table_goes_where_its_output_goes(superseded: Path, tmp_path: Path) -> None:
    publish_to(superseded, f"delta={superseded}")
    moved = superseded.rename(tmp_path / "moved")
    write(moved, {**committed("r3", [SOURCES[0]]), "timings": {**LATER, "seconds": 2.0}})
    publish_to(moved, f"delta={moved}")
    assert {row["run_id"] for row in delta_rows(moved / "documents")} == {"r1", "r2", "r3"}


@pytest.mark.parametrize("field", ["year", "meta.year"])
def test_columns_that_come_later_are_null_before(superseded: Path, field: str) -> None:
    publish_to(superseded, f"delta={superseded}", "iceberg=open")
    told = {**committed("r3", [SOURCES[0]], [field]), "timings": LATER}
    write(superseded, told)
    publish_to(superseded, f"delta={superseded}", "iceberg=open")
    for rows in (delta_rows(superseded / "documents"), iceberg_rows(superseded, "documents")):
        years = {(row["run_id"], row[field] is None) for row in rows}
        assert years == {("r1", True), ("r2", True), ("r3", False)}


def test_names_in_files_lead_to_the_numbers_of_the_columns(superseded: Path) -> None:
    """Elements of lists too, without which Spark reads no dead letter; also of later columns."""
    for told in ({}, {**committed("r3", [SOURCES[0]], ["year"]), "timings": LATER}):
        if told:
            write(superseded, told)
        publish_to(superseded, "iceberg=open")
        for name in TABLES:
            table = iceberg_table(superseded, name)
            assert table.name_mapping() == table.schema().name_mapping


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["Source"], "the columns 'source' and 'Source' cannot be in one published table"),
        (["the year"], "Delta Lake takes no blanks and no .* in a column: 'the year'"),
    ],
)
def test_names_that_engines_cannot_have_are_refused(
    superseded: Path, fields: list[str], message: str
) -> None:
    write(superseded, {**committed("r3", [SOURCES[0]], fields), "timings": LATER})
    with pytest.raises(UsageError, match=message):
        publish_to(superseded, f"delta={superseded}")


def test_nothing_that_counts_is_an_empty_table(tmp_path: Path) -> None:
    root = tmp_path / "out"
    root.mkdir()
    write(root, {**committed("r1", [SOURCES[0]]), "status": "failed"})
    publish_to(root, f"delta={root}", "iceberg=open")
    for table in TABLES:
        assert delta_rows(root / table) == iceberg_rows(root, table) == []


def test_a_file_that_is_gone_is_an_error_that_names_it(superseded: Path) -> None:
    gone = superseded / f"documents/run_id=r1/part-{'c' * 32}.parquet"
    gone.unlink()
    with pytest.raises(JobError, match=f"{gone} cannot be read"):
        publish_to(superseded, f"delta={superseded}")


def test_repairs_of_a_whole_shard_keep_its_dead_letter(tmp_path: Path) -> None:
    """Of a source that broke off, the shard's dead letter counts beside those of the repair."""
    root = tmp_path / "out"
    root.mkdir()
    broken = committed("r1", list(SOURCES))
    broken["inputs"][0]["complete"] = False
    repair = {**committed("r2", []), "timings": LATER}
    repair["inputs"] = [input_of(SOURCES[0], repairs="r1")]
    for told in (broken, repair):
        write(root, told)
    publish_to(root, f"delta={root}", "iceberg=open")
    wanted = comparable(expected([broken, repair], "dead_letters"))
    assert comparable(delta_rows(root / "dead_letters")) == wanted
    assert comparable(iceberg_rows(root, "dead_letters")) == wanted


def test_files_of_older_versions_are_read_beside_others(superseded: Path) -> None:
    """They call what is repeated dictionaries, for which not every reader finds a common type."""
    older = json.loads((superseded / "runs/r2.json").read_text())
    older["schema_version"] = 3
    for table in older["tables"].values():
        for file in table["files"]:
            path = superseded / file["path"]
            rows = pq.read_table(path, partitioning=None)
            pq.write_table(rows.cast(with_dictionaries(rows.schema)), path)
            file.update(file_of(path, superseded))
    (superseded / "runs/r2.json").write_text(json.dumps(older))
    publish_to(superseded, f"delta={superseded}", "iceberg=open")
    for table in TABLES:
        kept = comparable(stored_rows(str(superseded), table).to_pylist())
        assert comparable(delta_rows(superseded / table)) == kept
        assert comparable(polars_rows(superseded / table)) == kept
        assert comparable(iceberg_rows(superseded, table)) == kept


def test_a_column_that_an_older_version_required_may_be_null_then(
    superseded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what else the tables say, and all their rows; once it may be, nothing is written."""
    targets = (f"delta={superseded}", f"delta={superseded.parent / 'lake'}", "iceberg=open")
    required = ENTITIES.field("confidence").with_nullable(nullable=False)
    older = [required if f.name == required.name else f for f in ENTITIES if since(f) < 5]
    with monkeypatch.context() as patch:
        schema = pa.schema(older, metadata=ENTITIES.metadata)
        patch.setattr(wanted_module, "TABLES", {**SCHEMAS, "entities": schema})
        publish_to(superseded, *targets)
    places = [superseded / "entities", superseded.parent / "lake/entities"]
    before = [DeltaTable(place) for place in places]
    for table in before:
        assert not next(f for f in table.schema().fields if f.name == "confidence").nullable
    assert iceberg_table(superseded, "entities").schema().find_field("confidence").required
    write(superseded, {**committed("r3", [SOURCES[0]]), "timings": LATER})
    publish_to(superseded, *targets)
    kept = comparable(stored_rows(str(superseded), "entities").to_pylist())
    assert {row["confidence"] for row in stored_rows(str(superseded), "entities").to_pylist()} == {
        None
    }
    for place, former in zip(places, before, strict=True):
        table = DeltaTable(place)
        assert {field.name for field in table.schema().fields} == {*ENTITIES.names, "run_id"}
        [confidence] = [f for f in table.schema().fields if f.name == "confidence"]
        assert confidence.nullable
        assert table.metadata().configuration == former.metadata().configuration
        assert table.metadata().description == former.metadata().description
        assert comparable(delta_rows(place)) == comparable(polars_rows(place)) == kept
    assert not iceberg_table(superseded, "entities").schema().find_field("confidence").required
    assert comparable(iceberg_rows(superseded, "entities")) == kept
    versions = [DeltaTable(place).version() for place in places]
    publish_to(superseded, *targets)
    assert [DeltaTable(place).version() for place in places] == versions
