"""Small files that hold far more than they seem to: read in bounded memory, each with its reason.

They are made and read in a process of their own, whose memory the system bounds and tells.
"""

import bz2
import gzip
import io
import json
import lzma
import random
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.inputs.compression import decompressed
from pipeline.inputs.formats import ReadConfig, ShardError, read_records
from schemas.records import DeadLetter, Shard

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="reads the system's account of memory"
)

MB = 1_000_000
SYNC = b"s" * 16
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": lambda data: gzip.compress(data, 6, mtime=0),
    ".bz2": lambda data: bz2.compress(data, 1),
    ".zst": zstandard.ZstdCompressor(level=3).compress,
    ".xz": lambda data: lzma.compress(data, preset=0),
}
UNITS = [
    *(
        b"[",
        b"{",
        b'{"a":',
        b"[],",
        b"{},",
        b'{"":0},',
        b'"ab",',
        b"1e9,",
        b"7",
        b'"',
        b"\\",
        b"\\u00e9",
    ),
    *(
        b"\n",
        b"\r\n",
        b"a,",
        b'"a\n',
        b'a,"b\n',
        b"ab,",
        b"\0",
        b"\xff",
        "“".encode(),
        b" ",
        b"a b ",
    ),
    *(b'{"text": ""}\n', b'{"text": "a"},', b'"a""b",', b"\xef\xbb\xbf"),
]
AROUND = [
    *((b"", b""), (b'{"text":"a","k":[', b"0]}"), (b'[{"text":"a","k":[', b"0]}]"), (b"[", b"]")),
    *((b'{"text":"', b'"}'), (b'text,id\n"', b'",1\n'), (b"text,id\n", b"\n"), (b'{"k":', b"}")),
]


def text_bomb(rng: random.Random) -> tuple[str, bytes]:
    name = rng.choice(["jsonl", "lines", "text", "csv", "json"])
    unit = rng.choice(UNITS)
    before, after = rng.choice(AROUND)
    size = rng.choice([10_000, 300_000, rng.choice([3, 6]) * MB])
    body = before + unit * (size // len(unit)) + after * rng.randrange(2)
    ending = rng.choice(list(PACK))
    return f"in.{name}{ending}", PACK[ending](body)


def long_of(number: int) -> bytes:
    sink = io.BytesIO()
    fastavro.schemaless_writer(sink, {"type": "long"}, number)
    return sink.getvalue()


NOTHING = {
    "type": "record",
    "name": "n",
    "fields": [{"name": f"f{n}", "type": "null"} for n in range(50)],
}
ITEMS: list[Any] = [
    *("int", "boolean", "string", ["null", "int"], {"type": "array", "items": "int"}, "null"),
    {"type": "record", "name": "i", "fields": [{"name": "z", "type": ["null", "string"]}]},
    {
        "type": "record",
        "name": "j",
        "fields": [{"name": "b", "type": "boolean"}, {"name": "n", "type": NOTHING}],
    },
]


def nested_nothing(depth: int) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": "null"}
    for level in range(depth):
        fields = [
            {"name": "a", "type": kind},
            {"name": "b", "type": f"l{level - 1}" if level else kind},
        ]
        kind = {"type": "record", "name": f"l{level}", "fields": fields}
    return kind


def avro_bomb(rng: random.Random) -> tuple[str, bytes]:
    extra: dict[str, Any] = {"type": rng.choice(["array", "map"])}
    extra["items" if extra["type"] == "array" else "values"] = rng.choice(ITEMS)
    if rng.random() < 0.2:
        extra = nested_nothing(rng.choice([3, 40]))
    fields = [{"name": "text", "type": "string"}, {"name": "k", "type": extra}]
    schema = json.dumps({"type": "record", "name": "r", "fields": fields}).encode()
    count = rng.choice([10, 100_000, 20 * MB, 2**40])
    body = b"\x02a" + long_of(count) + bytes(min(count, 20 * MB)) + b"\0"
    codec = rng.choice(["null", "deflate", "zstandard", "bzip2"])
    if codec == "null":
        body = body[: 2 * MB]
    packed = {
        "null": bytes,
        "deflate": lambda data: zlib.compress(data, 6, -15),
        "zstandard": PACK[".zst"],
        "bzip2": PACK[".bz2"],
    }[codec](body)
    sink = io.BytesIO()
    fastavro.schemaless_writer(
        sink,
        {"type": "map", "values": "bytes"},
        {"avro.codec": codec.encode(), "avro.schema": schema},
    )
    records = rng.choice([1, 1, 1, 2, 2**40])
    size = rng.choice([len(packed), len(packed), len(packed), 2**50])
    return "in.avro", b"Obj\x01" + sink.getvalue() + SYNC + long_of(records) + long_of(
        size
    ) + packed + SYNC


def parquet_bomb(rng: random.Random) -> tuple[str, bytes]:
    value = "a " * rng.choice([10, 10_000, MB, 8 * MB])
    rows = rng.choice([1, 256, 3000])
    once = pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([value]))
    columns: dict[str, Any] = {"text": once}
    if rng.random() < 0.5:
        columns = {"text": pa.array(["a"] * rows), rng.choice(["id", "k"]): once}
    if rng.random() < 0.4:
        kind = pa.list_(
            rng.choice([pa.string(), pa.struct([("s", pa.string())]), pa.list_(pa.int32())])
        )
        columns["k"] = pa.array([[None] * rng.choice([10, 300_000])] + [None] * (rows - 1), kind)
    sink = io.BytesIO()
    pq.write_table(
        pa.table(columns),
        sink,
        compression=rng.choice(["zstd", "gzip", "snappy", "brotli", "none"]),
        dictionary_pagesize_limit=2**30,
        store_schema=rng.random() < 0.5,
        use_dictionary=rng.random() < 0.8 or len(value) * rows > 20 * MB,
        data_page_version=rng.choice(["1.0", "2.0"]),
    )
    return "in.parquet", sink.getvalue()


BOMBS = (text_bomb, avro_bomb, parquet_bomb)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """With a few other bytes, most often among the first or the last ones, where sizes stand."""
    changed = bytearray(data)
    for _ in range(rng.choice([0, 0, 1, 3])):
        near = rng.randrange(min(len(changed), 400))
        changed[rng.choice([near, -1 - near])] = rng.choice(
            [0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)]
        )
    return bytes(changed)


def bomb(seed: int) -> tuple[str, bytes]:
    rng = random.Random(seed)
    path, data = BOMBS[seed % len(BOMBS)](rng)
    return path, damaged(rng, data)


def read_bombs(first: int, last: int) -> Iterator[str]:
    """What is wrong with how some of them are read."""
    for seed in range(first, last):
        path, data = bomb(seed)
        shard = Shard(path, path.split(".")[1], 0, None, len(data), "")
        records = 0
        try:
            stream = decompressed(io.BufferedReader(io.BytesIO(data)), path)
            for record in read_records(stream, shard, ReadConfig(keep_fields=("k",))):
                records += 1
                if isinstance(record, DeadLetter) and not record.message:
                    yield f"seed {seed}: a dead letter without a reason"
        except (ShardError, OSError, EOFError, pa.ArrowException, MemoryError) as error:
            if isinstance(error, MemoryError) or not str(error):
                yield f"seed {seed}: {path}: {error!r}"
        except Exception as error:  # noqa: BLE001 - that is what is sought
            yield f"seed {seed}: {path}: {error!r}"


_CHILD = """if True:
    import importlib.util, sys
    spec = importlib.util.spec_from_file_location("bombs", sys.argv[1])
    bombs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bombs)
    wrong = list(bombs.read_bombs(int(sys.argv[2]), int(sys.argv[3])))
    peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024
    print(peak, *wrong, sep="\\n")
"""


def peak_of(first: int, last: int) -> int:
    """The peak memory of reading some bombs, in MB; fails where one is not answered."""
    command = [sys.executable, "-c", _CHILD, str(Path(__file__)), str(first), str(last)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seeds {first} to {last}: {done.returncode} {done.stderr[-500:]}"
    peak, *wrong = done.stdout.splitlines()
    assert not wrong
    return int(peak)


@pytest.mark.timeout(300)
def test_bombs_of_all_formats_are_read_in_bounded_memory() -> None:
    assert peak_of(0, 30) < 2000


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_bombs() -> None:
    for first in range(30, 1230, 60):
        assert peak_of(first, first + 60) < 2000, first
