"""WriteTables: tagged documents and dead letters in, the Parquet files that hold them out."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.transforms.window import GlobalWindows

from pipeline.stages.dead_letters import DEAD_LETTERS, NamedPTransform, routed
from pipeline.stages.row_sinks import DeadLetterSink, RowSink, TaggedSink, WriteConfig
from schemas.records import DeadLetter, FileResult, TaggedDocument

# Records are gathered up to about so many characters before they become rows: little beside the
# model's memory.
BUFFER_CHARACTERS = 8_000_000
RECORD_CHARACTERS = 500  # what a record weighs beside its text


class TableInputs(NamedTuple):
    """What becomes rows."""

    tagged: PCollection[TaggedDocument]
    dead_letters: tuple[PCollection[DeadLetter], ...]  # of each stage that may fail


class WriteTables(NamedPTransform[TableInputs, PCollection[FileResult]]):
    """`TableInputs` in, a `FileResult` for each finished file of the three tables out.

    What a retried bundle wrote twice is in no result, so it does not count.
    """

    def __init__(self, config: WriteConfig) -> None:
        super().__init__()
        self.config = config

    def expand(self, inputs: TableInputs) -> PCollection[FileResult]:
        # The two are written apart: flattening the records first would break Beam's fusion, and
        # every one of them would be encoded and stored once more.
        tagged = inputs.tagged | "WriteTagged" >> beam.ParDo(
            _WriteRecords(TaggedSink, self.config)
        ).with_outputs(DEAD_LETTERS, main="files")
        dead_letters = (
            (*inputs.dead_letters, tagged.dead_letters)
            | "DeadLetters" >> beam.Flatten()
            | "WriteDeadLetters" >> beam.ParDo(_WriteRecords(DeadLetterSink, self.config))
        )
        return (tagged.files, dead_letters) | "Files" >> beam.Flatten()


class _WriteRecords(beam.DoFn):
    """Gathers records, writes them when there are enough, finishes its files with the bundle."""

    def __init__(self, sink: Callable[[WriteConfig], RowSink[Any]], config: WriteConfig) -> None:
        self._make_sink = sink
        self._config = config

    def start_bundle(self) -> None:
        self._sink = self._make_sink(self._config)
        self._records: list[TaggedDocument | DeadLetter] = []
        self._weight = 0

    def process(self, record: TaggedDocument | DeadLetter) -> Iterator[Any]:
        self._records.append(record)
        self._weight += RECORD_CHARACTERS + self._sink.accept(record)
        if self._weight >= BUFFER_CHARACTERS:
            yield from map(routed, self._flush())

    def finish_bundle(self) -> Iterator[Any]:
        for result in [*self._flush(), *self._sink.close()]:
            last = GlobalWindows.windowed_value_at_end_of_window(result)
            yield TaggedOutput(DEAD_LETTERS, last) if isinstance(result, DeadLetter) else last

    def _flush(self) -> list[FileResult | DeadLetter]:
        records, self._records, self._weight = self._records, [], 0
        return self._sink.write(records) if records else []
