"""Tables that a field of the documents partitions have the rows that count, in its partitions."""

import resource
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from jobs.runs.__main__ import run as look_after
from pipeline.outputs.manifest.encoding import encode_manifest
from pipeline.publication.publish import publish, required_targets
from pipeline.publication.targets import read_publications, target
from schemas.errors import JobError, UsageError
from tests.builders import stored_rows
from tests.jobs.runs.conftest import MadeOutput, Read
from tests.pipeline.publication.readers import (
    Rows,
    delta_rows,
    iceberg_rows,
    iceberg_table,
    polars_rows,
)

# What a folder of Hive's cannot be called by itself, and what is no value there.
ODD = ("x/y:z", "50%", "Zoë", "[b]*", "a=b", "2026-01-02 03:04", "it's", "")


@pytest.fixture
def output(tmp_path: Path) -> MadeOutput:
    """An output whose documents have a year each; a source was read again."""
    (tmp_path / "out").mkdir()
    output = MadeOutput(tmp_path / "out")
    output.commit("r1", Read("a", ("a1", "a2"), failed=("a3",)), Read("b", tuple(ODD)))
    output.commit("r2", Read("b", (*ODD[2:], "new"), fingerprint="2-2"))
    return output


def publish_by_year(root: Path, *kinds: str) -> None:
    for kind in kinds or (f"delta={root}", f"delta={root}-lake", "iceberg=open"):
        (one,) = required_targets(str(root), [f"{kind},by=year"])
        publish(str(root), one)


def wanted(root: Path) -> Mapping[str, Rows]:
    """What counts; entities with the year of their document."""
    documents = stored_rows(str(root), "documents").to_pylist()
    for row in documents:
        row["year"] = row["year"] or None
    years = {(row["run_id"], row["source"], row["record"]): row["year"] for row in documents}
    entities = stored_rows(str(root), "entities").to_pylist()
    for row in entities:
        row["year"] = years[row["run_id"], row["source"], row["record"]]
    letters = stored_rows(str(root), "dead_letters").to_pylist()
    return {"documents": documents, "entities": entities, "dead_letters": letters}


def comparable(rows: Rows) -> list[list[tuple[str, Any]]]:
    return sorted(sorted((name, str(value)) for name, value in row.items()) for row in rows)


def require_what_counts(root: Path) -> None:
    for table, rows in wanted(root).items():
        expected = comparable(rows)
        for place in (root / table, Path(f"{root}-lake") / table):
            assert comparable(delta_rows(place)) == expected
            assert comparable(polars_rows(place)) == expected
        assert comparable(iceberg_rows(root, table)) == expected


def test_rows_are_those_that_count_with_the_value_of_their_document(output: MadeOutput) -> None:
    publish_by_year(output.root)
    assert all(wanted(output.root).values())
    require_what_counts(output.root)
    output.commit("r3", Read("a", ("a1",), fingerprint="2-2"))
    publish_by_year(output.root)
    require_what_counts(output.root)


def test_a_partition_is_read_without_the_others(output: MadeOutput) -> None:
    publish_by_year(output.root)
    for table in ("documents", "entities"):
        delta = DeltaTable(output.root / table)
        assert delta.metadata().partition_columns == ["year"]
        files = delta.file_uris(file_pruning_predicate="year = 'year of Zoë'")
        assert len(files) == 1
        tasks = iceberg_table(output.root, table).scan("year = 'year of Zoë'").plan_files()
        assert len(list(tasks)) == 1
    assert DeltaTable(output.root / "dead_letters").metadata().partition_columns == ["run_id"]


def test_what_is_divided_once_is_not_divided_again(output: MadeOutput) -> None:
    publish_by_year(output.root)
    before = {path: path.stat().st_mtime_ns for path in output.root.glob("*/_published/*/*")}
    output.commit("r3", Read("c", ("c1",)))
    publish_by_year(output.root)
    after = {path: path.stat().st_mtime_ns for path in output.root.glob("*/_published/*/*")}
    assert before.items() < after.items()
    assert Counter(path.parts[-4] for path in after.keys() - before) == {
        "documents": 1,
        "entities": 1,
    }


def test_runs_without_the_field_have_no_value(output: MadeOutput) -> None:
    publish_by_year(output.root)
    years = {row["doc_id"]: row["year"] for row in polars_rows(output.root / "documents")}
    assert years[""] == "year of "
    assert years["new"] == "year of new"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delta=lake,by=", "'delta=lake,by=' is no target, expected"),
        ("delta=lake,of=year", "'delta=lake,of=year' is no target, since only by=FIELD stands"),
        ("iceberg=open,by=a b", "expected"),
        ("delta=lake,by=label", "label is a column of the tables, and no field of input"),
    ],
)
def test_a_field_that_is_none_is_refused(output: MadeOutput, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        target(text, str(output.root))


def test_a_field_that_no_run_kept_is_an_error(output: MadeOutput) -> None:
    one = target(f"delta={output.root},by=day", str(output.root))
    with pytest.raises(JobError, match="no run kept the field day, by which it is to be published"):
        publish(str(output.root), one)


@pytest.mark.parametrize("kind", ["delta={}", "iceberg=open"])
def test_a_table_keeps_its_partition(output: MadeOutput, kind: str) -> None:
    text = kind.format(output.root)
    publish_by_year(output.root, text)
    with pytest.raises(UsageError, match="the table entities there is not partitioned by run_id"):
        publish(str(output.root), target(text, str(output.root)))


def test_entities_of_older_versions_cannot_be_divided(output: MadeOutput) -> None:
    output.make_older("r1")
    with pytest.raises(JobError, match="run r1 is of an older version, and its entities do not"):
        publish_by_year(output.root)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_value_that_no_folder_can_be_called_is_refused(
    output: MadeOutput, *, is_first: bool
) -> None:
    """Before anything is written of the run; a target that never worked is not remembered."""
    if not is_first:
        publish_by_year(output.root)
    before = sorted(output.root.parent.rglob("*"))
    output.commit("r3", Read("c", ("c1",)), Read("d", ("d" * 300,)))
    committed = {path for path in output.root.rglob("*") if "r3" in str(path)}
    for kind in (f"delta={output.root}", f"delta={output.root}-lake", "iceberg=open"):
        with pytest.raises(UsageError, match="year has a value of 308 characters, which is too"):
            publish_by_year(output.root, kind)
    known = read_publications(str(output.root))
    assert known
    assert len(known.targets) == (0 if is_first else 3)
    names = {output.root / "_published.json"} if is_first else set()
    written = set(output.root.parent.rglob("*")) - set(before) - committed - names
    assert not written


def test_more_values_than_partitions_are_good_for_are_refused(
    output: MadeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.publication.divided._MOST_VALUES", 4)
    with pytest.raises(UsageError, match="has more than 4 values of year: that many partitions"):
        publish_by_year(output.root)


def test_there_may_be_more_values_than_open_files(tmp_path: Path) -> None:
    """As where `ulimit -n` is small."""
    (tmp_path / "out").mkdir()
    output = MadeOutput(tmp_path / "out")
    output.commit("r1", Read("a", tuple(f"a{number}" for number in range(300))))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    try:
        publish_by_year(output.root)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    require_what_counts(output.root)
    assert len(DeltaTable(output.root / "documents").file_uris()) == 300


def test_what_hive_calls_no_value_is_none(tmp_path: Path) -> None:
    """Polars reads it so from the path; whoever copies from Hive's partitions means it so."""
    (tmp_path / "out").mkdir()
    output = MadeOutput(tmp_path / "out")
    read = Read("a", ("a1",), keep_fields=("year",))
    output.commit("r1", read)
    for path in output.root.glob("documents/run_id=r1/part-*"):
        rows = pq.read_table(path, partitioning=None)
        number = rows.schema.get_field_index("year")
        none = pa.array(["__HIVE_DEFAULT_PARTITION__"], pa.string())
        pq.write_table(rows.set_column(number, rows.schema.field(number), none), path)
    publish_by_year(output.root)
    for table in ("documents", "entities"):
        for rows_read in (
            *(delta_rows(place / table) for place in (output.root, Path(f"{output.root}-lake"))),
            polars_rows(output.root / table),
            iceberg_rows(output.root, table),
        ):
            assert {row["year"] for row in rows_read} == {None}


def test_a_place_that_cannot_be_written_to_is_an_error(output: MadeOutput) -> None:
    (output.root / "documents/_published").write_text("in the way")
    with pytest.raises(JobError, match="documents/_published cannot be written: "):
        publish(str(output.root), target(f"delta={output.root},by=year", str(output.root)))


def test_a_field_that_no_run_keeps_any_more_is_null(output: MadeOutput) -> None:
    """What is forgotten or rolled back goes from the tables all the same."""
    publish_by_year(output.root)
    told = output.manifests()
    for name, manifest in told.items():
        manifest["configuration"]["keep_fields"] = []
        (output.root / f"runs/{name}.json").write_bytes(encode_manifest(manifest))
    assert look_after(["rollback", f"--output={output.root}", "r2"]) == 0
    assert {row["run_id"] for row in polars_rows(output.root / "documents")} == {"r1"}
    with pytest.raises(JobError, match="no run kept the field year"):
        publish_by_year(output.root, f"delta={output.root}-new")
