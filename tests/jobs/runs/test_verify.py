"""Verify finds every kind of damage, and nothing in an output that is as its runs left it."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem

import jobs.runs.verify.texts
import pipeline.run
from jobs.runs.__main__ import run
from schemas.errors import DeadLettersError, JobError, UsageError

Manifest = dict[str, Any]
Change = Callable[[pa.Table], pa.Table]

TEXT = (
    "Maria 🚢 met {} ships in Lisbon. The river froze on Monday. The council said a ship was at "
    "the harbour."
)
STOPPED = "belongs to a run that is under way or was stopped; in that case the next run removes it"
TABLES = ("entities", "documents")


def lines(name: str, count: int) -> list[str]:
    return [json.dumps({"id": f"{name}{n}", "text": TEXT.format(n)}) for n in range(count)]


@pytest.fixture(scope="module")
def made(tiny_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output with a run of every kind.

    first: version 1, with texts; job: in parts without texts, one with a file that breaks off;
    repair: dead letters of the job; refused and failed; empty. Two documents of a file share an id.
    """
    folder = tmp_path_factory.mktemp("verify")
    inputs = folder / "in"
    inputs.mkdir()
    twice = json.dumps({"id": "a3", "text": "The council is in Lisbon. Maria was at the harbour."})
    (inputs / "a.jsonl").write_text("\n".join([*lines("a", 20), twice]))
    late = json.dumps({"id": "late", "body": "Ships met in Lisbon on Monday. Maria said the."})
    (inputs / "b.jsonl").write_text("\n".join([*lines("b", 12), late, "{"]))
    (inputs / "c.jsonl.gz").write_bytes(b"no gzip")
    (folder / "kept.jsonl").write_text("\n".join(lines("k", 5)))
    flags = [f"--model={tiny_artifact}", f"--output={folder}/out", "--direct_num_workers=1"]
    start = pipeline.run.run
    assert start([*flags, "--run_id=first", f"--input={folder}/kept.jsonl", "--keep_text=all"]) == 0
    job = [*flags, f"--input={inputs}", "--max_dead_letters=0.5", "--keep_text=none"]
    assert start([*job, "--run_id=job", "--commit_shards=2"]) == 0
    letters = [
        *flags,
        "--keep_text=all",
        f"--input={folder}/out/dead_letters",
        "--input_format=dead_letters",
    ]
    assert start([*letters, "--run_id=repair", "--text_field=body"]) == 0
    with pytest.raises(DeadLettersError):
        start([*job, "--run_id=refused", "--max_dead_letters=0"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.commit.committed_manifest", lambda *_: 1 / 0)
        with pytest.raises(JobError):
            start([*job, "--run_id=failed"])
    only_new = [*flags, f"--input={folder}/kept.jsonl", "--keep_text=all", "--only_new"]
    assert start([*only_new, "--run_id=empty"]) == 0
    _make_older(folder / "out")
    return folder / "out"


def _make_older(output: Path) -> None:
    """The run `first` as version 1 wrote it."""
    for path in output.glob("*/run_id=first/*.parquet"):
        rows = pq.read_table(path)
        columns = [name for name in rows.column_names if name not in ("raw_size", "kept_fields")]
        older = {b"gleaner.schema_version": b"1"}
        write(path, rows.select(columns).replace_schema_metadata(older))
        tell(output, path)
    change_manifest(output, "first", lambda told: told.update(schema_version=1))


def write(path: Path, rows: pa.Table) -> None:
    metadata = rows.schema.metadata
    fields = [field.remove_metadata() for field in rows.schema]
    pq.write_table(rows.cast(pa.schema(fields, metadata=metadata)), path)


def tell(output: Path, path: Path) -> None:
    """Let the manifest say of a file what it is now."""
    run_id = path.parent.name.removeprefix("run_id=")

    def change(told: Manifest) -> None:
        table = told["tables"][path.parent.parent.name]
        for file in table["files"]:
            if file["path"].endswith(path.name):
                data = path.read_bytes()
                file["bytes"], file["sha256"] = len(data), hashlib.sha256(data).hexdigest()
        table["bytes"] = sum(file["bytes"] for file in table["files"])

    change_manifest(output, run_id, change)


def change_manifest(output: Path, run_id: str, change: Callable[[Manifest], object]) -> None:
    path = output / f"runs/{run_id}.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def rebuild(output: Path, table: str, change: Change, run_id: str = "job.1") -> None:
    """Change the rows of a run's file, with a manifest that knows the new file."""
    (path,) = (output / table / f"run_id={run_id}").iterdir()
    write(path, change(pq.read_table(path)))
    tell(output, path)


@pytest.fixture
def output(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "out"))


Verified = tuple[int, list[str]]


@pytest.fixture
def verify(output: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Verified]:
    def verified(*names: str) -> Verified:
        code = run(["verify", *names, f"--output={output}"])
        return code, capsys.readouterr().out.splitlines()

    return verified


def test_an_output_as_its_runs_left_it_is_clean(verify: Callable[..., Verified]) -> None:
    """All entities are compared with their document; that two share an id is worth a look."""
    code, told = verify()
    assert code == 0
    warning, _, summary = told
    assert warning.startswith(
        "warning: 1 document id more than once among the rows that count: 'a3' 2 times; "
    )
    words = summary.split()
    assert summary.startswith("checked 7 runs: 13 files, ")
    assert "compared with their document; 1 warning" in summary
    texts, entities = words[words.index("texts") - 1], words[words.index("entities") - 1]
    assert texts == entities != "0"


def test_single_runs_and_jobs_are_checked_alone(
    output: Path, verify: Callable[..., Verified]
) -> None:
    (output / "entities/run_id=first/more.parquet").write_bytes(b"")
    for name, runs in (("job", "2 runs: 6 files"), ("repair", "1 run: 3 files")):
        code, told = verify(name)
        assert (code, len(told)) == (0, 1)
        assert told[0].startswith(f"checked {runs}, ")
        assert told[0].endswith("; nothing is wrong")
    with pytest.raises(UsageError, match="has no run 'none'"):
        verify("none")


def test_texts_are_the_same_in_portions(
    verify: Callable[..., Verified], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where documents that share an id come in different ones."""
    expected = verify()
    monkeypatch.setattr(jobs.runs.verify.texts, "CHARACTERS", 1)
    code, told = verify()
    assert (code, told[:-1]) == (0, expected[1][:-1])


def put(rows: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """The rows with these values first in a column."""
    field = rows.schema.field(name)
    column = values + rows[name].to_pylist()[len(values) :]
    plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return rows.set_column(
        rows.column_names.index(name), field, pa.array(column, plain).cast(field.type)
    )


def swap_offsets(rows: pa.Table) -> pa.Table:
    """Of the first two entities that differ in length by nothing and in words by something."""
    told = rows.to_pylist()
    one, other = next(
        (n, m)
        for n in range(len(told))
        for m in range(n)
        if len(told[n]["text"]) == len(told[m]["text"]) and told[n]["text"] != told[m]["text"]
    )
    order = list(range(len(told)))
    order[one], order[other] = other, one
    return rows.set_column(rows.column_names.index("text"), "text", rows["text"].take(order))


def reverse_text(rows: pa.Table, column: str = "text") -> pa.Table:
    return put(rows, column, [rows[column][0].as_py()[::-1]])


def first_entities(rows: pa.Table) -> pa.Table:
    return put(rows, "doc_id", ["a1"] * sum(i == "a0" for i in rows["doc_id"].to_pylist()))


def other_version(rows: pa.Table) -> pa.Table:
    return rows.replace_schema_metadata({b"gleaner.schema_version": b"9"})


REBUILT: dict[str, tuple[str, Change, str]] = {
    "offsets": ("entities", swap_offsets, "run job.1: {a}: document 'a"),
    "no confidence": (
        "entities",
        lambda rows: put(rows, "confidence", [0.0, 1.5, float("nan")]),
        "run job.1: entities: in 3 rows the confidence is not above 0 and at most 1, first ",
    ),
    "a span outside of its sentence": (
        "entities",
        lambda rows: put(rows, "sentence_end", [0]),
        "run job.1: entities: in 1 row the offsets are no span of their sentence, first ",
    ),
    "a text that is cut": (
        "entities",
        lambda rows: put(rows, "text", [""]),
        "run job.1: entities: in 1 row the text is not as long as its offsets say",
    ),
    "another model": (
        "entities",
        lambda rows: put(rows, "model", ["tiny@000000000000"]),
        "run job.1: entities: in 1 row the model is not the manifest's",
    ),
    "entities of another document": (
        "entities",
        first_entities,
        "run job.1: {a}: document 'a0' counts ",
    ),
    "a label": (
        "entities",
        lambda rows: put(rows, "label", ["new"]),
        "run job.1: the manifest says 0 entities new, but the files have 1",
    ),
    "a row less": (
        "entities",
        lambda rows: rows.slice(1),
        "run job.1: entities/run_id=job.1/{entities} has {rows} rows, but the manifest says ",
    ),
    "a record that failed": (
        "dead_letters",
        lambda rows: put(rows, "record", [None]),
        "run job.1: {b}: the manifest says 2 dead letters, but the files have 1",
    ),
    "tokens": (
        "documents",
        lambda rows: put(rows, "tokens", [10_000]),
        "run job.1: the manifest says ",
    ),
    "a source": (
        "documents",
        lambda rows: put(rows, "source", ["elsewhere"]),
        "run job.1: elsewhere: the manifest says 0 documents, but the files have 1",
    ),
    "a column": (
        "documents",
        lambda rows: rows.drop_columns(["tokens", "record"]),
        "run job.1: documents/run_id=job.1/{documents} lacks the column record",
    ),
    "a column more": (
        "documents",
        lambda rows: rows.append_column("year", pa.nulls(len(rows), pa.string())),
        "has a column year that version 3 of documents does not know",
    ),
    "a type": (
        "documents",
        lambda rows: rows.set_column(5, "tokens", pc.cast(rows["tokens"], pa.int64())),
        "has int64 in the column tokens, expected int32",
    ),
    "a version": ("entities", other_version, "has the schema version '9', expected 1 to 3"),
}


@pytest.mark.parametrize("name", REBUILT)
def test_wrong_rows_are_found_in_files_with_right_checksums(
    output: Path, verify: Callable[..., Verified], name: str
) -> None:
    table, change, expected = REBUILT[name]
    rebuild(output, table, change)
    code, told = verify()
    assert code == 1
    inputs = json.loads((output / "runs/job.1.json").read_text())["inputs"]
    known = {Path(entry["source"]).name[0]: entry["source"] for entry in inputs}
    known |= {
        t: next((output / t / "run_id=job.1").iterdir()).name for t in ("entities", "documents")
    }
    known["rows"] = str(pq.read_table(output / "entities/run_id=job.1").num_rows)
    assert any(expected.format(**known) in line and line.startswith("error: ") for line in told)
    assert "error" in told[-1]


def only(output: Path, pattern: str) -> Path:
    (path,) = output.glob(pattern)
    return path


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def no_parquet(output: Path) -> None:
    path = only(output, "documents/run_id=job.1/*")
    path.write_bytes(b"PAR1")
    tell(output, path)


def put_directory(output: Path) -> None:
    path = only(output, "documents/run_id=repair/*")
    path.unlink()
    path.mkdir()


def count_more(name: str) -> Callable[[Path], None]:
    def change(told: Manifest) -> None:
        told["counts"][name] += 1

    return lambda output: change_manifest(output, "job.1", change)


def count_less_of_source(told: Manifest) -> None:
    told["inputs"][0]["entities"] -= 1
    told["counts"]["entities"] -= 1


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte": (
        lambda out: flip(only(out, "entities/run_id=job.1/*")),
        " has another checksum than the manifest says, its bytes were changed",
    ),
    "an end": (
        lambda out: only(out, "dead_letters/run_id=refused/*").write_bytes(b"PAR1"),
        " has 4 bytes, but the manifest says ",
    ),
    "a missing file": (lambda out: only(out, "documents/run_id=repair/*").unlink(), " is missing"),
    "a foreign file": (
        lambda out: shutil.copy(
            only(out, "entities/run_id=job.1/*"), out / "entities/run_id=job.2/part-x.parquet"
        ),
        "error: entities/run_id=job.2/part-x.parquet is named by no manifest",
    ),
    "rows of a run without a manifest": (
        lambda out: (out / "runs/first.json").unlink(),
        "is named by no manifest",
    ),
    "a directory": (put_directory, " cannot be read: "),
    "no Parquet": (no_parquet, " is no Parquet file that can be read: "),
    "a path of another run": (
        lambda out: change_manifest(
            out, "job.1", lambda told: told["tables"].update(entities=told["tables"]["documents"])
        ),
        " is no place of this run in entities",
    ),
    "tokens": (count_more("tokens"), " tokens, but the documents have "),
    "records": (count_more("records"), "run job.1: counts 36 records, but its inputs 35"),
    "broken files": (count_more("broken_files"), "counts 1 broken files, but its inputs are 0"),
    "entities of a source": (
        lambda out: change_manifest(out, "job.1", count_less_of_source),
        " entities, but the files have ",
    ),
    "labels": (
        lambda out: change_manifest(
            out, "job.1", lambda told: told["counts"].update(entities_by_label={})
        ),
        "run job.1: the manifest says 0 entities ",
    ),
    "bytes of a table": (
        lambda out: change_manifest(
            out, "job.1", lambda told: told["tables"]["entities"].update(bytes=1)
        ),
        "run job.1: counts 1 bytes of entities, but its files ",
    ),
    "a part of a manifest": (
        lambda out: change_manifest(out, "job.1", lambda told: told["counts"].pop("tokens")),
        "run job.1: the manifest lacks 'tokens'",
    ),
    "a kept text": (
        lambda out: rebuild(
            out,
            "documents",
            lambda rows: put(rows, "text", [rows["text"][0].as_py()[::-1]]),
            "first",
        ),
        "run first: documents: in 1 row the text does not fit `content_hash`, ",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found(output: Path, verify: Callable[..., Verified], name: str) -> None:
    change, expected = DAMAGE[name]
    change(output)
    code, told = verify()
    assert code == 1
    assert any(expected in line and line.startswith("error: ") for line in told)


def test_texts_that_were_kept_stand_for_an_input_that_is_gone(
    output: Path, verify: Callable[..., Verified]
) -> None:
    def gone(told: Manifest) -> None:
        told["inputs"][0]["fingerprint"] = "0-0"

    for run_id in ("first", "job.1"):
        change_manifest(output, run_id, gone)
    for run_id, inputs in (("first", 0), ("job.1", 1)):
        entries = json.loads((output / f"runs/{run_id}.json").read_text())["inputs"]
        whole = sum(entry["entities"] for entry in entries)
        known = entries[0]["entities"] if not inputs else whole - entries[0]["entities"]
        code, (told,) = verify(run_id)
        assert code == 0
        assert f" {known} texts of {whole} entities " in told
    rebuild(output, "entities", swap_offsets, "first")
    code, told_lines = verify("first")
    assert code == 1
    assert "does not have" in told_lines[0]


def test_a_repair_is_compared_with_the_dead_letters_that_it_read(
    output: Path, verify: Callable[..., Verified]
) -> None:
    rebuild(output, "entities", reverse_text, "repair")
    code, told = verify("repair")
    assert code == 1
    assert "document 'late' does not have" in told[0]


def test_what_stopped_runs_left_is_remarked(output: Path, verify: Callable[..., Verified]) -> None:
    """The next run cleans it; and names that readers skip do no harm."""
    (output / "_staging/stopped").mkdir(parents=True)
    (output / "entities/run_id=stopped").mkdir()
    (output / "entities/run_id=stopped/part-x.parquet").write_bytes(b"")
    (output / "entities/_SUCCESS").write_bytes(b"")
    code, told = verify()
    assert code == 0
    assert [line for line in told if line.startswith("remark: ")] == [
        "remark: entities/_SUCCESS is named by no manifest",
        "remark: entities/run_id=stopped/part-x.parquet is named by no manifest",
        f"remark: _staging/stopped {STOPPED}",
    ]


def test_the_query_for_ids_that_occur_twice_finds_them_all(
    output: Path, verify: Callable[..., Verified]
) -> None:
    query = verify()[1][1]
    assert run(["view", f"--output={output}"]) == 0
    with duckdb.connect() as connection:
        connection.execute((output / "current.sql").read_text())
        ((doc_id, times, sources),) = connection.execute(query).fetchall()
    assert (doc_id, times, [Path(source).name for source in sources]) == ("a3", 2, ["a.jsonl"])


def test_a_run_that_is_removed_meanwhile_is_no_error(
    output: Path, verify: Callable[..., Verified], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a rollback does, which takes the manifest first."""

    def removed(*_: object) -> list[str]:
        (output / "runs/first.json").unlink(missing_ok=True)
        return ["is missing"]

    monkeypatch.setattr("jobs.runs.verify.one_run.byte_problems", removed)
    code, told = verify("first")
    assert code == 0
    assert told[0] == "remark: run first was changed or removed while it was checked"


def test_a_line_break_in_a_path_does_not_break_the_sentence(
    output: Path, verify: Callable[..., Verified]
) -> None:
    (output / "entities/run_id=first/a\n\x1b.parquet").write_bytes(b"")
    code, told = verify()
    assert code == 1
    assert r"error: entities/run_id=first/a\n\x1b.parquet is named by no manifest" in told


class Store(LocalFileSystem):
    """A directory as an object store, `store:///path`: no renames, no directories, no locks."""

    @classmethod
    def scheme(cls) -> str:
        return "store"

    def match(
        self, patterns: list[str], limits: list[int | None] | None = None
    ) -> list[MatchResult]:
        def named(result: MatchResult) -> MatchResult:
            return MatchResult(
                result.pattern,
                [
                    FileMetadata(f"store://{file.path}", file.size_in_bytes)
                    for file in result.metadata_list
                ],
            )

        paths = [pattern.removeprefix("store://") for pattern in patterns]
        matched = super().match(paths)  # type: ignore[no-untyped-call]  # Beam's has no annotations
        return [named(result) for result in matched]

    def open(self, path: str, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as Beam's
        return super().open(path.removeprefix("store://"), *arguments, **more)

    def create(self, path: str, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as Beam's
        return super().create(path.removeprefix("store://"), *arguments, **more)


def test_outputs_on_an_object_store_are_read_through_beam(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There a file that no manifest names is what a stopped run left; readers never see it."""
    root = f"store://{output}"
    clean = ["verify", f"--output={root}/"]
    assert run(clean) == 0
    assert "remark" not in capsys.readouterr().out
    (output / "entities/run_id=first/more.parquet").write_bytes(b"")
    assert run(clean) == 0
    told = capsys.readouterr().out.splitlines()
    assert "remark: entities/run_id=first/more.parquet is named by no manifest" in told
    assert "texts of" in told[-1]
    only(output, "documents/run_id=repair/*").unlink()
    assert run(clean) == 1
    assert "is missing" in capsys.readouterr().out
    assert run(["list", f"--output={root}"]) == 0
    assert "job.2" in capsys.readouterr().out
    assert run(["diff", "job", "job", f"--output={root}"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2] == "31 documents in both, 0 only in A, 0 only in B"
    assert told[3] == "1 id left out, which several documents of a file share"
    assert run(["view", f"--output={root}"]) == 0
    assert f"'store://{output}/runs/*.json'" in (output / "current.sql").read_text()
    with pytest.raises(UsageError, match="holds no runs"):
        run(["list", f"--output=store://{output.parent}"])
