"""The stages over some shards, timed, in a process that has TensorFlow started.

The documents are read, tokenized and padded first, then tagged, then written, some batches at a
time: so the model's time is that of the model alone, on the very batches that the command makes.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from jobs.benchmark.corpus import documents_of
from jobs.benchmark.stages import StagePlan, StageTimes
from model.tagger.artifact import load_artifact, read_files
from model.tagger.padding import pad_documents
from model.tagger.tagger import Emitted, Tagger
from model.text.segmentation import Segmentation, tokenize_document
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import run_storage
from pipeline.stages.batch import batch_weight
from pipeline.stages.row_sinks import TaggedSink, WriteConfig
from schemas.records import Document, PaddedBatch, Shard, TokenizedDocument

_BATCHES_AT_ONCE = 8


def time_stages(
    plan: StagePlan, shards: Sequence[Shard], ready: Callable[[], object]
) -> StageTimes:
    """Run the stages over these shards, once `ready` returns: all processes are started then."""
    artifact = load_artifact(read_files(plan.model), str(plan.model))
    times = StageTimes()

    class TimedTagger(Tagger):
        def emit(self, batch: PaddedBatch) -> Emitted:
            with times.timed("network"):
                return super().emit(batch)

    tagger = TimedTagger(artifact, plan.folded_words)
    # Tracing is part of the start-up, which is measured with the whole command.
    first = tokenize_document(Document("", "", 0, "A b."), artifact.segmentation)
    tagger.tag(pad_documents([first]))
    with tempfile.TemporaryDirectory() as place:
        storage = run_storage(place, "stages")
        storage.prepare()
        rows = RowConfig(artifact.identity, datetime.now(UTC))
        sink = TaggedSink(WriteConfig(storage, rows, plan.target_bytes))
        ready()
        times = StageTimes()
        documents = documents_of(shards, plan.read)
        while batches := _prepared(documents, artifact.segmentation, plan.batch_tokens, times):
            with times.timed("decode"):
                tagged = [document for batch in batches for document in tagger.tag(batch)]
            with times.timed("write"):
                sink.write(tagged)
        with times.timed("write"):
            sink.close()
    times.seconds["decode"] -= times.seconds["network"]  # which was timed within it
    return times


def _prepared(
    documents: Iterator[Document], segmentation: Segmentation, batch_tokens: int, times: StageTimes
) -> list[PaddedBatch]:
    """The next padded batches, cut as `BatchByTokens` cuts them; none at the end."""
    lists: list[list[TokenizedDocument]] = [[]]
    weight = 0
    while len(lists) <= _BATCHES_AT_ONCE:
        with times.timed("read"):
            document = next(documents, None)
        if document is None:
            break
        with times.timed("tokenize"):
            tokenized = tokenize_document(document, segmentation)
        if lists[-1] and weight + batch_weight(tokenized) > batch_tokens:
            lists.append([])
            weight = 0
        lists[-1].append(tokenized)
        weight += batch_weight(tokenized)
        times.tokens += len(tokenized.words)
    with times.timed("pad"):
        batches = [pad_documents(batch) for batch in lists if batch]
    times.cells += sum(bucket.words.size for batch in batches for bucket in batch.buckets)
    return batches
