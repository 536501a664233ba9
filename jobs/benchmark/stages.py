"""Each stage by itself: the functions of the pipeline, without Beam, in as many processes.

The documents are read, tokenized and padded first, then tagged, then written, some batches at a
time: so the model's time is that of the model alone, on the very batches that the command makes.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING

from pipeline.console.process import quiet_libraries
from pipeline.inputs.formats import ReadConfig
from pipeline.outputs.storage import run_storage
from schemas.records import Document, PaddedBatch, Shard, TaggedDocument, TokenizedDocument

if TYPE_CHECKING:
    from model.text.segmentation import Segmentation

STAGES = ("read", "tokenize", "pad", "network", "decode", "write")
_MODEL = ("network", "decode")
_BATCHES_AT_ONCE = 8


@dataclass(frozen=True)
class StagePlan:
    """What every process does: its share of the shards, with these settings."""

    shards: Sequence[Shard]
    read: ReadConfig
    model: str
    batch_tokens: int
    folded_words: int
    threads: int | None
    target_bytes: int


@dataclass
class StageTimes:
    """Seconds of each stage in one process, and what went through."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    documents: int = 0
    characters: int = 0
    tokens: int = 0
    cells: int = 0
    unknown_tokens: int = 0

    @property
    def model_seconds(self) -> float:
        """The model alone: network, decoding and posteriors."""
        return sum(self.seconds[stage] for stage in _MODEL)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - started


def measure_stages(plan: StagePlan, processes: int) -> list[StageTimes]:
    """Run the stages in `processes` new processes at once, each with its share of the shards."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    running = []
    for number in range(processes):
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_measure, args=(plan, number, processes, barrier, theirs), daemon=True
        )
        process.start()
        theirs.close()
        running.append((process, ours))
    try:
        return [ours.recv() for _, ours in running]
    finally:
        for process, _ in running:
            process.join()


def _measure(
    plan: StagePlan, number: int, processes: int, barrier: Barrier, results: Connection
) -> None:
    # Beam logs at import, so it is imported once the libraries are quiet.
    quiet_libraries()
    from jobs.benchmark.corpus import documents_of
    from model.runtime import start_tensorflow
    from model.tagger.padding import pad_documents
    from model.text.segmentation import tokenize_document
    from pipeline.filesystems.model_files import open_model
    from pipeline.outputs.rows import RowConfig
    from pipeline.stages.row_sinks import TaggedSink, WriteConfig

    artifact = open_model(plan.model)
    start_tensorflow(plan.threads)
    from model.tagger.tagger import Emitted, Tagger

    times = StageTimes()

    class TimedTagger(Tagger):
        def emit(self, batch: PaddedBatch) -> Emitted:
            with times.timed("network"):
                return super().emit(batch)

    tagger = TimedTagger(artifact, plan.folded_words)
    # Tracing is part of the start-up, which is measured with the whole command.
    tagger.tag(
        pad_documents([tokenize_document(Document("", "", 0, "A b."), artifact.segmentation)])
    )
    with tempfile.TemporaryDirectory() as place:
        storage = run_storage(place, "stages")
        storage.prepare()
        rows = RowConfig(artifact.identity, datetime.now(UTC))
        sink = TaggedSink(WriteConfig(storage, rows, plan.target_bytes))
        barrier.wait()
        times = StageTimes()
        documents = documents_of(plan.shards[number::processes], plan.read)
        while batches := _prepared(documents, artifact.segmentation, plan.batch_tokens, times):
            tagged: list[TaggedDocument] = []
            for batch in batches:
                before = times.seconds["network"]
                started = time.perf_counter()
                tagged += tagger.tag(batch)
                inside = times.seconds["network"] - before
                times.seconds["decode"] += time.perf_counter() - started - inside
            with times.timed("write"):
                sink.write(tagged)
            times.unknown_tokens += sum(document.unknown_tokens for document in tagged)
        with times.timed("write"):
            sink.close()
    results.send(times)


def _prepared(
    documents: Iterator[Document],
    segmentation: "Segmentation",
    batch_tokens: int,
    times: StageTimes,
) -> list[PaddedBatch]:
    """The next padded batches, cut as `BatchByTokens` cuts them; none at the end."""
    from model.tagger.padding import pad_documents
    from model.text.segmentation import tokenize_document
    from pipeline.stages.batch import batch_weight

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
        times.documents += 1
        times.characters += len(document.text)
        times.tokens += len(tokenized.words)
    with times.timed("pad"):
        batches = [pad_documents(batch) for batch in lists if batch]
    times.cells += sum(bucket.words.size for batch in batches for bucket in batch.buckets)
    return batches
