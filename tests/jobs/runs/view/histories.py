"""Outputs of any history of runs, and the rows of them that count by search."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from schemas.tables import DEAD_LETTERS, ENTITIES, SCHEMA_VERSION, documents_schema, since
from tests.builders import PART_A, PART_B, configuration, input_of, manifest_of

Manifest = dict[str, Any]
Row = tuple[str, ...]

SOURCES = ("it's/a.jsonl", "[b*].jsonl", "c.jsonl")
# Kept fields differ between runs; one is called as DuckDB would call a column of its own.
FIELDS = ((), ("year",), ("filename", "year"))
TABLES = ("entities", "documents", "dead_letters")

PART_C = f"part-{'c' * 32}.parquet"

FIRST, LATER = (
    {"started_at": time, "finished_at": time, "seconds": 1.0}
    for time in ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00")
)


@st.composite
def histories(draw: st.DrawFn) -> list[Manifest]:
    """Runs of every status and version over some of the sources, repairs and mergers among them."""
    runs: list[Manifest] = []
    for number in range(draw(st.integers(1, 7))):
        before = [told["run_id"] for told in runs]
        inputs = []
        for source in draw(st.lists(st.sampled_from(SOURCES), unique=True, min_size=1)):
            kind = draw(st.sampled_from(["complete", "broken", "repair"]))
            read = input_of(source, complete=kind != "broken")
            if before and kind == "repair":
                read["repairs"] = draw(st.sampled_from(before))
            inputs.append(read)
        at = draw(
            st.sampled_from(["2026-01-01T00:00:00+00:00", f"2026-01-01T00:00:0{number}.5+00:00"])
        )
        told: Manifest = manifest_of(
            f"r{number}",
            status=draw(st.sampled_from(["committed", "committed", "failed", "empty"])),
            schema_version=draw(st.sampled_from([1, 3, SCHEMA_VERSION])),
            timings={"started_at": at, "finished_at": at, "seconds": 1.0},
            configuration=configuration(draw(st.sampled_from(FIELDS))),
            inputs=inputs,
        )
        if before and draw(st.integers(0, 3)) == 0:
            told["replaces"] = draw(st.lists(st.sampled_from(before), min_size=1, unique=True))
        runs.append(told)
    runs[draw(st.integers(0, len(runs) - 1))]["status"] = "committed"
    return runs


def committed(run_id: str, sources: list[str], keep_fields: Sequence[str] = ()) -> Manifest:
    return manifest_of(
        run_id,
        timings=FIRST,
        configuration=configuration(tuple(keep_fields)),
        inputs=[input_of(source) for source in sources],
    )


def rows_of(told: Manifest, table: str) -> Iterator[dict[str, Any]]:
    """Two rows of a run for each source; of a source that broke off, a dead letter of the whole."""
    for entry in told["inputs"]:
        for number in range(2):
            name = f"{entry['source']}{number}"
            if "repairs" in entry:  # it has other records than the run that read the source
                name += told["run_id"]
            row: dict[str, Any] = {"source": entry["source"], "doc_id": name}
            if table == "documents":
                fields = told["configuration"]["keep_fields"]
                yield {**row, "record": number, **{name: f"{name}{number}" for name in fields}}
            elif table == "entities":
                row |= {"start_char": number, "label": told["run_id"]}
                is_older = told["schema_version"] < SCHEMA_VERSION
                listed = {"origin": "gazetteer", "entity_id": name}
                yield {**row, "confidence": 0.5} if is_older else row | listed
            else:
                newer = {"raw_size": 7, "kept_fields": [name, None]}
                more = newer if told["schema_version"] > 1 else {}
                yield {**row, "record": number, "stage": "Read", **more}
        if table == "dead_letters" and not entry["complete"]:
            yield {"source": entry["source"], "record": None, "stage": "Read"}


def write(root: Path, told: Manifest) -> None:
    """The run's files, one beside them that no manifest names, and its manifest.

    Rows of the first input stand in a file of their own. Older manifests do not say which.
    """
    sources = [entry["source"] for entry in told["inputs"]]
    tables = {}
    for table in TABLES:
        folder = root / table / f"run_id={told['run_id']}"
        folder.mkdir(parents=True)
        rows = list(rows_of(told, table))
        write_rows(folder / PART_B, told, table, rows)
        files = []
        for name, own in ((PART_A, sources[:1]), (PART_C, sources[1:])):
            held = [row for row in rows if row["source"] in own]
            if held or name == PART_A:
                write_rows(folder / name, told, table, held)
                files.append(file_of(folder / name, root))
                if told["schema_version"] > 1 and table != "dead_letters":
                    files[-1]["inputs"] = [sources.index(source) for source in own]
        tables[table] = {
            "rows": sum(file["rows"] for file in files),
            "bytes": sum(file["bytes"] for file in files),
            "files": files,
        }
    (root / "runs").mkdir(exist_ok=True)
    shown = {**told, "tables": tables if told["status"] == "committed" else {}}
    (root / "runs" / f"{told['run_id']}.json").write_text(json.dumps(shown, indent=1))


def write_rows(path: Path, told: Manifest, table: str, rows: list[dict[str, Any]]) -> None:
    """A file of a run's table, with the columns that its version has."""
    schema = {
        "entities": ENTITIES,
        "documents": documents_schema(told["configuration"]["keep_fields"]),
        "dead_letters": DEAD_LETTERS,
    }[table]
    kept = told["configuration"]["keep_fields"]
    version = told["schema_version"]
    schema = pa.schema([f for f in schema if f.name in kept or since(f) <= version])
    required = {"confidence"} if version < SCHEMA_VERSION else set()  # of what has a value here
    schema = pa.schema([f.with_nullable(nullable=f.name not in required) for f in schema])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def file_of(path: Path, root: Path) -> dict[str, Any]:
    """What a manifest says of a file."""
    data = path.read_bytes()
    return {
        "path": str(path.relative_to(root)),
        "rows": pq.read_metadata(path).num_rows,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def expected(history: list[Manifest], table: str) -> list[dict[str, Any]]:
    """By search over all pairs of a source and a run."""
    committed = [told for told in history if told["status"] == "committed"]
    gone = {name for told in committed for name in told.get("replaces", ())}
    alive = {told["run_id"]: told for told in committed if told["run_id"] not in gone}

    def order(run_id: str) -> Row:
        return alive[run_id]["timings"]["started_at"], run_id

    rows = []
    for source in SOURCES:
        entries = {
            run_id: entry
            for run_id, told in alive.items()
            for entry in told["inputs"]
            if entry["source"] == source
        }
        reads = [
            (entry["complete"], order(run_id), run_id)
            for run_id, entry in entries.items()
            if "repairs" not in entry
        ]
        if not reads:
            continue
        *_, first = max(reads)
        repairs = sorted(
            (run_id for run_id, e in entries.items() if e.get("repairs") == first),
            key=order,
        )
        runs = [first, *(run_id for run_id in repairs if order(run_id) > order(first))]
        for run_id in runs:
            for row in rows_of(alive[run_id], table):
                last_word = run_id == runs[-1] or (run_id == first and row.get("record") is None)
                if row["source"] == source and (table != "dead_letters" or last_word):
                    rows.append({**row, "run_id": run_id})
    return rows


def comparable(rows: list[dict[str, Any]]) -> list[str]:
    """What differs between rows, without the nulls that stand for missing columns."""
    return sorted(
        str(sorted((name, value) for name, value in row.items() if value is not None))
        for row in rows
    )
