"""Dead letters are read again after a repair, and their documents count as if nothing had been."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.text.segmentation import Segmentation, tokenize_document
from pipeline.outputs.current import read_table
from pipeline.run import run
from schemas.errors import DeadLettersError, UsageError
from schemas.records import Document, TokenizedDocument
from tests.builders import last_of_each

Rows = list[dict[str, Any]]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Of each format one file with two good records, one that is bad for now, one for good."""
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [
        {"id": f"d{n}", "text": f"Maria left Lisbon on day {n}.", "year": "1987"} for n in "123"
    ]
    lines = [json.dumps(row) for row in rows]
    (folder / "a.jsonl").write_text("\n".join([*lines, '{"text": "Bo met Ada."}', "{broken"]))
    (folder / "b.txt").write_text("Maria left Lisbon on day 2.")
    pq.write_table(pa.Table.from_pylist(rows), folder / "c.parquet")
    return folder


@pytest.fixture
def extract(corpus: Path, tiny_artifact: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def attempt(run_id: str, *more: str, output: str = "out") -> dict[str, Any]:
        flags = [f"--input={corpus}", f"--model={tiny_artifact}", "--keep_fields=year"]
        flags += [f"--output={tmp_path}/{output}", f"--run_id={run_id}", "--max_dead_letters=1"]
        flags += ["--direct_num_workers=1", "--keep_text=all"]
        assert run(last_of_each([*flags, *more])) == 0
        told: dict[str, Any] = json.loads((tmp_path / output / f"runs/{run_id}.json").read_text())
        return told

    return attempt


@pytest.fixture
def repair(extract: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def attempt(run_id: str, *more: str) -> dict[str, Any]:
        place = f"--input={tmp_path}/out/dead_letters"
        return extract(run_id, place, "--input_format=dead_letters", *more)

    return attempt


def rows(tmp_path: Path, table: str, output: str = "out") -> Rows:
    found = read_table(f"{tmp_path}/{output}", table)
    # Confidence depends on the batch in its last digits.
    names = {"run_id", "processed_at", "confidence"}.intersection(found.column_names)
    return sorted(found.drop_columns(sorted(names)).to_pylist(), key=str)


def break_tokenizer(patch: pytest.MonkeyPatch, culprit: str) -> None:
    def tokenize(document: Document, segmentation: Segmentation) -> TokenizedDocument:
        if culprit in document.text:
            raise ValueError("no sentence ends")
        return tokenize_document(document, segmentation)

    patch.setattr("pipeline.stages.tokenize.tokenize_document", tokenize)


def test_after_a_repair_all_is_as_if_nothing_had_failed(
    extract: Callable[..., Any], repair: Callable[..., Any], tmp_path: Path
) -> None:
    """Rows, kept fields, ids and record numbers; what is bad for good stays one dead letter."""
    extract("whole", output="undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        break_tokenizer(patch, "day 2")
        first = extract("r1")
    assert first["counts"]["dead_letters"] == 3 + 1
    told = repair("r2")
    assert told["status"] == "committed"
    assert (told["counts"]["documents"], told["counts"]["dead_letters"]) == (3, 1)
    assert [(Path(entry["source"]).name, entry["repairs"]) for entry in told["inputs"]] == [
        ("a.jsonl", "r1"),
        ("b.txt", "r1"),
        ("c.parquet", "r1"),
    ]
    for table in ("documents", "entities", "dead_letters"):
        assert rows(tmp_path, table) == rows(tmp_path, table, "undisturbed")
    assert len(rows(tmp_path, "documents")) == 3 + 1 + 1 + 3


def test_what_is_repaired_is_not_read_again_and_what_is_not_is(
    extract: Callable[..., Any], repair: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        break_tokenizer(patch, "day 2")
        extract("r1")
        assert repair("r2")["counts"]["dead_letters"] == 4
    told = repair("r3")
    assert (told["counts"]["documents"], told["counts"]["dead_letters"]) == (3, 1)
    assert repair("r4")["counts"]["records"] == 1
    (tmp_path / "in/a.jsonl").write_text('{"id": "d1", "text": "Maria left Lisbon."}\n')
    assert extract("r5", "--only_new")["counts"]["files"] == 1
    told = repair("r6")
    assert (told["status"], told["tables"]) == ("empty", {})
    assert [row["doc_id"] for row in rows(tmp_path, "documents") if "a.json" in row["source"]] == [
        "d1"
    ]


def test_another_text_field_repairs_records_that_had_none(
    extract: Callable[..., Any], repair: Callable[..., Any], tmp_path: Path, corpus: Path
) -> None:
    """Of jsonl and Parquet, where the raw bytes hold all fields; csv's do not name them."""
    for path in corpus.iterdir():
        path.unlink()
    (corpus / "a.jsonl").write_text('{"id": "x", "body": "Maria left Lisbon."}\n')
    (corpus / "b.csv").write_text("id,text,body\n1,Bo,Ada,\n")
    assert extract("r1")["counts"]["dead_letters"] == 2
    told = repair("r2", "--text_field=body")
    assert (told["counts"]["documents"], told["counts"]["dead_letters"]) == (1, 1)
    (document,) = rows(tmp_path, "documents")
    assert (document["doc_id"], document["text"]) == ("x", "Maria left Lisbon.")
    (letter,) = rows(tmp_path, "dead_letters")
    assert letter["message"] == (
        "A row of csv is not clear without its header: process the file again."
    )
    assert letter["raw"] == b"1,Bo,Ada,\n"


def test_a_record_that_was_cut_stays_a_dead_letter(
    extract: Callable[..., Any], repair: Callable[..., Any], tmp_path: Path, corpus: Path
) -> None:
    """With what is known of it; nothing is read from a part of a text."""
    text = "Maria left Lisbon. " * 5000
    (corpus / "a.jsonl").write_text(json.dumps({"id": "long", "text": text}))
    with pytest.MonkeyPatch.context() as patch:
        break_tokenizer(patch, "Maria")
        extract("r1")
    repair("r2")
    (letter,) = rows(tmp_path, "dead_letters")
    assert (letter["doc_id"], letter["raw_size"]) == ("long", len(text))
    assert letter["message"] == "Only its first 65536 bytes were kept: process the file again."


def test_a_failed_night_keeps_no_other_from_being_repaired(
    extract: Callable[..., Any],
    repair: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its dead letters are passed over, which is said; where there are no others, too."""
    with monkeypatch.context() as patch:
        break_tokenizer(patch, "day 2")
        with pytest.raises(DeadLettersError):
            extract("failed", "--max_dead_letters=0")
        empty = repair("early")
        extract("night")
    expected = (
        "the dead letters of run failed were passed over, since a failed run counts for nothing: "
        "its files are to be read again"
    )
    assert (empty["status"], empty["warnings"]) == ("empty", [expected])
    capsys.readouterr()
    repaired = repair("again")
    assert repaired["counts"]["documents"] == 3
    assert repaired["warnings"][0] == expected
    assert "the dead letters of run failed were passed over" in capsys.readouterr().out


def test_dead_letters_of_elsewhere_are_refused(
    extract: Callable[..., Any], repair: Callable[..., Any], tmp_path: Path
) -> None:
    extract("r1", output="other")
    with pytest.raises(UsageError, match="reads the dead letters of runs that are committed in"):
        repair("r2", f"--input={tmp_path}/other/dead_letters")
    with pytest.raises(UsageError, match="matches no file"):
        repair("r3")
