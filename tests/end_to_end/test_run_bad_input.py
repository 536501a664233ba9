"""End to end: whatever the input holds, the run ends with an account of it, and in its place."""

import bz2
import contextlib
import gzip
import json
import lzma
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.inputs.files import Matches, find_files
from pipeline.inputs.shards import open_shard
from pipeline.outputs.layout import LOCK
from pipeline.run import run
from schemas.errors import BrokenFilesError

Rows = list[dict[str, Any]]

IDS = [
    *("../../etc/passwd", "a/b", "/abs", "..", ".", "a\nb\r", "'\"`", "C:\\x", "a\u0000b", "", " "),
    *("run_id=r9", "%2e%2e%2f", "$(touch x)", "\u202eid", "é" * 5000, "NULL", "-1", "😀"),
]
# All characters below the blank, and others that break lines or terminals.
CONTROLS = "".join(map(chr, [*range(32), 127, 0x85, 0xA0, 0xFEFF, 0xFFFE, 0x2028, 0x202E]))


def jsonl(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


GOOD = jsonl({"id": "good", "text": "Maria left Lisbon."})
LONG = b'{"id": "long", "text": "' + b"x" * 1_000_000 + b'"}\n'
# By file: what it holds, and what the dead letters of its records and of the shard say.
BAD: dict[str, tuple[bytes, list[str], str | None]] = {
    "cut.jsonl.gz": (gzip.compress(GOOD * 9)[:-9], [], "the file is truncated."),
    "cut.jsonl.bz2": (bz2.compress(GOOD * 9)[:-9], [], "the file is truncated."),
    "cut.jsonl.zst": (zstandard.compress(GOOD * 9)[:-3], [], "the file is truncated."),
    "foreign.csv.gz": (b"id,text\n1,a\n", [], "the compressed stream is damaged"),
    "foreign.parquet": (b"PAR1" + bytes(50) + b"PAR1", [], "broke off after 0 records"),
    "zero.parquet": (b"", [], "broke off after 0 records"),
    "zero.jsonl": (b"", [], None),
    "zero.csv": (b"", [], None),
    "zero.jsonl.gz": (b"", [], "the file is truncated."),
    "bomb.jsonl.zst": (zstandard.compress(b"\n" * 2**22), [], "a decompression bomb"),
    "quote.csv": (b'id,text\n1,a\n2,"never closed\n', [], "The file ends inside a quoted field."),
    "utf16.jsonl": (
        GOOD.decode().encode("utf-16"),
        [],
        "The file is UTF-16 by its byte order mark: --encoding utf-16.",
    ),
    "utf16be.txt": (
        GOOD.decode().encode("utf-16-be"),
        [],
        "looks like UTF-16-BE without a byte order mark: --encoding utf-16-be.",
    ),
    "image.jsonl": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), [], "a PNG image: it holds no text"),
    "zipped.csv": (b"PK\x03\x04" + bytes(30), [], "The file is a zip archive (or what is one"),
    "docs.zip": (b"PK\x03\x04" + bytes(30), [], "a zip archive by its name: unpack it."),
    "docs.tar.gz": (gzip.compress(bytes(10_240)), [], "a tar archive by its name: unpack it."),
    "gzip.jsonl": (gzip.compress(GOOD), [], "The file is gzip: call it .gz."),
    "twice.jsonl.gz": (gzip.compress(gzip.compress(GOOD)), [], "gzip: unpack it once more."),
    "plain.jsonl.xz": (GOOD, [], "If it is not compressed, take the extension away."),
    "cut.jsonl.xz": (lzma.compress(GOOD * 9)[:-20], [], "the file is truncated."),
    "nuls.md": (
        b"Maria" + bytes(4000),
        [],
        "The file is full of NUL characters: it is no text.",
    ),
    "latin1.txt": ("Zoë".encode("latin-1"), ["not valid UTF-8: byte 0xeb at offset 2."], None),
    "deep.jsonl": (
        b'{"text": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n" + GOOD,
        ["JSON nested too deeply to be read."],
        None,
    ),
    "null.jsonl": (
        b'{"text": "a\0b"}\n\0\0\n' + GOOD,
        ["not valid JSON: Invalid control character at", "not valid JSON: Expecting value"],
        None,
    ),
    "surrogate.jsonl": (jsonl({"text": "a\ud800"}) + GOOD, ["a lone surrogate, U+D800"], None),
    "long.jsonl": (
        LONG + GOOD,
        [f"The record has {len(LONG):,} bytes, more than the 1 MB of --max_record_mb."],
        None,
    ),
    "long.csv": (
        b'id,text\n1,"' + b"x\n" * 600_000 + b'"\n2,Maria\n',
        ["The record has 1,200,005 bytes, more than the 1 MB of --max_record_mb."],
        None,
    ),
}


def rows(output: Path, table: str) -> Rows:
    read: Rows = ds.dataset(output / table, format="parquet").to_table().to_pylist()
    return read


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def extract(tmp_path: Path, tiny_artifact: Path) -> Callable[..., dict[str, Any]]:
    """Runs over the folder `in`; returns the manifest. Nothing may be written beside the output.

    Files that cannot be read are quarantined, and the exit code says that there are some.
    """

    def attempt(*flags: str) -> dict[str, Any]:
        output = tmp_path / "out"
        before = files_below(tmp_path)
        arguments = [f"--model={tiny_artifact}", f"--input={tmp_path}/in", f"--output={output}"]
        arguments += ["--run_id=r1", "--keep_text=all", "--direct_num_workers=1", *flags]
        with contextlib.suppress(BrokenFilesError):
            assert run([*arguments, "--quarantine"]) == 0
        manifest: dict[str, Any] = json.loads((output / "runs/r1.json").read_text())
        named = {
            f"out/{file['path']}"
            for table in manifest["tables"].values()
            for file in table["files"]
        }
        new = files_below(tmp_path) - before
        own = ("out/runs/r1.json", "out/reports/r1.html", f"out/{LOCK}")
        assert new == {*named, *own}
        return manifest

    (tmp_path / "in").mkdir()
    return attempt


def test_every_kind_of_bad_input_is_accounted_for_in_one_run(
    tmp_path: Path, extract: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.inputs.compression.BOMB_BYTES", 2**20)
    for name, (data, _, _) in BAD.items():
        (tmp_path / "in" / name).write_bytes(data)
    manifest = extract("--max_record_mb=1", "--max_dead_letters=1")
    complete = {Path(entry["source"]).name: entry["complete"] for entry in manifest["inputs"]}
    assert complete == {name: broken is None for name, (_, _, broken) in BAD.items()}
    letters = rows(tmp_path / "out", "dead_letters")
    for name, (_, records, broken) in BAD.items():
        own = [letter for letter in letters if Path(letter["source"]).name == name]
        of_records = sorted(
            (letter for letter in own if letter["record"] is not None),
            key=lambda letter: int(letter["record"]),
        )
        assert len(of_records) == len(records), name
        for letter, message in zip(of_records, records, strict=True):
            assert message in letter["message"], name
        of_shard = [letter["message"] for letter in own if letter["record"] is None]
        assert len(of_shard) == (broken is not None), name
        assert all(broken is not None and broken in message for message in of_shard), of_shard
        assert all("\n" not in letter["message"] for letter in own)
    assert manifest["counts"]["broken_files"] == sum(
        broken is not None for _, _, broken in BAD.values()
    )
    good = [name for name, (data, _, _) in BAD.items() if data.endswith(b"\n" + GOOD)]
    found = {
        Path(row["source"]).name
        for row in rows(tmp_path / "out", "documents")
        if row["doc_id"] == "good"
    }
    assert found.issuperset(good)


def test_ids_and_texts_come_out_as_they_are_whatever_they_hold(
    tmp_path: Path, extract: Callable[..., dict[str, Any]]
) -> None:
    """No id is a path: nothing is written anywhere but in the output."""
    texts = [f"Maria left{CONTROLS}Lisbon {number}." for number in range(len(IDS))]
    records = [{"id": i, "text": text} for i, text in zip(IDS, texts, strict=True)]
    (tmp_path / "in/a.jsonl").write_bytes(jsonl(*records))
    pq.write_table(pa.table({"id": IDS, "text": texts}), tmp_path / "in/b.parquet")
    (tmp_path / "in/..%2fc\n'\".txt").write_text("Maria left Lisbon.")
    manifest = extract()
    assert manifest["counts"]["dead_letters"] == 0
    documents = rows(tmp_path / "out", "documents")
    for name in ("a.jsonl", "b.parquet"):
        own = [row for row in documents if row["source"].endswith(name)]
        assert [(row["doc_id"], row["text"]) for row in own] == list(zip(IDS, texts, strict=True))
    by_id = {row["doc_id"]: row["text"] for row in documents}
    entities = rows(tmp_path / "out", "entities")
    assert entities
    for entity in entities:
        text = by_id[entity["doc_id"]]
        assert entity["text"] == text[entity["start_char"] : entity["end_char"]]


def test_a_shard_that_vanishes_after_it_was_matched_is_not_complete(
    tmp_path: Path, extract: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / "in" / name).write_bytes(GOOD)

    def match_and_remove(*arguments: Any, **options: Any) -> Matches:
        found = find_files(*arguments, **options)
        (tmp_path / "in/a.jsonl").unlink()
        return found

    monkeypatch.setattr("pipeline.planning.check.find_files", match_and_remove)
    manifest = extract()
    assert [entry["complete"] for entry in manifest["inputs"]] == [False, True]
    (letter,) = rows(tmp_path / "out", "dead_letters")
    expected = "The shard broke off after 0 records: No such file or directory."
    assert (letter["record"], letter["message"]) == (None, expected)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is replaced"])
def test_a_shard_that_changes_while_it_is_read_is_not_complete(
    change: str,
    tmp_path: Path,
    extract: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its records are kept, but nobody can tell whether they are those of one state of the file."""
    path = tmp_path / "in/a.jsonl"
    path.write_bytes(GOOD * 10)
    read = 0

    def open_and_change(source: str, window_mb: int) -> BinaryIO:
        nonlocal read
        stream = open_shard(source, window_mb)
        read += 1
        if change == "grows":
            with path.open("ab") as end:
                end.write(GOOD)
        elif change == "shrinks":
            os.truncate(path, len(GOOD) * 4)
        else:
            (tmp_path / "in/.new").write_bytes(GOOD.replace(b"good", b"best") * 10)
            (tmp_path / "in/.new").replace(path)
        return stream

    monkeypatch.setattr("pipeline.stages.read.open_shard", open_and_change)
    manifest = extract()
    assert read == 1
    assert [entry["complete"] for entry in manifest["inputs"]] == [False]
    assert manifest["counts"]["documents"] == {"grows": 11, "shrinks": 4, "is replaced": 10}[change]
    (letter,) = rows(tmp_path / "out", "dead_letters")
    assert letter["record"] is None
    assert letter["message"].endswith("The file changed after it was matched.")


def test_ids_that_come_more_than_once_are_warned_of_and_joins_stay_right(
    tmp_path: Path, extract: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """In one file and over two."""
    texts = [f"{'Far away, ' * n}Maria{n} left Lisbon." for n in range(4)]
    same = [{"id": "same", "text": text} for text in texts[:3]]
    (tmp_path / "in/a.jsonl").write_bytes(jsonl(*same, {"id": "alone", "text": texts[3]}))
    (tmp_path / "in/b.jsonl").write_bytes(jsonl(same[0], {"text": texts[1]}))
    manifest = extract()
    expected = "1 document id came more than once, in 4 records: join entities to documents by"
    assert manifest["warnings"] == [f"{expected} source and record"]
    assert expected in " ".join(capsys.readouterr().out.split())
    by_place = {(row["source"], row["record"]): row for row in rows(tmp_path / "out", "documents")}
    entities = rows(tmp_path / "out", "entities")
    assert len(entities) > 4
    for entity in entities:
        document = by_place[entity["source"], entity["record"]]
        assert entity["doc_id"] == document["doc_id"]
        assert entity["text"] == document["text"][entity["start_char"] : entity["end_char"]]
    counted = Counter((entity["source"], entity["record"]) for entity in entities)
    assert counted == {place: row["entities"] for place, row in by_place.items() if row["entities"]}
