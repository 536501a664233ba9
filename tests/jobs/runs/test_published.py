"""Published tables night after night: every reader finds what counts, and nothing that was erased.

Spark is one of them where the environment names its interpreter (`make test-spark`).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import fastavro
import pyarrow as pa

from jobs.publish.__main__ import run as publish
from jobs.resolve.__main__ import run as resolve
from jobs.runs.__main__ import run as look_after
from pipeline.outputs.current import read_names, read_table
from pipeline.outputs.names import has_names
from pipeline.publication.wanted import kept_fields, published_schemas
from schemas.tables import NAMES, TABLES
from tests.builders import stored_rows
from tests.jobs.runs.forget.everything import Piece, everything, places_of
from tests.pipeline.publication.joined import (
    delta_datasets,
    joined_by_duckdb,
    joined_by_polars,
    shown_query,
)
from tests.pipeline.publication.readers import (
    as_counts,
    delta_rows,
    iceberg_rows,
    iceberg_table,
    polars_rows,
)
from tests.pipeline.publication.spark import Ask, SparkTable, asked_spark

if TYPE_CHECKING:
    from tests.jobs.runs.conftest import MadeOutput

MODELS = ("tiny@0123456789ab", "newer@0123456789ab")
# A document that counts in a file of which not all does, one that a repair brought, a record that
# stayed unread, a document of two runs, and one that counts no more.
ERASED = ("Anselm", "Aurelian", "Ambrosia", "Benedict", "Bertrand")


def nights(output: "MadeOutput", lake: Path) -> Iterator[set[str]]:
    """Ten nights, each published at its end, and the ids of the documents that count then."""
    read, root = output.read, f"--output={output.root}"
    a = read("a", ("Adelheid", "Anselm"), unread=("Ambrosia",), failed=("Aurelian", "Adalbert"))
    output.commit("n1", a, read("b", ("Benedict", "Bertrand")))
    output.make_older("n1")
    publish([root, f"delta={output.root}", f"delta={lake}", "iceberg=open"])
    yield {"Adelheid", "Anselm", "Benedict", "Bertrand"}

    # A new shard and a changed one; from here on, nobody finds the first any more. The first names.
    changed = read("b", ("Benedict", "Balthasar"), fingerprint="2-2")
    output.commit("n2", read("c", ("Cordelia", "Casimir")), changed)
    publish([root])
    resolve([root])
    counting = {"Adelheid", "Anselm", "Benedict", "Balthasar", "Cordelia", "Casimir"}
    yield counting

    # A shard breaks off, and so does one that was whole before, which counts as it was.
    broken = read("b", ("Bernward",), fingerprint="3-3", broken=True)
    output.commit("n3", read("d", ("Dorothea",), broken=True), broken)
    publish([root])
    yield counting | {"Dorothea"}

    output.commit("n4", read("a", ("Aurelian",), ("Ambrosia",), ("Adalbert",), repairs="n1"))
    publish([root])
    resolve([root, f"--decisions={decisions_in(lake.parent)}"])
    counting |= {"Dorothea", "Aurelian"}
    yield counting

    again = read("d", ("Dorothea", "Dietrich"), fingerprint="2-2")
    output.commit("n5", read("a", ("Adelheid",), failed=("Adalbert",), fingerprint="2-2"), again)
    publish([root])
    yield counting - {"Anselm", "Aurelian"} | {"Dietrich"}

    look_after(["rollback", "n5", root])
    yield counting

    look_after(["forget", "--doc_id", *ERASED, root])
    counting -= set(ERASED)
    yield counting

    look_after(["compact", root])
    assert any("replaces" in told for told in output.manifests().values())
    resolve([root])
    yield counting

    # A new model reads everything that is there, which is without the shard that vanished.
    commit = partial(output.commit, model=MODELS[1])
    whole = [read("a", ("Adelheid",), failed=("Adalbert",)), again, read("b", ("Balthasar",))]
    commit("n9", *whole, started="2026-01-11T00:00:00+00:00")
    publish([root])
    yield counting | {"Dietrich"}

    look_after(["expire", "--older_than=0", root])
    later = read("e", ("Eleonore",), keep_fields=("year", "place"))
    commit("n10", later, started="2026-01-12T00:00:00+00:00")
    publish([root])
    yield counting | {"Dietrich", "Eleonore"}


def decisions_in(folder: Path) -> Path:
    """A file of decisions by which names are called otherwise than they stand in documents."""
    path = folder / "decisions.csv"
    path.write_text("decision,a,b,label\nsame,Aurelian,Adelheid,\n")
    return path


def test_every_reader_finds_what_counts_in_each_of_ten_nights(
    output: "MadeOutput", tmp_path: Path
) -> None:
    """The same rows as by the manifests, as often; and after `forget`, no word of what went."""
    lake = tmp_path / "lake"
    before: list[str] = []
    with asked_spark(output.root, lake, shown_query()) as ask:
        for number, counting in enumerate(nights(output, lake), 1):
            require_same_rows(output, lake, counting, ask)
            found = places_of(ERASED, [*read_whole(output.root), *read_whole(lake)])
            if number == 7:
                assert found == []
                for table in (*TABLES, "names"):
                    assert len(iceberg_table(output.root, table).snapshots()) == 1
            elif number < 7:
                assert found
                before = found
            if number == 4:
                named = read_names(str(output.root)).to_pylist()
                assert any(row["canonical"] != row["surface"] for row in named)
    assert any(str(lake) in place for place in before)
    assert any("/_iceberg/" in place for place in before)
    assert any("/_published/" in place for place in before)


def require_same_rows(
    output: "MadeOutput", lake: Path, counting: set[str], ask: Ask | None
) -> None:
    """All readers find the rows that count, and the documents are those of these ids."""
    schemas = published_schemas(kept_fields(list(output.manifests().values())))
    asked = ask() if ask else {}
    for table in TABLES:
        rows = stored_rows(str(output.root), table)
        wanted = as_counts(rows.to_pylist())
        assert wanted
        if table == "documents":
            assert sorted(rows["doc_id"].to_pylist()) == sorted(counting)
        for place in (output.root / table, lake / table):
            assert as_counts(delta_rows(place)) == wanted
            assert as_counts(polars_rows(place)) == wanted
        assert as_counts(iceberg_rows(output.root, table)) == wanted
        for told in asked.values():
            assert told[table]["rows"] == wanted
            types = {field.name: _SPARK[str(field.type)] for field in schemas[table]}
            assert told[table]["types"] == types
    if has_names(str(output.root)):
        require_same_names(output.root, lake, asked)


def require_same_names(
    root: Path, lake: Path, asked: Mapping[str, Mapping[str, SparkTable]]
) -> None:
    """All readers find those of `read_names`, and by the query that is shown each entity's name."""
    wanted = as_counts(read_names(str(root)).to_pylist())
    joined = as_counts(read_table(str(root), "entities").to_pylist())
    for place in (root, lake):
        assert as_counts(delta_rows(place / "names")) == wanted
        assert as_counts(polars_rows(place / "names")) == wanted
        assert as_counts(joined_by_polars(place)) == joined
        assert as_counts(joined_by_duckdb(*delta_datasets(place))) == joined
    assert as_counts(iceberg_rows(root, "names")) == wanted
    tables = [iceberg_table(root, table).scan().to_arrow() for table in ("entities", "names")]
    assert as_counts(joined_by_duckdb(*tables)) == joined
    for told in asked.values():
        assert told["names"]["rows"] == wanted
        assert told["names"]["types"] == {f.name: _SPARK[str(f.type)] for f in NAMES}
        assert told["joined"]["rows"] == joined


_SPARK = {
    "string": "string",
    "int32": "int",
    "int64": "bigint",
    "float": "float",
    "binary": "binary",
    str(pa.list_(pa.string())): "array<string>",
    "timestamp[us, tz=UTC]": "timestamp",
}


def read_whole(root: Path) -> Iterator[Piece]:
    """All that can be read there, in Iceberg's packed manifests too."""
    yield from everything(root)
    for path in root.rglob("*.avro"):
        with path.open("rb") as stream:
            reader = fastavro.reader(stream)
            yield Piece(f"{path}, its entries", str([reader.metadata, *reader]).encode())
