"""Rows in, what is wrong with them by themselves out: no other row and no input is needed."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.outputs.rows import content_hash
from schemas.manifest import Manifest


class WrongRows(NamedTuple):
    """Rows that are wrong in the same way: what it is, how many, and the document of the first."""

    what: str
    rows: int
    source: str
    doc_id: str


def wrong_rows(table: str, rows: pa.RecordBatch, manifest: Manifest) -> Iterator[WrongRows]:
    """Rows of a table in, those that cannot be right out, by what is wrong with them."""
    checks = {"entities": _entity_checks, "documents": _document_checks}
    if table not in checks:
        return
    for what, right in checks[table](rows, manifest):
        bad = pc.invert(pc.fill_null(right, fill_value=False))
        count = pc.sum(bad).as_py() or 0
        if count:
            first = rows.slice(pc.index(bad, value=True).as_py(), 1).to_pylist()[0]
            yield WrongRows(what, count, first["source"], first["doc_id"])


def _entity_checks(rows: pa.RecordBatch, manifest: Manifest) -> Iterator[tuple[str, pa.Array]]:
    start, end, confidence = (rows[name] for name in ("start_char", "end_char", "confidence"))
    yield (
        "the confidence is not above 0 and at most 1",
        pc.and_(pc.greater(confidence, 0), pc.less_equal(confidence, 1)),
    )
    yield (
        "the offsets are no span of their sentence",
        pc.and_(
            pc.and_(pc.less(start, end), pc.greater_equal(rows["sentence_start"], 0)),
            pc.and_(
                pc.less_equal(rows["sentence_start"], start),
                pc.less_equal(end, rows["sentence_end"]),
            ),
        ),
    )
    yield (
        "the text is not as long as its offsets say",
        pc.equal(pc.utf8_length(rows["text"]), pc.subtract(end, start)),
    )
    yield (
        "the model is not the manifest's",
        pc.equal(rows["model"].cast(pa.string()), manifest["model"]),
    )


def _document_checks(rows: pa.RecordBatch, _manifest: Manifest) -> Iterator[tuple[str, pa.Array]]:
    """Of documents whose text was kept."""
    text = rows["text"]
    yield (
        "the text has not the length that `characters` says",
        pc.or_kleene(text.is_null(), pc.equal(pc.utf8_length(text), rows["characters"])),
    )
    hashes = [None if value is None else content_hash(value) for value in text.to_pylist()]
    yield (
        "the text does not fit `content_hash`",
        pc.or_kleene(text.is_null(), pc.equal(pa.array(hashes, pa.string()), rows["content_hash"])),
    )
