"""A report of millions of rows: small, in memory that does not grow with them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.outputs.storage import RunStorage
from schemas.tables import ENTITIES, documents_schema
from tests.pipeline.report.conftest import Made, MakeRun, Span

ENTITIES_OF_EACH = 10
DOCUMENTS = 500_000
LABELS = ("geo", "per", "org", "tim")
_PER_FILE = 100_000  # documents

PROGRAM = """
import re, sys, time
from jobs.report.__main__ import run
from pipeline.report import page
# Of the system's own account: what getrusage says is that of the parent process, where it was more.
peak = lambda: int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
start, began = peak(), time.perf_counter()
run(["--output", sys.argv[1]])
print(time.perf_counter() - began, peak(), start)
"""


def documents(first: int, count: int, keep_text: bool) -> pa.Table:
    ids = [f"d{n}" for n in range(first, first + count)]
    texts = [f"{'x' * 40} " * 20 if keep_text else None for _ in ids]
    columns: dict[str, Any] = {
        "doc_id": ids,
        "source": [f"/in/{first}.jsonl"] * count,
        "record": range(count),
        "characters": [820] * count,
        "sentences": [1] * count,
        "tokens": [20] * count,
        "unknown_tokens": np.arange(count) % 20,
        "entities": [ENTITIES_OF_EACH] * count,
        "content_hash": ids,
        "processed_at": [0] * count,
        "text": texts,
    }
    schema = documents_schema()
    return pa.table(
        {name: pa.array(columns[name]).cast(schema.field(name).type) for name in columns}
    )


def entities(first: int, count: int, chance: np.random.Generator) -> pa.Table:
    rows = count * ENTITIES_OF_EACH
    place = np.tile(np.arange(ENTITIES_OF_EACH) * 41, count)
    names = np.minimum(chance.pareto(0.35, rows), 1e12).astype(np.int64)
    labels = pa.array(chance.integers(0, len(LABELS), rows), pa.int32())
    number = pa.array(names).cast(pa.string())
    columns: dict[str, Any] = {
        "doc_id": pa.array([f"d{n}" for n in range(first, first + count)]).take(
            pa.array(np.repeat(np.arange(count), ENTITIES_OF_EACH))
        ),
        "source": pa.array([f"/in/{first}.jsonl"]).take(pa.array(np.zeros(rows, np.int32))),
        "sentence": pa.array(np.zeros(rows), pa.int32()),
        "sentence_start": pa.array(np.zeros(rows), pa.int64()),
        "sentence_end": pa.array(np.full(rows, 820), pa.int64()),
        "start_char": pa.array(place),
        "end_char": pa.array(place + 40),
        "text": number,
        "label": pa.DictionaryArray.from_arrays(labels, pa.array(LABELS)),
        "confidence": pa.array(chance.random(rows), pa.float32()),
        "model": pa.array(["m"]).take(pa.array(np.zeros(rows, np.int32))),
    }
    return pa.table({name: columns[name].cast(ENTITIES.field(name).type) for name in columns})


def write(table: pa.Table, name: str, number: int, storage: RunStorage) -> dict[str, Any]:
    path = Path(storage.table_directory(name), f"part-{number:032x}.parquet")
    pq.write_table(table, path, compression="zstd", row_group_size=128 * 1024)
    data = path.read_bytes()
    return {
        "path": f"{name}/run_id={storage.run_id}/{path.name}",
        "rows": len(table),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("keep_text", [True, False])
def test_five_million_entities_make_a_small_page_in_bounded_time_and_memory(
    make_run: MakeRun, keep_text: bool
) -> None:
    run = make_run([Made("d", "Bo", [Span(0, 2)])])
    chance = np.random.default_rng(3)
    manifest: Any = run.manifest
    for name in ("documents", "entities"):
        manifest["tables"][name]["files"] = []
    for number, first in enumerate(range(0, DOCUMENTS, _PER_FILE)):
        for name, table in (
            ("documents", documents(first, _PER_FILE, keep_text)),
            ("entities", entities(first, _PER_FILE, chance)),
        ):
            manifest["tables"][name]["files"].append(write(table, name, number, run.storage))
    manifest["counts"] |= {
        "documents": DOCUMENTS,
        "records": DOCUMENTS,
        "tokens": 20 * DOCUMENTS,
        "entities": ENTITIES_OF_EACH * DOCUMENTS,
    }
    Path(run.storage.manifest).write_text(json.dumps(manifest))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, run.storage.root],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, most, start = map(float, done.stdout.splitlines()[-1].split())
    size = Path(run.storage.report).stat().st_size
    told = f"{seconds:.1f} s, {most:.0f} MB (at its start {start:.0f}), a page of {size:,} bytes"
    sys.stdout.write(told + "\n")
    assert size < 2_000_000
    assert most - start < 500
    assert seconds < 90
