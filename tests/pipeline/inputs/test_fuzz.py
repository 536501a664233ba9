"""Random and mutated bytes through every reader, random text through the tokenizer.

Nothing may be raised but what ends a shard, and nothing may be lost.
"""

import bz2
import contextlib
import csv
import gzip
import io
import itertools
import json
import lzma
import random
from collections.abc import Callable
from functools import cache, partial

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from model.text.segmentation import TOKEN_STYLES, Segmentation, tokenize_document
from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import FILE_FORMATS, ReadConfig, Record, ShardError, read_records
from schemas.records import Document, Shard

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, 1, mtime=0),
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor(level=1, write_checksum=True).compress,
    ".xz": partial(lzma.compress, preset=0),
}
FORMATS = tuple(FILE_FORMATS)
BOM = b"\xef\xbb\xbf"
CODE_POINTS = [*range(0xD800), *range(0xE000, 0x110000)]
CONFIG = ReadConfig(id_field="m.id", keep_fields=("k", "l"))
PIECES = [
    *(b"\n", b"\r\n", b"\r", b'"', b'""', b",", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
    *(
        b"{",
        b"}",
        b"[",
        b'{"text": "',
        b'"}',
        b'{"text": "a", "m": {"id": 7}}\n',
        b"\\ud800",
        b"\x85",
    ),
    *(b"null", b"1e999", b"NaN", "Čapek 😀".encode(), b"text,m.id\n", b"Maria left Lisbon.", b" "),
]
TEXT_PIECES = [
    *("Maria", "U.S.", "Mr.", "al-Qaida", "1,000", " ", "  ", ".", "!", "?", "...", "\n", "\r\n"),
    *(
        "\x85",
        "\u2028",
        "\u00a0",
        "é",
        "e\u0301",
        "\u0301",
        "😀",
        "👩‍👩‍👧",
        "\u200d",
        "\ufeff",
        "\0",
    ),
    *(
        "'s",
        "\u201c",
        "\u201d",
        "(",
        ")",
        "[1]",
        "-",
        "—",
        "_",
        "中文。",
        "שלום",
        "\U000e0001",
        "i.e.",
    ),
]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with a few of them flipped, removed, doubled, moved or replaced; or a part."""
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        at, length = rng.randrange(len(data) + 1), rng.randrange(1, 9)
        head, middle, tail = data[:at], data[at : at + length], data[at + length :]
        kind = rng.randrange(5)
        if kind == 0:
            data = head + rng.randbytes(len(middle)) + tail
        elif kind == 1:
            data = head + tail
        elif kind == 2:
            data = head + middle * 2 + tail
        elif kind == 3:
            data = head
        else:
            data = head + rng.choice(PIECES) + middle + tail
    return data


@cache
def valid_parquet(rows: int, seed: int) -> bytes:
    rng = random.Random(seed)
    columns = {
        "text": [rng.choice(("Maria", "é" * 40, "", None)) for _ in range(rows)],
        "m": [rng.choice(({"id": n}, None)) for n in range(rows)],
        "k": [rng.choice((["a"], [], None)) for _ in range(rows)],
    }
    sink = io.BytesIO()
    codec = rng.choice(("none", "snappy", "zstd", "gzip"))
    pq.write_table(pa.table(columns), sink, compression=codec, row_group_size=max(rows // 2, 1))
    return sink.getvalue()


@cache
def valid_avro(rows: int, seed: int) -> bytes:
    rng = random.Random(seed)
    inner = {"type": "record", "name": "M", "fields": [{"name": "id", "type": "long"}]}
    fields = [
        {"name": "text", "type": ["null", "string"]},
        {"name": "m", "type": ["null", inner]},
        {"name": "k", "type": {"type": "array", "items": "string"}},
    ]
    records = [
        {
            "text": rng.choice(("Maria", "é" * 40, "", None)),
            "m": rng.choice(({"id": n}, None)),
            "k": rng.choice((["a"], [])),
        }
        for n in range(rows)
    ]
    sink = io.BytesIO()
    schema = {"type": "record", "name": "Row", "fields": fields}
    codec = rng.choice(("null", "deflate", "bzip2", "xz"))
    fastavro.writer(sink, schema, records, codec=codec, sync_interval=30)
    return sink.getvalue()


def json_text(rng: random.Random) -> bytes:
    """An array or an object with one, of whatever values."""
    values: list[object] = [None, 7, 1e300, "", '"]},{', "é\\", [], [{"a": "]"}], {}, {"text": "a"}]
    rows = rng.choices([*values, {"text": "Oslo", "m": {"id": 1}, "k": values}], k=rng.randrange(6))
    whole = rng.choice((rows, rows, {"n": 1, "rows": [{"text": "a"}, *rows], "z": "x"}))
    return json.dumps(whole, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1))).encode()


def content(rng: random.Random, name: str) -> bytes:
    """What a file of this format may hold: random bytes, or pieces that mean something in it."""
    if name == "parquet":
        return mutated(rng, valid_parquet(rng.randrange(1, 6), rng.randrange(20)))
    if name == "avro":
        return mutated(rng, valid_avro(rng.randrange(1, 6), rng.randrange(20)))
    if name == "json" and rng.random() < 0.8:
        return mutated(rng, json_text(rng))
    if rng.random() < 0.2:
        return rng.randbytes(rng.randrange(80))
    head = b"text,m.id,k\n" if name == "csv" else b""
    return head + b"".join(rng.choices(PIECES, k=rng.randrange(30)))


def read(
    data: bytes, name: str, suffix: str = "", start: int = 0, stop: int | None = None
) -> tuple[list[Record], bool]:
    """The records of a shard, and whether it was read to its end."""
    records: list[Record] = []
    shard = Shard("in.x", name, start, stop, len(data), "")
    try:
        stored = io.BufferedReader(io.BytesIO(data), 2**18)
        with decompressed(stored, f"in.x{suffix}") as stream:
            for record in read_records(stream, shard, CONFIG):
                records.append(record)  # noqa: PERF402 - what came before an error is kept
    except (ShardError, OSError, EOFError, pa.ArrowException):
        return records, False
    return records, True


def records_in(data: bytes, name: str) -> int | None:
    """How many records the bytes hold, counted in another way than the readers do, if there is one.

    Of what is no JSON, the reader takes as much as it can.
    """
    if name == "json":
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(data.removeprefix(BOM))
            return len(value) if isinstance(value, list) else None
        return None
    if name == "avro":
        blocks = fastavro.block_reader(io.BytesIO(data), handle_unicode_errors="replace")
        return sum(block.num_records for block in blocks)
    if name in {"text", "parquet"}:
        return 1 if name == "text" else int(pq.read_metadata(io.BytesIO(data)).num_rows)
    if name != "csv":
        lines = data.removeprefix(BOM).split(b"\n")
        lines = lines if lines[-1] else lines[:-1]
        return len([line for line in lines if name == "lines" or line.strip()])
    return rows_in(data)


def rows_in(data: bytes) -> int | None:
    """The rows below the header as Python's csv reads them; None where a quote does not end."""
    text = data.decode("utf-8-sig", "surrogateescape")
    rows, found = csv.reader(io.StringIO(text, newline=""), strict=True), -1  # but for the header
    while True:
        line = rows.line_num
        try:
            row = next(rows, None)
            if row is None:
                return max(found, 0)
            found += row != []
        except csv.Error:
            if rows.line_num > line + 1:  # what follows a quote that does not end is read again
                return None
            found += 1


def check_reader(rng: random.Random, name: str) -> int:
    """One file, whole, in ranges, compressed and damaged; returns how many inputs these were."""
    data = content(rng, name)
    records, complete = read(data, name)
    places = [record.record for record in records]
    assert places == sorted({place for place in places if place is not None})
    counted = records_in(data, name) if complete or name == "json" else None
    if counted is not None:
        assert (len(records), complete) == (counted, True)
    if name == "parquet":
        return 1
    inputs = 1
    if name in {"jsonl", "lines"}:
        cuts = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(3))})
        parts = [read(data, name, "", *cut) for cut in itertools.pairwise(cuts)]
        assert [record for part, _ in parts for record in part] == records
        # Each range looks at the beginning of the file: all of them refuse what is no text.
        assert {done for _, done in parts} <= {complete}
        inputs += len(parts)
    suffix = rng.choice(tuple(COMPRESS))
    packed = COMPRESS[suffix](data)
    assert read(packed, name, suffix) == (records, complete)
    cut_off, done = read(packed[: rng.randrange(len(packed))], name, suffix)
    assert not done
    # Of JSON lines in a .json file, what follows the first decides that they are some; and what is
    # refused as no text may be some up to there.
    is_unclear = name == "json" and (counted is None or data.lstrip()[:1] != b"[")
    is_refused = not complete and not records
    assert cut_off == records[: len(cut_off)] or is_unclear or is_refused
    read(mutated(rng, packed), name, suffix)
    return inputs + 3


def check_tokens(rng: random.Random) -> int:
    """One text, cut in each style; returns how many inputs these were."""
    text = "".join(rng.choices(TEXT_PIECES, k=rng.randrange(40)))
    text += "".join(chr(code) for code in rng.choices(CODE_POINTS, k=rng.randrange(10)))
    for style in TOKEN_STYLES:
        longest = rng.choice((1, 3, 4096))
        segmentation = Segmentation(tokens=style, max_sentence_tokens=longest)
        tokenized = tokenize_document(Document("", "", 0, text), segmentation)
        starts, ends = tokenized.token_start, tokenized.token_end
        spans = list(zip(starts.tolist(), ends.tolist(), strict=True))
        assert list(tokenized.words) == [text[start:end] for start, end in spans]
        assert (starts < ends).all()
        assert (ends[:-1] <= starts[1:]).all()
        gaps = [0, *itertools.chain(*spans), len(text)]
        between = [text[gaps[at] : gaps[at + 1]] for at in range(0, len(gaps), 2)]
        assert not "".join(between).strip()
        offsets = tokenized.sentence_offsets
        assert (offsets[0], offsets[-1]) == (0, len(spans))
        assert ((np.diff(offsets) > 0) & (np.diff(offsets) <= longest)).all()
        assert (tokenized.sentence_start == starts[offsets[:-1]]).all()
        assert (tokenized.sentence_end == ends[offsets[1:] - 1]).all()
    return len(TOKEN_STYLES)


@pytest.mark.parametrize("name", FORMATS)
@given(rng=st.randoms(use_true_random=False))
def test_no_file_makes_a_reader_lose_a_record_or_raise_what_it_should_not(
    name: str, rng: random.Random
) -> None:
    check_reader(rng, name)


@given(rng=st.randoms(use_true_random=False))
def test_any_text_is_cut_into_slices_that_leave_only_blanks(rng: random.Random) -> None:
    check_tokens(rng)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_half_a_million_inputs() -> None:
    """A failure comes with the seed of its round."""
    inputs = 0
    for seed in range(20_000):
        rng = random.Random(seed)
        try:
            inputs += sum(check_reader(rng, name) for name in FORMATS)
            inputs += sum(check_tokens(rng) for _ in range(4))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    assert inputs >= 500_000
