"""ExtractEntities: the stages of the job, for Beam pipelines of other people."""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection

from model.gazetteer.lists import ListFiles, paths_of
from model.tagger.artifact import load_artifact
from pipeline.configuration.extraction import ExtractionConfig
from pipeline.console.flags import require_bounds, same_flag
from pipeline.filesystems.gazetteer_files import gazetteer_loader
from pipeline.filesystems.model_files import read_model, settle_model
from pipeline.inputs.formats import ReadConfig, RecordBuilder, Values
from pipeline.outputs.rows import RowConfig, dead_letter_rows, entity_rows
from pipeline.stages.batch import BatchByTokens
from pipeline.stages.coders import register_coders
from pipeline.stages.dead_letters import (
    DEAD_LETTERS,
    NamedPTransform,
    TaggedDeadLetter,
    in_halves,
    routed,
    set_aside,
)
from pipeline.stages.pad import PadBatches
from pipeline.stages.tag import TagBatches, TaggerHandler
from pipeline.stages.tokenize import TokenizeDocuments
from schemas.errors import RecordError, UsageError
from schemas.records import DeadLetter, Document, Shard, TaggedDocument

STAGE = "ExtractEntities"
_PAIR = 2

Row = dict[str, Any]


class ExtractedEntities(NamedTuple):
    """Rows with the columns of the tables of these names."""

    entities: PCollection[Row]
    dead_letters: PCollection[Row]


@dataclass(eq=False, repr=False)
class ExtractEntities(NamedPTransform[PCollection[Any], ExtractedEntities]):
    """Documents in, their entities out, and a dead letter for each document that failed.

    An element is a pair of an id and a text, or a `schemas.records.Document`, which has a source
    too. A row is a dict with the columns of the table `entities`, or of `dead_letters`.

    model: a bundled name, a directory or a URL; gazetteer: a file of terms or several, what is odd
    about which becomes warnings. Both are looked up when the pipeline is built, and again by each
    worker. The others are as the flags of `pipeline.run`
    with the same names; threads: TensorFlow's in each worker process, None for all cores. Raises
    UsageError for values that are off and for files that are no lists, and ArtifactError, where the
    transform is applied, for a model that is.
    """

    model: str | os.PathLike[str] = same_flag(ExtractionConfig, "model")
    gazetteer: ListFiles = same_flag(ExtractionConfig, "gazetteer")
    min_confidence: float = same_flag(ExtractionConfig, "min_confidence")
    batch_tokens: int = same_flag(ExtractionConfig, "batch_tokens")
    folded_words: int = same_flag(ExtractionConfig, "folded_words")
    threads: int | None = None

    def __post_init__(self) -> None:
        super().__init__()
        require_bounds(self, prefix="")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads is {self.threads}, expected at least 1")

    def expand(self, documents: PCollection[Any]) -> ExtractedEntities:
        model = settle_model(os.fspath(self.model))
        artifact = load_artifact(read_model(model), model)
        handler = TaggerHandler(
            model,
            artifact.identity,
            self.threads,
            self.folded_words,
            self.min_confidence,
            gazetteer_loader(paths_of(self.gazetteer), artifact.segmentation),
        )
        rows = RowConfig(artifact.identity, datetime.now(UTC))
        register_coders()
        take = beam.Map(_document, RecordBuilder(Shard("", "", 0, None, 0, ""), ReadConfig()))
        taken = documents | "TakeDocuments" >> take.with_outputs(DEAD_LETTERS, main="documents")
        tokenized = taken.documents | TokenizeDocuments(artifact.segmentation)
        padded = tokenized.documents | BatchByTokens(self.batch_tokens) | PadBatches()
        tagged = padded.batches | TagBatches(handler)
        make_rows = beam.FlatMap(_entities, rows).with_outputs(DEAD_LETTERS, main="entities")
        entities = tagged.documents | "MakeRows" >> make_rows
        failures = (taken, tokenized, padded, tagged, entities)
        letters = tuple(stage.dead_letters for stage in failures) | "DeadLetters" >> beam.Flatten()
        return ExtractedEntities(
            entities.entities, letters | "MakeDeadLetterRows" >> beam.FlatMap(_dead_letter)
        )


def _document(element: Any, builder: RecordBuilder) -> Document | TaggedDeadLetter:  # noqa: ANN401 - the user's
    """The document that an element is, or what makes it none, as of a record that was read."""
    is_pair = isinstance(element, tuple | list) and len(element) == _PAIR
    if not isinstance(element, Document) and not is_pair:
        error = RecordError("The element is no Document, and no pair of an id and a text.")
        raw = str(element).encode(errors="backslashreplace")
        return TaggedDeadLetter(DEAD_LETTERS, builder.dead_letter(0, error, raw))
    given = element if isinstance(element, Document) else Document(element[0], "", 0, element[1])
    raw = str(given.text).encode(errors="backslashreplace")
    record = builder.build(given.record, raw, Values(given.text, given.doc_id))
    if isinstance(record, DeadLetter):
        return TaggedDeadLetter(DEAD_LETTERS, replace(record, source=given.source))
    return replace(given, doc_id=record.doc_id)


def _entities(document: TaggedDocument, config: RowConfig) -> list[Row | TaggedDeadLetter]:
    made = in_halves(
        [document], lambda some: entity_rows(some, config).to_pylist(), set_aside(STAGE)
    )
    return [routed(row) for row in made]


def _dead_letter(letter: DeadLetter) -> list[Row]:
    return dead_letter_rows([letter]).to_pylist()
