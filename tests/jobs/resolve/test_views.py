"""Views over an output with a table of names, and what becomes of it where the output changes."""

import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.runs.__main__ import run as look_after
from pipeline.outputs.current import read_names, read_table
from pipeline.outputs.names import write_names
from schemas.tables import NAMES
from tests.jobs.resolve.made_outputs import Mention, write_run
from tests.jobs.resolve.test_resolve import A, B, people, resolve, table

Key = tuple[str, str | None, str]  # label, id and text
QUERY = "SELECT text, canonical, count(*) FROM current_entities GROUP BY ALL ORDER BY ALL"


def seen(root: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute((root / "current.sql").read_text())
        return connection.sql(QUERY).fetchall()


def read(root: Path) -> list[tuple[object, ...]]:
    """The same by current.py."""
    rows = read_table(str(root), "entities", ["text", "canonical"]).to_pylist()
    counts = Counter((row["text"], row["canonical"]) for row in rows)
    return [(*pair, count) for pair, count in sorted(counts.items())]


def viewed(root: Path) -> list[tuple[object, ...]]:
    assert look_after(["view", f"--output={root}"]) == 0
    return seen(root)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    root = tmp_path / "it's [a*]?"
    root.mkdir()
    mentions = people(["Ms. Bassani", "Bassani", "BASSANI", "Bassani"])
    write_run(root, "r1", [*mentions, Mention(A, 0, "Bassani", "per", "q1")])
    resolve(root)
    return root


ROWS = [("BASSANI", "Bassani", 1), ("Bassani", "Bassani", 3), ("Ms. Bassani", "Bassani", 1)]
OWN_TEXTS = [(text, text, count) for text, _, count in ROWS]


def test_entities_have_the_name_that_stands_for_them_each_once(output: Path) -> None:
    assert viewed(output) == ROWS


def test_what_was_found_since_has_its_own_text(output: Path) -> None:
    viewed(output)
    write_run(output, "r2", people(["Orso"], source=B), day=1)
    assert ("Orso", "Orso", 1) in seen(output)


def test_files_without_ids_have_names_too(output: Path) -> None:
    """Those of versions before 5, whose entities have no such column."""
    with duckdb.connect() as connection:
        (file,) = (output / "entities/run_id=r1").iterdir()
        path = str(file).replace("'", "''")
        (count,) = connection.execute(
            f"COPY (SELECT * EXCLUDE (entity_id, origin) FROM read_parquet("  # noqa: S608 - ours
            f"regexp_replace('{path}', '([*?[])', '[\\1]', 'g'), hive_partitioning = false) "
            "WHERE entity_id IS NULL) "
            f"TO '{path}' (FORMAT parquet)"
        ).fetchone() or (0,)
    assert count == 4
    assert viewed(output)[0] == ("BASSANI", "Bassani", 1)
    assert sum(row[2] for row in viewed(output) if isinstance(row[2], int)) == count


def test_views_need_not_be_made_again_where_names_come_later_or_go(output: Path) -> None:
    names = output / "names/names.parquet"
    kept = names.rename(output.parent / "kept.parquet")
    assert viewed(output) == read(output) == OWN_TEXTS
    kept.rename(names)
    assert seen(output) == read(output) == ROWS
    names.unlink()
    assert seen(output) == read(output) == OWN_TEXTS


CALLS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([None, "q", "r"]), st.sampled_from("wxyz")),
    max_size=12,
)


@given(found=CALLS, named=CALLS.map(lambda keys: sorted(set(keys), key=str)), data=st.data())
@settings(max_examples=15)
def test_current_py_and_the_views_call_each_entity_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    found: list[Key],
    named: list[Key],
    data: st.DataObject,
) -> None:
    """Any table of names, of other entities too: what it lacks has its own text."""
    canonical = {key: data.draw(st.sampled_from(["w", "Xerxes", ""])) for key in named}
    root = tmp_path_factory.mktemp("out")
    mentions = [Mention(A, n, text, label, own) for n, (label, own, text) in enumerate(found)]
    write_run(root, "r1", [*mentions, Mention(B, 0, "v")])
    columns = {
        "surface": [text for _, _, text in named],
        "label": [label for label, _, _ in named],
        "entity_id": pa.array([own for _, own, _ in named], pa.string()),
        "canonical": [canonical[key] for key in named],
        "rule": [""] * len(named),
        **dict.fromkeys(("group", "mentions", "documents"), [1] * len(named)),
    }
    write_names(str(root), pa.table(columns).select(NAMES.names), "")
    called = [(text, canonical.get((label, own, text), text)) for label, own, text in found]
    wanted = sorted(Counter([*called, ("v", "v")]).items())
    assert viewed(root) == read(root) == [(*pair, count) for pair, count in wanted]
    shutil.rmtree(root)


def test_columns_are_those_that_are_asked_for(output: Path) -> None:
    some = read_table(str(output), "entities", ["canonical", "record"])
    assert some.column_names == ["record", "run_id", "canonical"]
    assert read_table(str(output), "entities", ["text"]).column_names == ["text", "run_id"]
    assert read_table(str(output), "documents").column_names[-1] == "run_id"


def test_trino_is_given_the_table_and_the_same_column(output: Path) -> None:
    """DuckDB stands for Trino, as in the tests of its other views."""
    flags = [f"--output={output}", "--engine=trino", "--root=s3://b/out"]
    assert look_after(["view", *flags]) == 0
    statements = (output / "current.trino.sql").read_text().split(";\n")
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS hive; CREATE SCHEMA hive.gleaner")
        for name in ("names", "entities"):
            (declared,) = (s for s in statements if f"CREATE TABLE hive.gleaner.all_{name}" in s)
            columns, _, settings = declared.partition(") WITH (")
            assert f"external_location = 's3://b/out/{name}'" in settings
            connection.execute(columns + (', "$path" varchar)' if name == "entities" else ")"))
        connection.register("names", read_names(str(output)))
        connection.execute("INSERT INTO hive.gleaner.all_names SELECT * FROM names")
        (file,) = (output / "entities/run_id=r1").iterdir()
        connection.execute(
            "INSERT INTO hive.gleaner.all_entities BY NAME SELECT *, 'r1' AS run_id, "
            "$1 AS \"$path\" FROM read_parquet(regexp_replace($1, '([*?[])', '[\\1]', 'g'), "
            "hive_partitioning = false)",
            [str(file)],
        )
        (view,) = (s for s in statements if "VIEW hive.gleaner.current_entities" in s)
        connection.execute(view)
        query = QUERY.replace("current_entities", "hive.gleaner.current_entities")
        assert connection.sql(query).fetchall() == ROWS


def test_spark_joins_ids_only_where_files_have_them(output: Path) -> None:
    assert look_after(["view", f"--output={output}", "--engine=spark"]) == 0
    text = (output / "current.spark.sql").read_text()
    assert text.count("names.entity_id <=> found.entity_id") == 1
    assert text.count("AS canonical") == 1


def test_what_is_forgotten_is_in_no_table_of_names_and_views_go_on(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(output, "r2", people(["Orso", "Orso"], source=B), day=1)
    resolve(output)
    viewed(output)
    assert look_after(["forget", f"--source={A}", f"--output={output}"]) == 0
    assert "the table of names is emptied: python -m jobs.resolve makes it again" in (
        capsys.readouterr().out
    )
    left = [path for path in output.rglob("*") if path.is_file()]
    assert not any(b"Bassani" in path.read_bytes() for path in left)
    assert table_of(output) == []
    assert not (output / "_names").exists()
    assert seen(output) == [("Orso", "Orso", 2)]
    resolve(output)
    assert [row[0] for row in table_of(output)] == ["Orso"]


def table_of(root: Path) -> list[tuple[object, ...]]:
    return table(
        Path(shutil.copytree(root / "names", root.parent / "copy/names", dirs_exist_ok=True)).parent
    )


def test_verify_remarks_a_table_that_is_not_of_what_counts(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    look_after(["verify", f"--output={output}"])
    assert "table of names" not in capsys.readouterr().out
    write_run(output, "r2", people(["Orso"]), day=1)
    look_after(["verify", f"--output={output}"])
    assert "remark: the table of names is not of what counts:" in capsys.readouterr().out
    assert look_after(["rollback", "r2", f"--output={output}"]) == 0
    look_after(["verify", f"--output={output}"])
    assert "table of names" not in capsys.readouterr().out


def test_half_written_names_are_cleaned(tmp_path: Path) -> None:
    write_run(tmp_path, "r1", people(["Orso"]))
    resolve(tmp_path)
    partial = tmp_path / "names/.names.parquet.partial"
    partial.write_bytes(b"PAR1")
    assert look_after(["clean", f"--output={tmp_path}"]) == 0
    assert not partial.exists()
    assert [row[0] for row in table(tmp_path)] == ["Orso"]
