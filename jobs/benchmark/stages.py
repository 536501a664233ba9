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

from jobs.benchmark.corpus import documents_of
from model.tagger.arithmetic import start_arithmetic
from model.tagger.padding import pad_documents
from model.text.segmentation import Segmentation, tokenize_document
from pipeline.console.process import quiet_libraries
from pipeline.filesystems.model_files import open_model
from pipeline.inputs.formats import ReadConfig
from pipeline.outputs.rows import RowConfig
from pipeline.outputs.storage import run_storage
from schemas.records import Document, PaddedBatch, Shard, TokenizedDocument

STAGES = ("read", "tokenize", "pad", "network", "decode", "write")
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
    tokens: int = 0
    cells: int = 0

    @property
    def model_seconds(self) -> float:
        """The model alone: network, decoding and posteriors."""
        return self.seconds["network"] + self.seconds["decode"]

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
        share = plan.shards[number::processes]
        process = context.Process(target=_measure, args=(plan, share, barrier, theirs), daemon=True)
        process.start()
        theirs.close()
        running.append((process, ours))
    try:
        return [ours.recv() for _, ours in running]
    finally:
        for process, _ in running:
            process.join()


def _measure(
    plan: StagePlan, shards: Sequence[Shard], barrier: Barrier, results: Connection
) -> None:
    # Beam and TensorFlow log at import, so they are imported once the libraries are quiet.
    quiet_libraries()
    start_arithmetic(plan.threads)
    from model.tagger.tagger import Emitted, Tagger
    from pipeline.stages.row_sinks import TaggedSink, WriteConfig

    artifact = open_model(plan.model)
    times = StageTimes()

    class TimedTagger(Tagger):
        def emit_part(self, batch: PaddedBatch) -> Emitted:
            with times.timed("network"):
                return super().emit_part(batch)

    tagger = TimedTagger(artifact, plan.folded_words)
    # Tracing is part of the start-up, which is measured with the whole command.
    first = tokenize_document(Document("", "", 0, "A b."), artifact.segmentation)
    tagger.tag(pad_documents([first]))
    with tempfile.TemporaryDirectory() as place:
        storage = run_storage(place, "stages")
        storage.prepare()
        rows = RowConfig(artifact.identity, datetime.now(UTC))
        sink = TaggedSink(WriteConfig(storage, rows, plan.target_bytes))
        barrier.wait()
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
    results.send(times)


def _prepared(
    documents: Iterator[Document], segmentation: Segmentation, batch_tokens: int, times: StageTimes
) -> list[PaddedBatch]:
    """The next padded batches, cut as `BatchByTokens` cuts them; none at the end."""
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
        times.tokens += len(tokenized.words)
    with times.timed("pad"):
        batches = [pad_documents(batch) for batch in lists if batch]
    times.cells += sum(bucket.words.size for batch in batches for bucket in batch.buckets)
    return batches
