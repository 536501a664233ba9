"""What is no labelled file is named for what it is, with what to do."""

import gzip
import pickle
from pathlib import Path

import pytest

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
        (gzip.compress(gzip.compress(ROWS, mtime=0), mtime=0), "a gzip file within a compressed"),
        (gzip.compress(tar_of("a.conll", ROWS), mtime=0), "a tar archive: unpack it"),
        (zip_of("a.conll", ROWS), "a ZIP archive, or a document of an office: unpack it"),
        (tar_of("a.conll", ROWS), "a tar archive: unpack it"),
        (parquet_of(word=["Ada"])[:-4], "a Parquet file that is cut off, or encrypted"),
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


def test_latin_1_is_named_where_only_utf_8_is_read(tmp_path: Path) -> None:
    path = tmp_path / "toy.conll"
    path.write_bytes("Zoë B-per\n".encode("latin-1"))
    with pytest.raises(CorpusError) as caught:
        read_labelled(path)
    assert str(caught.value) == (
        f"{path}:1: byte 0xeb is not valid UTF-8: if this is latin-1, convert it with "
        "iconv -f latin-1 -t utf-8"
    )
