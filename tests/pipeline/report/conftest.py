"""What tests of the report share: runs of made-up documents, their files and manifests real."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest

from pipeline.outputs.description import RunDescription
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import RunStorage, run_storage
from pipeline.outputs.transactions import commit_run
from pipeline.report.tables import RunTables
from pipeline.stages.row_sinks import DeadLetterSink, TaggedSink, WriteConfig
from schemas.manifest import Configuration, Manifest
from schemas.records import (
    ORIGINS,
    DeadLetter,
    Document,
    FileResult,
    ListedEntities,
    ShardResult,
    TaggedDocument,
)
from tests.builders import configuration

SOURCE = "/in/a.jsonl"


class Span(NamedTuple):
    """An entity of a made-up document, in one sentence that is the whole text unless it is said.

    Without a confidence a list alone found it.
    """

    start: int
    end: int
    label: str = "per"
    confidence: float | None = 0.9
    sentence: tuple[int, int] | None = None


class Made(NamedTuple):
    """A made-up document."""

    doc_id: str
    text: str
    spans: Sequence[Span] = ()
    source: str = SOURCE
    tokens: int = 10
    unknown: int = 1

    def tagged(self, record: int) -> TaggedDocument:
        spans = sorted(self.spans, key=lambda span: (span.start, span.end))
        is_listed = np.array([span.confidence is None for span in spans])
        sentences = [span.sentence or (0, len(self.text)) for span in spans]
        numbers = np.array([(span.start, span.end) for span in spans], np.int64).reshape(-1, 2)
        bounds = np.array(sentences, np.int64).reshape(-1, 2)
        return TaggedDocument(
            document=Document(self.doc_id, self.source, record, self.text),
            sentences=1,
            tokens=self.tokens,
            unknown_tokens=self.unknown,
            sentence_lengths=np.array([self.tokens] if self.tokens else [], np.int32),
            sentence=np.zeros(len(spans), np.int32),
            sentence_start=bounds[:, 0].astype(np.int32),
            sentence_end=bounds[:, 1].astype(np.int32),
            start_char=numbers[:, 0].astype(np.int32),
            end_char=numbers[:, 1].astype(np.int32),
            labels=tuple(span.label for span in spans),
            confidence=np.array([span.confidence for span in spans], np.float32),
            listed=ListedEntities(
                np.where(is_listed, ORIGINS.index("gazetteer"), ORIGINS.index("model")),
                (None,) * len(spans),
            ),
        )


@dataclass(frozen=True)
class MadeRun:
    """A run that never ran, with its storage and what the manifest says."""

    storage: RunStorage
    manifest: Manifest

    @property
    def tables(self) -> RunTables:
        return RunTables(self.storage.root, self.manifest)


MakeRun = Callable[..., MadeRun]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Commits a run of these documents and dead letters; more: settings and manifest's values."""

    def make(
        documents: Sequence[Made] = (),
        letters: Sequence[DeadLetter] = (),
        text_share: float = 1.0,
        run_id: str = "r1",
        rows_per_file: int = 10**9,
        settings: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
        day: int = 0,
    ) -> MadeRun:
        storage = run_storage(str(tmp_path / "out"), run_id)
        at = datetime(2026, 1, 1 + day, tzinfo=UTC)
        sources = {made.source for made in documents} | {letter.source for letter in letters}
        run = RunDescription(
            run_id=run_id,
            started_at=at,
            model="tiny@0123456789ab",
            configuration=cast(Configuration, {**configuration(), **(settings or {})}),
            inputs=dict.fromkeys(sorted(sources), "1-1"),
            shards=[(source, 0) for source in sorted(sources)],
            versions={"gleaner": "0.1.0"},
        )
        storage.prepare()
        config = WriteConfig(storage, RowConfig(run.model, at, (), text_share), rows_per_file)
        tagged, dead = TaggedSink(config), DeadLetterSink(config)
        written = [
            result
            for record, made in enumerate(documents)
            for result in tagged.write([made.tagged(record)])
        ]
        written += [*dead.write(letters), *tagged.close(), *dead.close()]
        files = [result for result in written if isinstance(result, FileResult)]
        assert files == written
        records: Counter[str] = Counter(made.source for made in documents)
        records.update(letter.source for letter in letters if letter.record is not None)
        broken = {letter.source for letter in letters if letter.record is None}
        shards = [
            ShardResult(source, 0, "1-1", {source: records[source]}, source not in broken)
            for source in sorted(sources)
        ]
        manifest = commit_run(files, shards, run, storage)
        storage.discard_staging()
        return MadeRun(storage, cast(Manifest, {**manifest, **(more or {})}))

    return make
