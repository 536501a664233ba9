"""What stands between records and files: one sink for tagged documents, one for dead letters."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import pyarrow as pa

from model.drift.profile import profile_of
from model.drift.sums import profile_sums
from model.gazetteer.counts import named_counts, term_counts
from pipeline.console.progress import ProgressLog
from pipeline.languages import language_sums
from pipeline.outputs.manifest.repeated_ids import sample_ids
from pipeline.outputs.rows import (
    RowConfig,
    dead_letter_rows,
    document_rows,
    entity_pieces,
    entity_rows,
    is_kept,
)
from pipeline.outputs.storage import RunStorage
from pipeline.outputs.table_writer import TableWriter
from pipeline.stages.dead_letters import in_halves, set_aside
from schemas.records import DeadLetter, FileResult, RowCounts, TaggedDocument
from schemas.tables import DEAD_LETTERS, ENTITIES, documents_schema

STAGE = "WriteTables"

Record_contra = TypeVar("Record_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class WriteConfig:
    """Where and how the tables are written.

    progress: the directory where workers report, None where nobody looks; id_share: of the ids,
    those that are looked at for repeated ones.
    """

    storage: RunStorage
    rows: RowConfig
    target_bytes: int
    progress: str | None = None
    id_share: float = 1.0

    def writer(self, table: str, schema: pa.Schema) -> TableWriter:
        directory = self.storage.writing_directory(table)
        return TableWriter(table, schema, directory, self.target_bytes, self.storage.create)


class RowSink(Protocol[Record_contra]):
    """Takes records of one kind."""

    def accept(self, record: Record_contra) -> int:
        """Count a record that will be written; returns what it weighs in characters."""
        ...

    def write(self, records: Sequence[Record_contra]) -> list[FileResult | DeadLetter]:
        """Write the records; returns the files that this filled, and what could not be rows."""
        ...

    def close(self) -> list[FileResult]:
        """Finish the open files."""
        ...


class _Rows(NamedTuple):
    """The rows that were built of tagged documents, with what is counted of them.

    entities: tables that are made one at a time where they are many.
    """

    entities: Iterable[tuple[pa.Table, RowCounts]]
    documents: tuple[pa.Table, RowCounts]


class TaggedSink:
    """Tagged documents -> rows of `entities` and `documents`; a document is in both, or neither."""

    def __init__(self, config: WriteConfig) -> None:
        self._rows = config.rows
        self._id_share = config.id_share
        self._entities = config.writer("entities", ENTITIES)
        self._documents = config.writer("documents", documents_schema(config.rows.keep_fields))
        self._progress = ProgressLog(config.progress) if config.progress else None

    def accept(self, record: TaggedDocument) -> int:
        if self._progress:
            self._progress.add(documents=1, tokens=record.tokens)
        # The id is written again with each entity.
        return record.document.characters + len(record.document.doc_id) * len(record.labels)

    def write(self, records: Sequence[TaggedDocument]) -> list[FileResult | DeadLetter]:
        # Rows are built before any is written; what the disk refuses is no document's fault.
        built = in_halves(records, lambda some: [self._built(some)], set_aside(STAGE))
        written = ([rows] if isinstance(rows, DeadLetter) else self._write(rows) for rows in built)
        return [result for results in written for result in results]

    def _built(self, records: Sequence[TaggedDocument]) -> _Rows:
        pieces = entity_pieces(records)
        if len(pieces) == 1:
            entities: Iterable[tuple[pa.Table, RowCounts]] = [*map(self._entity_rows, pieces)]
        else:  # made once to see that they can be, and again to be written
            deque(map(self._entity_rows, pieces), maxlen=0)
            entities = map(self._entity_rows, pieces)
        return _Rows(entities, self._document_rows(records))

    def _entity_rows(self, piece: Sequence[TaggedDocument]) -> tuple[pa.Table, RowCounts]:
        sources: Counter[str] = Counter()
        labels: Counter[str] = Counter()
        for record in piece:
            if record.labels:
                sources[record.document.source] += len(record.labels)
                labels.update(record.labels)
        return entity_rows(piece, self._rows), RowCounts(sources, labels)

    def _document_rows(self, records: Sequence[TaggedDocument]) -> tuple[pa.Table, RowCounts]:
        rows = document_rows(records, self._rows)
        sources = Counter(record.document.source for record in records)
        totals: Counter[str] = Counter()
        totals.update(
            {
                "entities": sum(len(record.labels) for record in records),
                "sentences": sum(record.sentences for record in records),
                "characters": sum(len(record.document.text) for record in records),
                **profile_sums(profile_of(records)),
                **language_sums(
                    (record.document.text for record in records), self._sample(records, rows)
                ),
            }
        )
        totals.update(named_counts(term_counts(records)))
        ids = sample_ids((record.document.doc_id for record in records), self._id_share)
        return rows, RowCounts(sources, totals=totals, ids=ids)

    def _write(self, rows: _Rows) -> list[FileResult]:
        return [
            *(result for entities in rows.entities for result in self._entities.write(*entities)),
            *self._documents.write(*rows.documents),
        ]

    def _sample(self, records: Sequence[TaggedDocument], rows: pa.Table) -> Iterator[str]:
        """The texts whose language is found out."""
        share = self._rows.language_share
        if share:
            hashes = rows["content_hash"].to_pylist()
            for record, digest in zip(records, hashes, strict=True):
                if is_kept(digest, share):
                    yield record.document.text

    def close(self) -> list[FileResult]:
        if self._progress:
            self._progress.flush()
        return [*self._entities.close(), *self._documents.close()]


class DeadLetterSink:
    """Dead letters -> rows of `dead_letters`; those of whole shards belong to no record."""

    def __init__(self, config: WriteConfig) -> None:
        self._letters = config.writer("dead_letters", DEAD_LETTERS)

    def accept(self, record: DeadLetter) -> int:
        kept = sum(map(len, filter(None, record.kept_fields or ())))
        return len(record.raw or b"") + len(record.message) + len(record.doc_id or "") + kept

    def write(self, records: Sequence[DeadLetter]) -> list[FileResult | DeadLetter]:
        sources = Counter(letter.source for letter in records if letter.record is not None)
        return [*self._letters.write(dead_letter_rows(records), RowCounts(sources))]

    def close(self) -> list[FileResult]:
        return self._letters.close()
