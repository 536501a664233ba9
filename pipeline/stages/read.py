"""ReadDocuments: shards in; documents, dead letters and what was counted in each shard out."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput

from pipeline.console.progress import ProgressLog
from pipeline.console.text import cause
from pipeline.inputs.fields import FieldsSeen
from pipeline.inputs.files import current_fingerprint
from pipeline.inputs.formats import STAGE, ReadConfig, Record, ShardError, read_records
from pipeline.inputs.shards import open_shard
from pipeline.stages.dead_letters import DEAD_LETTERS, NamedPTransform, TaggedDeadLetter
from schemas.errors import STOPS
from schemas.manifest import Aside
from schemas.records import DeadLetter, Document, Shard, ShardResult

_SHARD_RESULTS: Final = "shard_results"

# Beam reads this for the element type of the output.
_TaggedResult = TaggedOutput[Literal["shard_results"], ShardResult]

# Why a record is not wanted; None: it is.
Screen = Callable[[Record], Aside | None]
LoadScreen = Callable[[], Screen]


class ReadOutputs(NamedTuple):
    """The three collections that reading gives."""

    documents: PCollection[Document]
    dead_letters: PCollection[DeadLetter]
    shard_results: PCollection[ShardResult]


class ReadDocuments(NamedPTransform[PCollection[Shard], ReadOutputs]):
    """Shards in, `ReadOutputs` out: every record once, as a document or as a dead letter.

    A shard that cannot be opened, breaks off or changes while it is read gives one dead letter
    more, with `record` None; the records before the break stay, and its result says
    `complete=False`. `ShardResult.records` counts all records, also those not wanted.

    progress: the directory where workers report, None where nobody looks. screens: each is loaded
    by every worker; what one of them does not want is counted in the result and goes no further.
    """

    def __init__(
        self,
        config: ReadConfig,
        progress: str | None = None,
        screens: Sequence[LoadScreen] = (),
    ) -> None:
        super().__init__()
        self.config = config
        self.progress = progress
        self.screens = screens

    def expand(self, shards: PCollection[Shard]) -> ReadOutputs:
        read = beam.ParDo(_ReadShard(self.config, self.progress, self.screens))
        outputs = read.with_outputs(DEAD_LETTERS, _SHARD_RESULTS, main="documents")
        return ReadOutputs(*(shards | "ReadShard" >> outputs))


class _ReadShard(beam.DoFn):
    """Streams one shard; what is held is one record, whatever the size of the file."""

    def __init__(
        self,
        config: ReadConfig,
        progress: str | None = None,
        load_screens: Sequence[LoadScreen] = (),
    ) -> None:
        self._load_screens = load_screens
        self._screens: list[Screen] = []
        self._config = config
        self._progress = progress
        self._log: ProgressLog | None = None
        self._documents_read = Metrics.counter("ReadDocuments", "documents_read")
        self._dead_letters = Metrics.counter("ReadDocuments", "dead_letters")
        self._shards_read = Metrics.counter("ReadDocuments", "shards_read")
        self._shards_broken = Metrics.counter("ReadDocuments", "shards_broken")

    def setup(self) -> None:
        self._screens = [load() for load in self._load_screens]

    def start_bundle(self) -> None:
        if self._progress:
            self._log = ProgressLog(self._progress)

    def finish_bundle(self) -> None:
        if self._log:
            self._log.flush()

    def process(self, shard: Shard) -> Iterator[Document | TaggedDeadLetter | _TaggedResult]:
        """One shard in; its records, and at the end its `ShardResult`, out."""
        records: Counter[str] = Counter()
        aside: dict[Aside, Counter[str]] = {}
        complete = True
        seen = FieldsSeen(self._config.sought)
        try:
            with open_shard(shard.place, self._config.max_window_mb) as stream:
                for record in read_records(stream, shard, self._config, seen):
                    records[record.source] += 1
                    if self._screens and (why := self._why_aside(record)):
                        aside.setdefault(why, Counter())[record.source] += 1
                    elif isinstance(record, Document):
                        self._documents_read.inc()
                        yield record
                    else:
                        self._dead_letters.inc()
                        yield TaggedDeadLetter(DEAD_LETTERS, record)
            if current_fingerprint(shard.place) != shard.fingerprint:
                raise ShardError("The file changed after it was matched.")
        except STOPS:
            raise
        except BaseException as error:  # noqa: BLE001 - filesystems and parsers raise what they like
            complete = False
            letter = shard_dead_letter(shard, records.total(), error)
            if not self._why_aside(letter):  # a forgotten source is named nowhere
                yield TaggedDeadLetter(DEAD_LETTERS, letter)
        if self._log:
            self._log.add(sources=[shard.source])
        (self._shards_read if complete else self._shards_broken).inc()
        absent = tuple(sorted(seen.missing)) if seen.is_known else None
        result = ShardResult(
            shard.source,
            shard.start,
            shard.fingerprint,
            dict(records),
            complete,
            aside,
            absent=absent,
            keys=tuple(seen.keys) if absent and "withheld" not in aside else (),
        )
        yield _TaggedResult(_SHARD_RESULTS, result)

    def _why_aside(self, record: Record) -> Aside | None:
        return next(filter(None, (screen(record) for screen in self._screens)), None)


def shard_dead_letter(shard: Shard, records: int, error: BaseException) -> DeadLetter:
    """What broke off the reading of `shard` after `records` records in, its dead letter out."""
    where = f" ({shard.part_in_words})" if shard.part_in_words else ""
    message = f"The shard{where} broke off after {records} records: {cause(error)}."
    return DeadLetter(shard.source, None, None, STAGE, type(error).__name__, message)
