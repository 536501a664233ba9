"""Rows of a Parquet file as records, with the names of tags that `datasets` writes beside them."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from model.corpora.faults import broken
from model.corpora.formats.json_records import Record
from model.corpora.formats.token_columns import TAGS

_MAGIC = b"PAR1"
_SMALLEST = 12  # bytes: the magic twice, and a length
_BATCH_ROWS = 1000


def is_parquet(stored: bytes) -> bool:
    """Whether bytes begin and end as a Parquet file, and are no text that happens to do so."""
    framed = stored.startswith(_MAGIC) and stored.endswith(_MAGIC)
    return framed and len(stored) >= _SMALLEST and b"\0" in stored


def parquet_records(path: str, stored: bytes) -> list[Record]:
    """The rows of a Parquet file, each at the line of its number, as JSON would have them.

    Numbers in columns of tags become the names that the file has for them. Raises CorpusError for a
    file that cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(stored))
        names = _tag_names(file.schema_arrow.metadata)
        records: list[Record] = []
        for batch in file.iter_batches(_BATCH_ROWS):
            records += [
                Record(line, _named(row, names))
                for line, row in enumerate(batch.to_pylist(), len(records) + 1)
            ]
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise broken(path, 1, f"this Parquet file cannot be read: {reason}") from error
    return records


def _tag_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, Sequence[str]]:
    """The names of the classes in each column of tags, by the features that `datasets` writes."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    if not isinstance(features, dict):
        return {}
    found = {key: _class_names(features.get(key)) for key in TAGS}
    return {key: names for key, names in found.items() if names}


def _class_names(feature: Any) -> list[str]:  # noqa: ANN401 - a feature is nested in any depth
    """The names of a class label: of a feature, of that in its list, or of a list of one."""
    if isinstance(feature, list):
        return _class_names(feature[0]) if feature else []
    if not isinstance(feature, dict):
        return []
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel" and isinstance(names, list):
        return [str(name) for name in names]
    return _class_names(feature.get("feature"))


def _named(row: dict[str, Any], names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    named = {
        key: [
            known[tag] if isinstance(tag, int) and 0 <= tag < len(known) else tag
            for tag in row[key]
        ]
        for key, known in names.items()
        if isinstance(row.get(key), list)
    }
    return {**row, **named}
