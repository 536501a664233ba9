"""Rows in, what is wrong with them by themselves out: no other row and no input is needed."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.current import Manifest
from pipeline.rows import content_hash


def row_problems(table: str, rows: pa.RecordBatch, manifest: Manifest) -> Iterator[str]:
    """One sentence for each kind of wrong row, with how many there are and where the first is."""
    checks = {"entities": _entity_checks, "documents": _document_checks}
    if table not in checks:
        return
    for wrong, right in checks[table](rows, manifest):
        bad = pc.invert(pc.fill_null(right, fill_value=False))
        count = pc.sum(bad).as_py() or 0
        if count:
            first = rows.slice(pc.index(bad, value=True).as_py(), 1).to_pylist()[0]
            yield f"{count:,} rows {wrong}, first {first['doc_id']!r} of {first['source']}"


def _entity_checks(rows: pa.RecordBatch, manifest: Manifest) -> Iterator[tuple[str, pa.Array]]:
    start, end, confidence = (rows[name] for name in ("start_char", "end_char", "confidence"))
    yield (
        "have a confidence that is not above 0 and at most 1",
        pc.and_(pc.greater(confidence, 0), pc.less_equal(confidence, 1)),
    )
    yield (
        "have offsets that are no span of their sentence",
        pc.and_(
            pc.and_(pc.less(start, end), pc.greater_equal(rows["sentence_start"], 0)),
            pc.and_(
                pc.less_equal(rows["sentence_start"], start),
                pc.less_equal(end, rows["sentence_end"]),
            ),
        ),
    )
    yield (
        "have a text that is not as long as their offsets say",
        pc.equal(pc.utf8_length(rows["text"]), pc.subtract(end, start)),
    )
    if not manifest.get("replaces"):  # a merged run has rows of several models
        yield (
            "name another model than the manifest",
            pc.equal(rows["model"].cast(pa.string()), manifest["model"]),
        )


def _document_checks(rows: pa.RecordBatch, _manifest: Manifest) -> Iterator[tuple[str, pa.Array]]:
    """Of documents whose text was kept."""
    text = rows["text"]
    yield (
        "have a text of another length than `characters`",
        pc.or_(text.is_null(), pc.equal(pc.utf8_length(text), rows["characters"])),
    )
    hashes = [None if value is None else content_hash(value) for value in text.to_pylist()]
    yield (
        "have a text that does not fit `content_hash`",
        pc.or_(text.is_null(), pc.equal(pa.array(hashes, pa.string()), rows["content_hash"])),
    )
