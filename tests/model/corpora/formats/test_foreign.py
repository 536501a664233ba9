"""What is no labelled file is named for what it is, with what to do."""

import bz2
import gzip
import json
import lzma
import pickle
import shutil
import subprocess
from pathlib import Path

import pytest
import zstandard

from model.corpora import read_labelled
from schemas.errors import CorpusError
from tests.builders import parquet_of, tar_of, zip_of

ROWS = b"Ada B-per\nleft O\n\n" * 20


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        read_labelled(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}:1: this is ")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (gzip.compress(ROWS, mtime=0), "a gzip file: unpack it"),
        (bz2.compress(ROWS), "a bzip2 file: unpack it"),
        (lzma.compress(ROWS), "an xz file: unpack it"),
        (zstandard.compress(ROWS), "a zstandard file: unpack it"),
        (zip_of("a.conll", ROWS), "a ZIP archive, or a document of an office: unpack it"),
        (tar_of("a.conll", ROWS), "a tar archive: unpack it"),
        (parquet_of(word=["Ada"]), "a Parquet file: write its rows as JSON lines or CoNLL"),
        (pickle.dumps([{"text": "Ada"}]), "a pickle: write its rows"),
        (ROWS.decode().encode("utf-16"), "text in UTF-16: convert it with iconv -f UTF-16 -t"),
        (ROWS.decode().encode("utf-16-be"), "text in UTF-16BE: convert it with iconv -f UTF-16BE"),
        (ROWS.decode().encode("utf-32"), "text in UTF-32: convert it with iconv"),
    ],
)
def test_archives_and_encodings_are_named(tmp_path: Path, content: bytes, name: str) -> None:
    assert refusal(tmp_path / "toy.conll", content).startswith(name)


def test_words_that_begin_as_an_archive_does_are_words(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    for word in ("BZh", "PAR1", "%PDF", "ARROW1"):
        path.write_text(f"{word} O\n")
        assert read_labelled(path).sentences[0].words == (word,)


DOCUMENTS = [
    {
        "id": str(n),
        "text": f"Ada saw {n} ships.",
        "entities": [{"start": 0, "end": 3, "label": "p"}],
    }
    for n in range(3)
]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrapped", [False, True])
def test_one_json_document_is_named_with_a_command_that_works(
    tmp_path: Path, wrapped: bool, indent: int | None
) -> None:
    path = tmp_path / "all my labels.json"
    content = {"version": [1], "my docs": DOCUMENTS} if wrapped else DOCUMENTS
    text = json.dumps(content, indent=indent)
    if wrapped and indent is None:
        text = text.replace(', "my docs"', ',\n"my docs"')
    message = refusal(path, text.encode())
    assert message.startswith("one JSON")
    command = message.partition(", not one object a line: ")[2]
    assert command.startswith("jq -c ")
    if not shutil.which("jq"):
        pytest.skip("there is no jq")
    subprocess.run(["sh", "-c", command], check=True, cwd=tmp_path)  # noqa: S607 - any shell
    expected = [document["text"] for document in DOCUMENTS]
    found = read_labelled(tmp_path / "documents.jsonl").documents
    assert [document.text for document in found] == expected


def test_an_object_over_several_lines_is_named(tmp_path: Path) -> None:
    message = refusal(tmp_path / "toy.json", json.dumps(DOCUMENTS[0], indent=1).encode())
    assert message.startswith("one JSON object over several lines: jq -c . ")


def test_an_export_of_label_studio_is_named(tmp_path: Path) -> None:
    tasks = [{"id": 1, "data": {"text": "Ada left."}, "annotations": [{"result": []}]}]
    message = refusal(tmp_path / "toy.json", json.dumps(tasks, indent=1).encode())
    assert message.startswith("a JSON export of Label Studio: export it as CONLL2003 there")


def test_latin_1_is_named_where_only_utf_8_is_read(tmp_path: Path) -> None:
    path = tmp_path / "toy.conll"
    path.write_bytes("Zoë B-per\n".encode("latin-1"))
    with pytest.raises(CorpusError) as caught:
        read_labelled(path)
    assert str(caught.value) == (
        f"{path}:1: byte 0xeb is not valid UTF-8: if this is latin-1, convert it with "
        "iconv -f latin-1 -t utf-8"
    )
