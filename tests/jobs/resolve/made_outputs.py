"""Outputs of runs that never ran, with the entities that a test wants."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schemas.tables import TABLES
from tests.builders import PART_A, input_of, manifest_of

_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Mention(NamedTuple):
    """An entity of a document of a source; record: which document that is."""

    source: str
    record: int
    text: str
    label: str = "per"
    entity_id: str | None = None


def write_run(root: Path, run_id: str, mentions: Sequence[Mention], day: int = 0) -> None:
    """Write a committed run that read the sources of these entities, and found just them."""
    columns = zip(*mentions, strict=True) if mentions else ((),) * len(Mention._fields)
    source, record, text, label, entity_id = (list(column) for column in columns)
    rows = pa.table(
        {
            "source": pa.array(source, pa.string()),
            "record": pa.array(record, pa.int64()),
            "text": pa.array(text, pa.string()),
            "label": pa.array(label, pa.string()),
            "entity_id": pa.array(entity_id, pa.string()),
        }
    )
    write_rows(root, run_id, rows, sorted(set(source)), day)


def write_rows(
    root: Path, run_id: str, rows: pa.Table, sources: Sequence[str], day: int = 0
) -> None:
    """Write a committed run with these columns of its entities; the others hold nothing."""
    count = len(rows)
    filled = []
    for field in TABLES["entities"]:
        if field.name in rows.schema.names:
            column = rows[field.name].cast(field.type)
        elif pa.types.is_string(field.type):
            column = pa.array([""], pa.string()).take(pa.array(np.zeros(count, np.int32)))
        else:
            column = pa.array(np.zeros(count), pa.float64()).cast(field.type)
        filled.append(column)
    entities = pa.table(filled, schema=TABLES["entities"])
    entities = entities.replace_schema_metadata({b"gleaner.schema_version": b"5"})
    made = manifest_of(run_id, PART_A)
    made["timings"]["started_at"] = (_DAY + timedelta(days=day)).isoformat()
    made["inputs"] = [input_of(source) for source in sources]
    for table, schema in TABLES.items():
        path = root / table / f"run_id={run_id}" / PART_A
        path.parent.mkdir(parents=True)
        pq.write_table(entities if table == "entities" else schema.empty_table(), path)
        data = path.read_bytes()
        told = made["tables"][table]
        told["files"][0] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        told["files"][0]["rows"] = told["rows"] = count if table == "entities" else 0
    (root / "runs").mkdir(exist_ok=True)
    (root / "runs" / f"{run_id}.json").write_text(json.dumps(made))


def many_people(count: int, seed: int = 7) -> pa.Table:
    """So many entities of made people and firms, as collections have them: few are frequent.

    A document has five of one person and one firm: the full name, then short forms of it.
    """
    draw = np.random.default_rng(seed)
    syllables = np.array([a + b for a in "bcdfglmnprstvz" for b in "aeiou"])
    surnames = np.unique([word.capitalize() for word in _joined(draw, syllables, 60_000, 4)])
    first_names = np.unique([word.capitalize() for word in _joined(draw, syllables, 4_000, 3)])
    documents = -(-count // 6)
    person = draw.zipf(1.2, documents) % 400_000
    first = first_names[person * 7919 % len(first_names)]
    last = surnames[person * 104_729 % len(surnames)]
    title = np.array(["Mr.", "Ms.", "Dr."])[person % 3]
    forms = [
        [f"{f} {s}" for f, s in zip(first, last, strict=True)],
        [f"{t} {s}" for t, s in zip(title, last, strict=True)],
        [f"{f[0]}. {s}" for f, s in zip(first, last, strict=True)],
        last.tolist(),
        first.tolist(),
        [f"{s} Holdings Ltd." for s in surnames[draw.zipf(1.3, documents) % len(surnames)]],
    ]
    texts = np.array(forms, object).T.reshape(-1)[:count]
    label = np.tile(np.array(["per"] * 5 + ["org"], object), documents)[:count]
    return pa.table(
        {
            "source": pa.array([f"/in/{n}.jsonl" for n in range(8)]).take(
                pa.array(np.repeat(np.arange(documents) % 8, 6)[:count])
            ),
            "record": pa.array(np.repeat(np.arange(documents), 6)[:count]),
            "text": pa.array(texts, pa.string()),
            "label": pa.array(label, pa.string()),
            "entity_id": pa.nulls(count, pa.string()),
        }
    )


def _joined(
    draw: np.random.Generator, syllables: NDArray[np.str_], count: int, length: int
) -> list[str]:
    return ["".join(parts) for parts in draw.choice(syllables, (count, length))]
