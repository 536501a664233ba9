"""Files of any sizes, compressed ones too, keep all processes of a local run at work to the end."""

import gzip
import io
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inputs.files import match_files
from pipeline.inputs.formats import ReadConfig
from pipeline.inputs.formats.lines import iter_lines
from pipeline.inputs.formats.records import RecordBuilder
from pipeline.inputs.shards import plan_shards, spread
from schemas.records import Document, Shard
from tests.pipeline.stages.reading import read_shards


@given(st.lists(st.integers(0, 10**9), max_size=40), st.integers(0, 9))
def test_each_process_gets_about_as_many_bytes(sizes: list[int], processes: int) -> None:
    """No shard is lost, and no two processes differ by more than the largest of all."""
    shards = [Shard(f"{n}", "text", 0, None, size, "") for n, size in enumerate(sizes)]
    dealt = spread(shards, processes)
    assert Counter(dealt) == Counter(shards)
    if processes < 2:
        assert dealt == shards
        return
    loads = [sum(shard.size for shard in dealt[n::processes]) for n in range(processes)]
    assert max(loads) - min(loads) <= max(sizes, default=0)


def test_large_files_at_every_second_place_are_not_all_read_by_one() -> None:
    shards = [Shard(f"{n}", "text", 0, None, 1 if n % 2 else 100, "") for n in range(8)]
    dealt = spread(shards, 2)
    assert [sum(shard.size for shard in dealt[n::2]) for n in range(2)] == [202, 202]


@given(st.binary(max_size=200), st.integers(1, 4), st.integers(1, 50))
def test_the_parts_of_a_file_give_each_of_its_lines_once(
    data: bytes, parts: int, part_bytes: int
) -> None:
    def lines(number: int, parts: int) -> list[tuple[int, object]]:
        shard = Shard("s", "lines", number, None, 0, "", parts=parts)
        return list(iter_lines(io.BytesIO(data), RecordBuilder(shard, ReadConfig())))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.inputs.formats.lines.PART_BYTES", part_bytes)
        found = [lines(number, parts) for number in range(parts)]
    assert sorted(line for part in found for line in part) == lines(0, 1)


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_a_compressed_file_that_is_most_of_all_is_read_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """In as many parts as there are cores for its share; small ones and others are left whole."""
    monkeypatch.setattr("pipeline.inputs.shards._PARTED_BYTES", 400)
    monkeypatch.setattr("pipeline.inputs.formats.lines.PART_BYTES", 100)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    compress = gzip.compress if ending == ".gz" else zstandard.ZstdCompressor().compress
    texts = [f"{n:x} {n * n:x} {n**5:x} {n**7:x}" for n in range(300)]
    large = tmp_path / f"large.jsonl{ending}"
    large.write_bytes(compress("".join(f'{{"text": "{text}"}}\n' for text in texts).encode()))
    (tmp_path / f"small.jsonl{ending}").write_bytes(compress(b'{"text": "one"}\n'))
    (tmp_path / "other.jsonl.bz2").write_bytes(b"x" * 500)
    shards = plan_shards(match_files([str(tmp_path)]), ReadConfig())
    its = [shard for shard in shards if shard.source == str(large)]
    assert [(shard.start, shard.parts) for shard in its] == [(n, 4) for n in range(4)]
    assert sum(shard.size for shard in its) == large.stat().st_size
    assert len(shards) == 6
    found: list[Document] = []
    for shard in its:
        documents, letters, [result] = read_shards([shard], ReadConfig())
        assert 20 < len(documents) == result.records[str(large)] < 200
        assert (letters, result.complete) == ([], True)
        found += documents
    assert Counter(document.text for document in found) == Counter(texts)
    [whole] = read_shards(
        [Shard(str(large), "jsonl", 0, None, 0, its[0].fingerprint)], ReadConfig()
    )[:1]
    assert sorted(document.record for document in found) == [each.record for each in whole]


def test_many_compressed_files_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.inputs.shards._PARTED_BYTES", 10)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    for n in range(4):
        (tmp_path / f"{n}.lines.gz").write_bytes(gzip.compress(b"one\n" * 9, mtime=0))
    config = ReadConfig("lines")
    assert [shard.parts for shard in plan_shards(match_files([str(tmp_path)]), config)] == [1] * 4
