"""Rows in, what is wrong with them by themselves out: no other row and no input is needed."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.outputs.rows import content_hash
from schemas.manifest import Manifest

# What a wrong row is, and whether each row is right; where there is a null, it is not.
Checks = Iterator[tuple[str, NDArray[np.bool_]]]


class WrongRows(NamedTuple):
    """Rows that are wrong in the same way: what it is, how many, and the document of the first."""

    what: str
    rows: int
    source: str
    doc_id: str


def wrong_rows(table: str, rows: pa.RecordBatch, manifest: Manifest) -> Iterator[WrongRows]:
    """Rows of a table in, those that cannot be right out, by what is wrong with them."""
    if table == "entities":
        checks = _entity_checks(rows, manifest)
    elif table == "documents":
        rows = rows.filter(rows["text"].is_valid())  # of others there is nothing to check
        checks = _document_checks(rows)
    else:
        return
    for what, is_right in checks:
        wrong = np.flatnonzero(~is_right)
        if len(wrong):
            (first,) = rows.slice(int(wrong[0]), 1).to_pylist()
            yield WrongRows(what, len(wrong), first["source"], first["doc_id"])


def _entity_checks(rows: pa.RecordBatch, manifest: Manifest) -> Checks:
    names = ("start_char", "end_char", "sentence_start", "sentence_end", "confidence")
    start, end, first, last, confidence = (_numpy(rows[name]) for name in names)
    is_inside = (start < end) & (first >= 0) & (first <= start) & (end <= last)
    is_share = (confidence > 0) & (confidence <= 1)
    yield "the confidence is not above 0 and at most 1", is_share | _may_lack_confidence(rows)
    yield "the offsets are no span of their sentence", is_inside
    length = _numpy(pc.utf8_length(rows["text"]))
    yield "the text is not as long as its offsets say", length == end - start
    models = _numpy(rows["model"].cast(pa.string()))
    yield "the model is not the manifest's", models == manifest["model"]


def _may_lack_confidence(rows: pa.RecordBatch) -> NDArray[np.bool_]:
    """Whether each row has none, and a gazetteer alone found it."""
    if "origin" not in rows.schema.names:
        return np.zeros(len(rows), np.bool_)
    is_listed = pc.equal(rows["origin"], "gazetteer").fill_null(fill_value=False)
    return _numpy(pc.and_(is_listed, rows["confidence"].is_null()))


def _document_checks(rows: pa.RecordBatch) -> Checks:
    lengths = _numpy(pc.utf8_length(rows["text"]))
    is_as_long = lengths == _numpy(rows["characters"])
    yield "the text has not the length that `characters` says", is_as_long
    hashes = np.array([content_hash(text) for text in rows["text"].to_pylist()], object)
    yield "the text does not fit `content_hash`", hashes == _numpy(rows["content_hash"])


def _numpy(column: pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values
