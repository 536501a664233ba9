"""End to end: documents in, Parquet out, read back with a query engine."""

import bz2
import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.outputs.catalog import held
from pipeline.run import run
from schemas.errors import OutputBusyError
from schemas.tables import TABLES, documents_schema
from tests.builders import PART_A

Rows = list[tuple[Any, ...]]

TEXTS = [
    "Maria met the council in Lisbon on Monday. Ships left the harbour.",
    "😀 Zoë  went\r\nto Kraków.\u00a0Was the river in the South? E\u0301tait-il à Paris?",
    "",
    " \n",
    "The  Council   of Oslo said: \u201cMaria, 1892\u201d.\x85And so on.\tThe end",
    "None of the ships was in Lisbon. NULL met NA, and NaN said nothing. " * 30,
]
GOOD = [{"id": f"a{n}", "text": text, "year": 1900 + n} for n, text in enumerate(TEXTS)]
BAD = {
    b'{"id": "b1", "text": ': "JSONDecodeError",
    b'{"id": "b2", "title": "no text"}': "RecordError",
    b'{"id": "b3", "text": null}': "RecordError",
    b'{"id": "b4", "text": "a\xff"}': "UnicodeDecodeError",
}


def jsonl(prefix: str) -> bytes:
    rows = [json.dumps({**row, "id": f"{prefix}{row['id']}"}, ensure_ascii=False) for row in GOOD]
    return ("\n".join(rows) + "\n").encode()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every format, plain and compressed; four bad records and one truncated file."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "plain.jsonl").write_bytes(jsonl("p") + b"\n".join(BAD) + b"\n")
    (folder / "packed.jsonl.gz").write_bytes(gzip.compress(jsonl("g")))
    (folder / "packed.jsonl.zst").write_bytes(zstandard.compress(jsonl("z")))
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(jsonl("c"))[:-9])
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["id", "text", "year"], *(row.values() for row in GOOD)])
    (folder / "table.csv.bz2").write_bytes(bz2.compress(table.getvalue().encode()))
    pq.write_table(pa.Table.from_pylist(GOOD), folder / "table.parquet")
    (folder / "letter.txt").write_bytes("\ufeffMaria,\r\n\r\nthe river froze.".encode())
    return folder


@pytest.fixture(scope="module")
def output(corpus: Path, tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output") / "made" / "for" / "it"
    flags = [f"--model={tiny_artifact}", f"--output={folder}", "--run_id=r1", "--keep_text=all"]
    flags += ["--max_dead_letters=0.2", "--max_broken_files=0.5"]
    assert run([*flags, "--input", str(corpus), "--keep_fields=year"]) == 0
    return folder


def query(folder: Path, sql: str) -> Rows:
    """`sql` with the names of the tables, over the files of all runs below `folder`."""
    with duckdb.connect() as connection:
        for table in TABLES:
            files = f"{folder}/{table}/*/*.parquet"
            connection.execute(
                f"CREATE VIEW {table} AS FROM read_parquet('{files}', hive_partitioning = true)"
            )
        return connection.execute(sql).fetchall()


def manifest_of(folder: Path, run_id: str = "r1") -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "runs" / f"{run_id}.json").read_text())
    return manifest


def test_every_entity_is_a_piece_of_its_documents_text(output: Path) -> None:
    """`text == document[start_char:end_char]` in code points, within its sentence."""
    texts = {
        (source, doc_id): text
        for source, doc_id, text in query(output, "SELECT source, doc_id, text FROM documents")
    }
    rows = query(
        output,
        "SELECT source, doc_id, text, start_char, end_char, sentence_start, sentence_end,"
        " confidence FROM entities",
    )
    assert len(rows) > 50
    for source, doc_id, text, start, end, sentence_start, sentence_end, confidence in rows:
        assert text == texts[source, doc_id][start:end] != ""
        assert sentence_start <= start < end <= sentence_end
        assert 0 < confidence <= 1
    assert any(not row[2].isascii() for row in rows)


def test_texts_come_through_every_format_unchanged(output: Path) -> None:
    """Six files hold the same six texts, and one has a BOM, which is no text."""
    rows = query(output, "SELECT source, text, year FROM documents ORDER BY source, record")
    by_file: dict[str, list[tuple[str, str | None]]] = {}
    for source, text, year in rows:
        by_file.setdefault(Path(source).name, []).append((text, year))
    assert by_file.pop("letter.txt") == [("Maria,\r\n\r\nthe river froze.", None)]
    expected = [(row["text"], str(row["year"])) for row in GOOD]
    cut = by_file.pop("cut.jsonl.gz")
    assert cut == expected[: len(cut)]
    files = {"plain.jsonl", "packed.jsonl.gz", "packed.jsonl.zst", "table.csv.bz2", "table.parquet"}
    assert by_file == dict.fromkeys(files, expected)


def test_records_are_documents_or_dead_letters_and_all_add_up(output: Path, corpus: Path) -> None:
    manifest = manifest_of(output)
    counts = manifest["counts"]
    assert counts["records"] == counts["documents"] + counts["dead_letters"]
    assert (counts["files"], counts["broken_files"], counts["dead_letters"]) == (7, 1, 4)
    rows = {table: query(output, f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}  # noqa: S608
    assert rows["documents"] == counts["documents"]
    assert rows["dead_letters"] == counts["dead_letters"] + counts["broken_files"]
    sums = "sum(tokens), sum(sentences), sum(characters), sum(unknown_tokens), sum(entities)"
    assert query(output, f"SELECT {sums} FROM documents") == [  # noqa: S608
        tuple(
            counts[name]
            for name in ("tokens", "sentences", "characters", "unknown_tokens", "entities")
        )
    ]
    labels: dict[str, int] = dict(
        query(output, "SELECT label, count(*) FROM entities GROUP BY ALL")
    )
    assert labels == counts["entities_by_label"]
    assert rows["entities"] == counts["entities"]
    assert {Path(i["source"]) for i in manifest["inputs"]} == set(corpus.iterdir())
    for source in manifest["inputs"]:
        where = f"WHERE source = '{source['source']}'"
        (found,) = query(output, f"SELECT count(*), sum(entities) FROM documents {where}")  # noqa: S608
        assert (source["documents"], source["entities"]) == (found[0], found[1] or 0)
        assert source["complete"] == (Path(source["source"]).name != "cut.jsonl.gz")


def test_bad_records_are_dead_letters_with_their_bytes_and_place(output: Path) -> None:
    letters = query(
        output,
        "SELECT record, raw, error, stage FROM dead_letters WHERE record IS NOT NULL ORDER BY 1",
    )
    place, expected = len(jsonl("p")), []
    for raw, error in BAD.items():
        expected.append((place, raw + b"\n", error, "ReadDocuments"))
        place += len(raw) + 1
    assert letters == expected
    (broken,) = query(output, "SELECT source, message, raw FROM dead_letters WHERE record IS NULL")
    assert Path(broken[0]).name == "cut.jsonl.gz"
    assert "the file is truncated" in broken[1]
    assert broken[2] is None


def test_files_have_the_documented_columns_and_the_run_as_partition(output: Path) -> None:
    schemas = {**TABLES, "documents": documents_schema(("year",))}
    for table, schema in schemas.items():
        for path in (output / table).rglob("*.parquet"):
            assert pq.ParquetFile(path).schema_arrow.equals(schema)
        assert query(output, f"SELECT DISTINCT run_id FROM {table}") == [("r1",)]  # noqa: S608
    assert {path.name for path in output.iterdir()} == {*TABLES, "runs", "reports", ".lock"}
    (model,) = query(output, "SELECT DISTINCT model FROM entities")
    assert model == (manifest_of(output)["model"],)


ENTITIES = (
    "SELECT source, doc_id, start_char, end_char, sentence, label, text, confidence "
    "FROM entities ORDER BY ALL"
)


def test_rows_do_not_depend_on_batches_or_processes(
    tiny_artifact: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The bundled corpus with small and large batches, few folded words, and two processes."""
    found = {}
    for name, flags in {
        "b500": ["--batch_tokens=500"],
        "folded": ["--batch_tokens=50000", "--folded_words=16384"],
        "two": ["--batch_tokens=5000", "--direct_num_workers=2"],
    }.items():
        folder = tmp_path / name
        assert run([*flags, f"--model={tiny_artifact}", f"--output={folder}"]) == 0
        found[name] = query(folder, ENTITIES)
    assert capfd.readouterr().err == ""
    expected = found["b500"]
    assert len(expected) > 1000
    for rows in found.values():
        assert [row[:-1] for row in rows] == [row[:-1] for row in expected]
        assert max(abs(a[-1] - b[-1]) for a, b in zip(rows, expected, strict=True)) < 1e-4


def test_entities_below_the_confidence_that_was_asked_for_are_in_no_row_and_no_count(
    tiny_artifact: Path, tmp_path: Path
) -> None:
    """One that has exactly this confidence is kept; the others' rows stay as they are."""
    (tmp_path / "a.jsonl").write_bytes(jsonl("x"))
    flags = [f"--model={tiny_artifact}", f"--input={tmp_path}/a.jsonl"]
    # A tagger that no other test has used: what one met before shows in the last digit.
    flags.append("--folded_words=50001")
    assert run([*flags, f"--output={tmp_path}/all"]) == 0
    everything = query(tmp_path / "all", ENTITIES)
    confidences = sorted(row[-1] for row in everything)
    # As a query engine prints it: the shortest decimal that is this float32.
    least = str(np.float32(confidences[len(confidences) // 2]))
    expected = [row for row in everything if row[-1] >= np.float32(least)]
    assert 0 < len(expected) < len(everything)
    assert min(row[-1] for row in expected) == np.float32(least)

    flags += [f"--min_confidence={least}", "--run_id=r1", f"--output={tmp_path}/some"]
    assert run([*flags]) == 0
    assert query(tmp_path / "some", ENTITIES) == expected
    per_document = dict(Counter(row[1] for row in expected))
    found = query(tmp_path / "some", "SELECT doc_id, entities FROM documents")
    assert {doc_id: n for doc_id, n in found if n} == per_document
    assert len(found) == len(GOOD)
    manifest = manifest_of(tmp_path / "some")
    assert manifest["configuration"]["min_confidence"] == float(least)
    assert manifest["counts"]["entities"] == len(expected)
    assert manifest["counts"]["entities_by_label"] == Counter(row[5] for row in expected)


def test_lines_are_documents_where_the_flag_says_so(tiny_artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "in.log").write_bytes(b"Maria left.\n\nThe river froze.\r\n")
    flags = [f"--model={tiny_artifact}", f"--output={tmp_path}/o", "--keep_text=all"]
    assert run([*flags, f"--input={tmp_path}/in.log", "--input_format=lines"]) == 0
    rows = query(tmp_path / "o", "SELECT record, text, doc_id FROM documents ORDER BY 1")
    assert rows == [
        (n, text, f"{tmp_path}/in.log#{n}")
        for n, text in ((0, "Maria left."), (12, ""), (13, "The river froze."))
    ]


@pytest.mark.parametrize(("choice", "kept"), [("none", 0), ("sample", 6), ("all", 6)])
def test_texts_are_kept_as_told(
    choice: str, kept: int, tiny_artifact: Path, tmp_path: Path
) -> None:
    """A sample of six documents is all of them: 1,000 are wanted."""
    (tmp_path / "a.jsonl").write_bytes(jsonl("x"))
    flags = [f"--model={tiny_artifact}", f"--output={tmp_path}/o", f"--keep_text={choice}"]
    assert run([*flags, f"--input={tmp_path}/a.jsonl"]) == 0
    assert query(tmp_path / "o", "SELECT count(text), count(*) FROM documents") == [(kept, 6)]


def test_without_input_an_allowed_run_is_empty_and_has_the_columns(
    tiny_artifact: Path, tmp_path: Path
) -> None:
    flags = [f"--model={tiny_artifact}", f"--output={tmp_path}/o", "--run_id=r1"]
    assert run([*flags, f"--input={tmp_path}/*.jsonl", "--allow_no_input"]) == 0
    manifest = manifest_of(tmp_path / "o")
    assert (manifest["status"], manifest["inputs"]) == ("empty", [])
    for table in TABLES:
        (path,) = (tmp_path / "o" / table / "run_id=r1").iterdir()
        assert pq.ParquetFile(path).schema_arrow.equals(TABLES[table])
        assert query(tmp_path / "o", f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608


def test_runs_stand_side_by_side(output: Path, tiny_artifact: Path, tmp_path: Path) -> None:
    """Runs share nothing but the output, which one at a time holds; a killed one's rest goes."""
    (tmp_path / "a.jsonl").write_bytes(jsonl("x"))
    flags = [f"--model={tiny_artifact}", f"--output={tmp_path}/o", f"--input={tmp_path}/a.jsonl"]
    stale = tmp_path / f"o/_staging/r2/documents/{PART_A}"
    stale.parent.mkdir(parents=True)
    (copied,) = (output / "documents/run_id=r1").iterdir()
    stale.write_bytes(copied.read_bytes())
    with (
        held(f"{tmp_path}/o"),
        pytest.raises(OutputBusyError, match=f"another run is writing to {tmp_path}/o"),
    ):
        run([*flags, "--run_id=r1"])
    assert stale.exists()
    assert run([*flags, "--run_id=r1"]) == 0
    assert not stale.exists()
    assert run([*flags, "--run_id=r2"]) == 0
    rows = query(tmp_path / "o", "SELECT run_id, count(*) FROM documents GROUP BY 1 ORDER BY 1")
    assert rows == [("r1", 6), ("r2", 6)]
    assert not (tmp_path / "o/_staging").exists()


def test_the_command_prints_its_account_and_nothing_else(
    tiny_artifact: Path, tmp_path: Path
) -> None:
    """No terminal: no progress, no log line, no warning, in two processes too."""
    flags = [f"--model={tiny_artifact}", f"--output={tmp_path}/o", "--run_id=r1"]
    flags += ["--direct_num_workers=2"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.run", "--runner=DirectRunner", *flags],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("TF_")},
    )
    assert (done.returncode, done.stderr) == (0, "")
    counts = manifest_of(tmp_path / "o")["counts"]
    assert f"= {counts['documents']:,} documents + 0 dead letters" in done.stdout
    assert f"{counts['entities']:,} entities" in done.stdout
    assert "\r" not in done.stdout


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for flag in ("input", "input_format", "id_field", "text_field", "keep_fields", "keep_text"):
        assert f"--{flag}" in text
    for flag in (
        "max_record_mb",
        "min_confidence",
        "max_dead_letters",
        "max_broken_files",
        "quarantine",
        "output",
        "model",
        "run_id",
        "batch_tokens",
        "allow_no_input",
        "target_file_mb",
    ):
        assert f"--{flag}" in text
