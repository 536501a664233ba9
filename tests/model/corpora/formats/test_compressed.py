"""Compressed labelled files are read whatever they are called, whole or not at all."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from model.corpora import read_labelled
from schemas.errors import CorpusError
from tests.builders import parquet_of

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstandard": zstandard.compress,
}
DOCUMENT = {"id": "a", "text": "Ada left.", "entities": [{"start": 0, "end": 3, "label": "per"}]}
FILES = {
    "kaggle": b"Sentence #,Word,POS,Tag\n1,Ada,N,B-per\n,left,V,O\n",
    "conll": b"Ada N B-per\nleft V O\n",
    "iob2": b"1\tAda\tB-per\t-\t-\n2\tleft\tO\t-\t-\n",
    "jsonl": json.dumps(DOCUMENT).encode(),
    "json": json.dumps([DOCUMENT]).encode(),
    "parquet": parquet_of(tokens=[["Ada", "left"]], ner_tags=[["B-per", "O"]]),
}


@pytest.mark.parametrize("corpus_format", FILES)
@pytest.mark.parametrize("name", COMPRESS)
def test_every_format_is_read_in_every_compression(
    tmp_path: Path, name: str, corpus_format: str
) -> None:
    """Of one member or several, as the file itself would be, and the report says how it is."""
    content = FILES[corpus_format]
    plain, packed, parts = (tmp_path / part for part in ("plain", "packed", "parts"))
    plain.write_bytes(content)
    packed.write_bytes(COMPRESS[name](content))
    parts.write_bytes(COMPRESS[name](content[:9]) + COMPRESS[name](content[9:]))
    expected = read_labelled(plain)
    assert expected.format == corpus_format
    for path in (packed, parts):
        corpus = read_labelled(path)
        assert corpus.sentences == expected.sentences
        assert corpus.documents == expected.documents
        assert corpus.facts == (*expected.facts, name)


def damaged(content: bytes) -> Iterator[bytes]:
    yield content[:-3]
    yield content[: len(content) // 2]
    yield content[:20] + bytes([content[20] ^ 255]) + content[21:]


@pytest.mark.parametrize("name", COMPRESS)
def test_a_file_that_is_cut_off_or_damaged_is_refused(tmp_path: Path, name: str) -> None:
    """Else a part of the sentences would be trained on, and nobody would know."""
    path = tmp_path / "cut.conll"
    rows = "".join(f"word{n * n} O\n" for n in range(3000)).encode()
    for content in damaged(COMPRESS[name](rows)):
        path.write_bytes(content)
        with pytest.raises(CorpusError, match=f":1: the {name} file is (cut off|damaged)"):
            read_labelled(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(bz2.compress(b"\n" * (129 * 2**20)))
    with pytest.raises(CorpusError, match="the bzip2 file holds more than 134,217,728 bytes"):
        read_labelled(path)


def test_a_word_that_begins_as_bzip2_does_is_a_word(tmp_path: Path) -> None:
    path = tmp_path / "toy"
    path.write_text("BZh91AY O\n")
    assert read_labelled(path).sentences[0].words == ("BZh91AY",)
